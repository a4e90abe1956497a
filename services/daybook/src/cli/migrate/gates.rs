//! The gates of a stage, for people.

use std::fmt::Write as _;

use daybook_domain::routing::Finding;
use daybook_migration::rollout::NextStage;

/// Width of the findings, in characters.
const FINDING: usize = 12;

/// Width of the names of gates, in characters.
const GATE: usize = 14;

/// What is said of a gate that could not be measured.
const UNMEASURED: &str = "not measured";

/// Each gate with what was found and, below that, what is asked; and which of them are shut. The texts are too long for the
/// columns of a table.
pub(super) fn describe(next: &NextStage) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    for result in &next.gates {
        let (finding, gate) = (finding(result.finding), result.gate.as_str());
        let _ = writeln!(text, "{finding:<FINDING$}  {gate:<GATE$}  {}", result.found);
        let _ = writeln!(text, "{:<FINDING$}  {:<GATE$}  asked: {}", "", "", result.asked);
    }
    for gate in &next.unmeasured {
        let _ = writeln!(text, "{UNMEASURED:<FINDING$}  {gate}");
    }
    let _ = match list_shut(next) {
        Some(shut) => writeln!(text, "Shut: {shut}."),
        None => writeln!(text, "All of them let through."),
    };
    text
}

const fn finding(finding: Finding) -> &'static str {
    match finding {
        Finding::Met => "met",
        Finding::NotMet => "NOT MET",
        Finding::Inconclusive => "inconclusive",
    }
}

/// The names of the gates that do not let through; none where all do.
pub(super) fn list_shut(next: &NextStage) -> Option<String> {
    let shut: Vec<&str> = next.shut().map(|gate| gate.as_str()).collect();
    (!shut.is_empty()).then(|| shut.join(", "))
}

#[cfg(test)]
mod tests {
    use daybook_domain::routing::{Gate, GateResult, Stage};

    use super::*;

    #[test]
    fn every_gate_is_told_and_those_that_are_shut_are_named() {
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
        let text = describe(&NextStage::of(Stage::Retired, gates));
        let told = "\
met           lag             0 events
                              asked: 0 events
NOT MET       parity          compared 2 d ago
                              asked: within 1 h
not measured  parked
";
        assert!(text.starts_with(told), "{text}");
        let shut = "Shut: parity, parked, soak, stability, errors, creation-rate, backup, approval.\n";
        assert!(text.ends_with(shut), "{text}");
    }
}
