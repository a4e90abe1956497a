//! Gates and success criteria, for people: unmet ones first, met ones in one line.

use std::fmt::Write as _;

use daybook_domain::routing::Finding;
use daybook_migration::Criterion;

use crate::output::{counted, wrap};

/// What the criteria are called: singular and plural.
pub(super) type Noun = (&'static str, &'static str);

/// Lists unmet criteria with what was found and what is required, then the names of the met ones. `scope` follows the count,
/// as in `2 of 14 gates before canary-50 are NOT met:`.
pub(super) fn describe(criteria: &[Criterion], (one, many): Noun, scope: &str) -> String {
    let (met, mut unmet): (Vec<_>, Vec<_>) =
        criteria.iter().partition(|criterion| criterion.finding == Finding::Met);
    unmet.sort_by_key(|criterion| criterion.finding == Finding::Inconclusive);
    let all = counted(criteria.len() as u64, one, many);
    if unmet.is_empty() {
        return match criteria.len() {
            1 => format!("The {one}{scope} is met.\n"),
            _ => format!("All {all}{scope} are met.\n"),
        };
    }
    let are = if unmet.len() == 1 { "is" } else { "are" };
    let mut text = format!("{} of {all}{scope} {are} NOT met:\n", unmet.len());
    for Criterion { name, finding, found, asked } in unmet {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{}  {name}\n{}", mark(*finding), wrap(&format!("   found: {found}")));
        if !asked.is_empty() {
            let _ = writeln!(text, "{}", wrap(&format!("   required: {asked}")));
        }
    }
    if !met.is_empty() {
        let names: Vec<&str> = met.iter().map(|criterion| criterion.name).collect();
        let _ = writeln!(text, "{}", wrap(&format!("Met: {}.", names.join(", "))));
    }
    text
}

const fn mark(finding: Finding) -> &'static str {
    match finding {
        Finding::Met => "✓",
        Finding::NotMet => "✗",
        Finding::Inconclusive => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn criterion(name: &'static str, finding: Finding) -> Criterion {
        Criterion { name, finding, found: "49 h in canary-25".into(), asked: "2 d in canary-25".into() }
    }

    #[test]
    fn unmet_criteria_come_first_with_what_is_required_and_met_ones_fill_one_line() {
        let mut criteria = vec![
            criterion("soak", Finding::Met),
            criterion("errors", Finding::Inconclusive),
            criterion("lag", Finding::NotMet),
        ];
        let text = "\
2 of 3 gates before canary-50 are NOT met:
✗  lag
   found: 49 h in canary-25
   required: 2 d in canary-25
?  errors
   found: 49 h in canary-25
   required: 2 d in canary-25
Met: soak.
";
        let noun = ("gate", "gates");
        assert_eq!(describe(&criteria, noun, " before canary-50"), text);
        criteria.truncate(1);
        assert_eq!(describe(&criteria, noun, " before canary-50"), "The gate before canary-50 is met.\n");
        criteria.push(criterion("parked", Finding::Met));
        assert_eq!(describe(&criteria, noun, ""), "All 2 gates are met.\n");
    }
}
