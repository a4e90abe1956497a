//! The search for a part of a name or of a phone number, however both are written.
//!
//! One SQL expression reduces the stored text and the search text, so that both are always reduced alike.

mod folding;

use std::sync::LazyLock;

use daybook_domain::SubjectId;
use daybook_domain::phone::ZEROS;

use super::super::uuids;
use super::Conditions;
use folding::folded;

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

/// The digits of a number, which may be those of another script.
static DIGITS: LazyLock<String> = LazyLock::new(|| {
    let digits = |zero: &char| (*zero..).take(10).collect::<String>();
    let (others, plain) = (ZEROS.iter().map(digits).collect::<String>(), "0123456789".repeat(ZEROS.len()));
    format!(
        "CASE WHEN r.phone ~ '^[-0-9]*$' THEN replace(r.phone, '-', '')
            ELSE regexp_replace(translate(normalize(r.phone, NFKC), '{others}', '{plain}'), '[^0-9]', '', 'g') END"
    )
});

/// A forgotten patient has no birth date, and is not found by a number that the row no longer shows.
const IS_PATIENT: &str = r#"r.subject = ANY({3}) AND r."birthDate" IS NOT NULL"#;

pub(super) fn add(conditions: &mut Conditions, search: &Search) {
    let name = folded(r#"r."patientName""#);
    let text = folded("{1}::text");
    let digits = &*DIGITS;
    let condition = format!("(strpos({name}, {text}) > 0 OR ({digits}) LIKE ANY({{2}}) OR {IS_PATIENT})");
    let parts: Vec<String> = search.digits.iter().map(|digits| format!("%{digits}%")).collect();
    let name_part = search.text.trim().to_owned();
    conditions.add(&condition, [Box::new(name_part), Box::new(parts), Box::new(uuids(&search.subjects))]);
}
