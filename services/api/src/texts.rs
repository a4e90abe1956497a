//! The texts that people read, with one file for each language.
//!
//! A text about a problem says what to do next. It never repeats input from the client; its placeholders are filled from the
//! problem's details.
//!
//! Clients of the old system display `message` unchanged. The Korean notices, and the Korean texts of the codes that
//! docs/legacy-system.md lists for the public routes, are part of that contract: do not reword them.

mod en;
mod ko;

use daybook_domain::Status;

use crate::problem::{Code, Details, FieldFault, Rule};

/// A language that responses are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Language {
    /// The default: the old system's clients display messages in Korean.
    #[default]
    Korean,
    English,
}

/// A message in a successful response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    ReservationReceived,
    /// The state of a reservation that a repeated request has found.
    ReservationStands(Status),
    ReservationChanged,
    /// Everything that a change asks for is there already.
    ReservationUnchanged,
    ManyTimesFree,
    FewTimesFree,
    FullyBooked,
    ClinicClosed,
}

impl Language {
    /// The language of a primary language tag such as `en`.
    pub(crate) fn from_primary_tag(tag: &str) -> Option<Self> {
        [("ko", Self::Korean), ("en", Self::English)]
            .into_iter()
            .find_map(|(primary, language)| tag.eq_ignore_ascii_case(primary).then_some(language))
    }
}

impl Notice {
    #[cfg(test)]
    const ALL: [Self; 7] = [
        Self::ReservationReceived,
        Self::ReservationChanged,
        Self::ReservationUnchanged,
        Self::ManyTimesFree,
        Self::FewTimesFree,
        Self::FullyBooked,
        Self::ClinicClosed,
    ];
}

/// The text of a notice.
pub(crate) const fn notice(language: Language, notice: Notice) -> &'static str {
    match language {
        Language::Korean => ko::notice(notice),
        Language::English => en::notice(notice),
    }
}

/// The text of a problem.
pub(crate) fn message(language: Language, code: Code, details: &Details) -> String {
    if let Details::Fields(faults) = details {
        return field_messages(language, faults.list());
    }
    let mut parameters = details.parameters();
    if let Details::Header { rule, .. } = details {
        parameters.push(("{rule}", self::rule(language, rule)));
    }
    fill(template(language, code), parameters)
}

/// A rule in words.
pub(crate) fn rule(language: Language, rule: &Rule) -> String {
    match (language, rule) {
        (Language::Korean, Rule::Range(range)) => ko::range(range),
        (Language::English, Rule::Range(range)) => range.to_string(),
        (Language::Korean, Rule::Format(format)) => ko::format(*format).into_owned(),
        (Language::English, Rule::Format(format)) => en::format(*format).into_owned(),
    }
}

/// The texts of all wrong fields. Fields with the same problem share a sentence if it has room for a list.
fn field_messages(language: Language, faults: &[FieldFault]) -> String {
    let mut sentences: Vec<(&str, Vec<&FieldFault>)> = Vec::new();
    for fault in faults {
        let template = field_template(language, fault.code);
        let is_list = template.contains("{rules}") || template.contains("{fields}");
        match sentences.iter_mut().find(|(other, _)| is_list && *other == template) {
            Some((_, same)) => same.push(fault),
            None => sentences.push((template, vec![fault])),
        }
    }
    let sentences = sentences.iter().map(|(template, faults)| sentence(language, template, faults));
    sentences.collect::<Vec<_>>().join(" ")
}

fn sentence(language: Language, template: &str, faults: &[&FieldFault]) -> String {
    let with_rule = |fault: &&FieldFault| match &fault.rule {
        Some(rule) => format!("{}: {}", fault.field, self::rule(language, rule)),
        None => fault.field.to_string(),
    };
    let fields = faults.iter().map(|fault| fault.field.as_ref()).collect::<Vec<_>>().join(", ");
    let rules = faults.iter().map(with_rule).collect::<Vec<_>>().join("; ");
    // A text of its own has no room for a range.
    let has_range = faults.iter().any(|fault| matches!(fault.rule, Some(Rule::Range(_))));
    let suffix =
        if has_range && !template.contains("{rules}") { format!(" {rules}.") } else { String::new() };
    let parameters = vec![("{field}", fields.clone()), ("{fields}", fields), ("{rules}", rules)];
    fill(template, parameters) + &suffix
}

/// The template for wrong fields. Codes that also stand for a whole body or query have a text of their own there.
const fn field_template(language: Language, code: Code) -> &'static str {
    match (language, code) {
        (_, Code::InvalidQuery) => template(language, Code::InvalidField),
        (Language::Korean, Code::InvalidJson) => ko::WRONG_TYPES,
        (Language::English, Code::InvalidJson) => en::WRONG_TYPES,
        (_, code) => template(language, code),
    }
}

const fn template(language: Language, code: Code) -> &'static str {
    match language {
        Language::Korean => ko::message(code),
        Language::English => en::message(code),
    }
}

fn fill(template: &str, parameters: Vec<(&'static str, String)>) -> String {
    let fill = |text: String, (placeholder, value): (&str, String)| text.replace(placeholder, &value);
    parameters.into_iter().fold(template.to_owned(), fill)
}

#[cfg(test)]
mod tests {
    use daybook_domain::value;

    use super::*;
    use crate::problem::Problem;

    #[test]
    fn every_code_has_a_text_in_both_languages() {
        for code in Code::ALL {
            let (korean, english) = (ko::message(*code), en::message(*code));
            assert!(english.is_ascii() && english.ends_with('.'), "{code:?}");
            assert!(korean.chars().any(|c| ('가'..='힣').contains(&c)), "{code:?}");
            let placeholders = |text: &str| text.matches('{').count();
            assert_eq!(placeholders(korean), placeholders(english), "{code:?} has the same placeholders");
        }
        for notice in Notice::ALL.into_iter().chain(Status::ALL.map(Notice::ReservationStands)) {
            assert_ne!(super::notice(Language::Korean, notice), super::notice(Language::English, notice));
        }
    }

    #[test]
    fn a_korean_rule_has_no_english_words() {
        for (value, range) in value::TABLE {
            let rule = ko::range(range);
            assert!(!rule.contains(" and ") && !rule.contains(" to "), "{value}: {rule}");
        }
        assert_eq!(ko::range(&value::SERVICE_CODE), "A-Z, _ 문자 2~50자");
    }

    #[test]
    fn a_text_names_every_wrong_field_with_its_range() {
        let text = |problem: &Problem, language| message(language, problem.code(), problem.details());
        let missing = Problem::missing_fields(vec!["phone", "service"]);
        assert_eq!(text(&missing, Language::English), "Required fields are missing: phone, service.");
        let seats = FieldFault::out_of_range("slots[0].maxConcurrent", value::MAX_CONCURRENT.range());
        let interval = FieldFault::out_of_range("slots[1].slotInterval", value::SLOT_INTERVAL.range());
        let name = FieldFault::out_of_range("name", value::SERVICE_NAME.range());
        let wrong = Problem::with_faults(vec![seats, name, interval]);
        assert_eq!(
            text(&wrong, Language::English),
            "Please correct these values: slots[0].maxConcurrent: 1 to 100; slots[1].slotInterval: 5 to 240 \
             minutes. Please correct these texts: name: 2 to 100 visible characters on one line."
        );
        assert_eq!(
            text(&wrong, Language::Korean),
            "다음 항목의 값을 확인해 주세요: slots[0].maxConcurrent: 1~100; slots[1].slotInterval: 5~240분 \
             다음 항목의 내용을 확인해 주세요: name: 보이는 문자 2~100자, 한 줄"
        );
    }
}
