//! The search for a part of a name or of a phone number, however both are written.
//!
//! One SQL expression reduces the stored text and the search text, so that both are always reduced alike.

use daybook_domain::SubjectId;

use super::super::uuids;
use super::Conditions;

/// What is searched for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// A part of the name.
    pub text: String,
    /// Digits, any of which is a part of the number.
    pub digits: Vec<String>,
    /// Patients with exactly this number.
    pub subjects: Vec<SubjectId>,
}

/// A text without case, accents, widths, repeated blanks and characters that nobody sees. Hangul and digits, which most names consist of, are as they
/// are.
const FOLDED: &str = r"CASE WHEN {text} ~ '^[가-힣0-9]+( [가-힣0-9]+)*$' THEN {text} ELSE
    lower(normalize(regexp_replace(regexp_replace(normalize({text}, NFKD),
        '[\u00ad\u0300-\u036f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]',
        '', 'g'), '\s+', ' ', 'g'), NFKC)) END";

/// The digits of a number.
const DIGITS: &str = "CASE WHEN r.phone ~ '^[-0-9]*$' THEN replace(r.phone, '-', '')
    ELSE regexp_replace(normalize(r.phone, NFKC), '[^0-9]', '', 'g') END";

/// A forgotten patient has no birth date, and is not found by a number that the row no longer shows.
const IS_PATIENT: &str = r#"r.subject = ANY({3}) AND r."birthDate" IS NOT NULL"#;

pub(super) fn add(conditions: &mut Conditions, search: &Search) {
    let name = FOLDED.replace("{text}", r#"r."patientName""#);
    let text = FOLDED.replace("{text}", "{1}::text");
    let condition = format!("(strpos({name}, {text}) > 0 OR ({DIGITS}) LIKE ANY({{2}}) OR {IS_PATIENT})");
    let parts: Vec<String> = search.digits.iter().map(|digits| format!("%{digits}%")).collect();
    let name_part = search.text.trim().to_owned();
    conditions.add(&condition, [Box::new(name_part), Box::new(parts), Box::new(uuids(&search.subjects))]);
}
