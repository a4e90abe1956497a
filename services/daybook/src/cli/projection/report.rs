//! What rebuilding and promoting tell: how far they are, and what came of it.

use std::fmt::Write as _;

#[cfg(feature = "migration")]
use daybook_migration::workflow::WorkflowProgress;
use daybook_projections::{PastReport, Phase, Progress, RebuildReport};

use crate::output::{Align, ProgressBar, Table, counted};

/// Shows how far it is.
pub(in crate::cli) fn tell(meter: &ProgressBar, progress: Progress) {
    match progress.phase {
        Phase::Reading => {
            let phase = if progress.pass.0 > 1 { "reading the log once more" } else { "reading the log" };
            meter.tell(phase, progress.events, Some(progress.read_fraction));
        }
        Phase::Loading => meter.enter("copying rows"),
        Phase::Indexing => meter.enter("making keys and indexes"),
        Phase::CatchingUp => meter.enter("catching up"),
        Phase::Promoting => meter.enter("comparing and promoting"),
    }
}

/// Shows the progress of a workflow of the migration on a bar of its own.
#[cfg(feature = "migration")]
pub(in crate::cli) fn workflow_progress(unit: &'static str) -> impl Fn(WorkflowProgress) + Send + Sync {
    let bar = ProgressBar::new(unit);
    move |progress| match progress {
        WorkflowProgress::Phase(phase) => bar.enter(phase),
        WorkflowProgress::Rebuild(progress) => tell(&bar, progress),
    }
}

/// What was done, for people.
pub(super) fn describe(report: &RebuildReport) -> String {
    let mut text = String::new();
    let mut put = |line: String| {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{line}");
    };
    let seconds: f64 = report.seconds.values().sum();
    let phases: Vec<String> = report
        .seconds
        .iter()
        .map(|(phase, seconds)| format!("{} {seconds:.2} s", phase.replace('_', " ")))
        .collect();
    put(format!(
        "{} and {} in {seconds:.2} s ({}), promoted at position {}.",
        counted(report.events, "event", "events"),
        counted(report.reservations, "reservation", "reservations"),
        phases.join(", "),
        report.position
    ));
    let mut table = Table::new(&[("view", Align::Left), ("digest", Align::Left), ("", Align::Left)]);
    for (generation, digest) in &report.digests {
        let new = report.generations.iter().any(|new| new.schema() == *generation);
        table.row([generation.clone(), digest.to_string(), if new { "new" } else { "" }.to_owned()]);
    }
    put(table.to_string().trim_end().to_owned());
    if !report.compared {
        put("There was no other view to compare with.".to_owned());
    }
    if !report.people_views_refreshed {
        put("The schemas `legacy`, `dynamic` and `runbook` may still show the former generation: somebody reads them."
            .to_owned());
    }
    text
}

/// What was built of the past, and how to look at it, for people.
pub(super) fn describe_past(report: &PastReport, connect_hint: &str) -> String {
    let seconds: f64 = report.seconds.values().sum();
    let mut text = format!(
        "{} up to position {}, {} in {seconds:.2} s. Look with {connect_hint} at\n",
        counted(report.events, "event", "events"),
        report.position,
        counted(report.reservations, "reservation", "reservations"),
    );
    let mut table = Table::new(&[("schema", Align::Left), ("digest", Align::Left)]);
    for (generation, digest) in report.generations.iter().zip(&report.digests) {
        table.row([generation.to_string(), digest.to_string()]);
    }
    // Writing into a String cannot fail.
    let _ = write!(text, "{table}");
    text
}
