//! The gates of a stage, for people.

use std::fmt::Write as _;

use daybook_domain::routing::Finding;
use daybook_projections::migration::NextStage;

use crate::output::{Align, Table};

/// What is said of a gate that could not be measured.
const UNMEASURED: &str = "not measured";

/// A table of the gates, and which of them are shut.
pub(super) fn describe(next: &NextStage) -> String {
    let mut table = Table::new(&[
        ("gate", Align::Left),
        ("finding", Align::Left),
        ("found", Align::Left),
        ("asked", Align::Left),
    ]);
    for result in &next.gates {
        let finding = match result.finding {
            Finding::Met => "met",
            Finding::NotMet => "NOT MET",
            Finding::Inconclusive => "inconclusive",
        };
        let cells = [result.gate.as_str(), finding, &result.found, &result.asked];
        table.row(cells.map(str::to_owned));
    }
    for gate in &next.unmeasured {
        table.row([gate.as_str(), UNMEASURED, "-", "-"].map(str::to_owned));
    }
    let mut text = table.to_string();
    // Writing into a String cannot fail.
    let _ = match list_shut(next) {
        Some(shut) => writeln!(text, "Shut: {shut}."),
        None => writeln!(text, "All of them let through."),
    };
    text
}

/// The names of the gates that do not let through; none where all do.
pub(super) fn list_shut(next: &NextStage) -> Option<String> {
    let shut: Vec<&str> = next.shut().map(|gate| gate.as_str()).collect();
    (!shut.is_empty()).then(|| shut.join(", "))
}
