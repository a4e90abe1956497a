//! The gates before a stage, for people.

use daybook_domain::routing::Finding;
use daybook_migration::Criterion;
use daybook_migration::rollout::NextStage;

use super::criteria;

/// Unmet gates with what was found and what is required, then the met ones in one line.
pub(super) fn describe(next: &NextStage) -> String {
    let unmeasured = next.unmeasured.iter().map(|gate| Criterion {
        name: gate.as_str(),
        finding: Finding::Inconclusive,
        found: "not measured".into(),
        asked: Box::default(),
    });
    let criteria: Vec<Criterion> =
        next.gates.iter().cloned().map(Criterion::from).chain(unmeasured).collect();
    criteria::describe(&criteria, ("gate", "gates"), "")
}

/// The names of unmet gates; none if all are met.
pub(super) fn list_unmet(next: &NextStage) -> Option<String> {
    let unmet: Vec<&str> = next.unmet().map(|gate| gate.as_str()).collect();
    (!unmet.is_empty()).then(|| unmet.join(", "))
}

#[cfg(test)]
mod tests {
    use daybook_domain::routing::{Gate, GateResult, Stage};

    use super::*;

    #[test]
    fn every_gate_is_listed_and_unmet_ones_are_named() {
        let result = |gate, finding, found: &str, asked: &str| GateResult {
            gate,
            finding,
            found: found.into(),
            asked: asked.into(),
        };
        let gates = vec![
            result(Gate::Lag, Finding::Met, "0 events", "0 events"),
            result(Gate::Parity, Finding::NotMet, "compared 2 d ago", "within 1 h"),
        ];
        let next = NextStage::of(Stage::Retired, gates);
        let text = describe(&next);
        let listed = "\
8 of 9 gates are NOT met:
✗  parity
   found: compared 2 d ago
   required: within 1 h
?  parked
   found: not measured
";
        assert!(text.starts_with(listed), "{text}");
        assert!(text.ends_with("Met: lag.\n"), "{text}");
        let unmet = "parity, parked, soak, stability, errors, creation-rate, backup, approval";
        assert_eq!(list_unmet(&next).as_deref(), Some(unmet));
    }
}
