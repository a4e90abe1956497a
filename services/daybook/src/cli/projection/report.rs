//! Progress and results of rebuilds and promotions, for people.

use std::fmt::Write as _;

#[cfg(feature = "migration")]
use daybook_migration::workflow::WorkflowProgress;
use daybook_projections::{PastReport, Phase, Progress, RebuildReport};

use super::parked::describe_failing;
use crate::output::{Align, ProgressBar, Table, counted, seconds};

/// Shows the progress of a rebuild.
pub(in crate::cli) fn show_progress(progress_bar: &ProgressBar, progress: Progress) {
    match progress.phase {
        Phase::Reading => {
            let phase = if progress.pass.0 > 1 { "reading the log again" } else { "reading the log" };
            progress_bar.update(phase, progress.events, Some(progress.read_fraction));
        }
        Phase::Loading => progress_bar.start("copying rows"),
        Phase::Indexing => progress_bar.start("creating keys and indexes"),
        Phase::CatchingUp => progress_bar.start("catching up"),
        Phase::Promoting => progress_bar.start("comparing and promoting"),
    }
}

/// Shows the progress of a workflow of the migration on a bar of its own.
#[cfg(feature = "migration")]
pub(in crate::cli) fn workflow_progress(unit: &'static str) -> impl Fn(WorkflowProgress) + Send + Sync {
    let bar = ProgressBar::new(unit);
    move |progress| match progress {
        WorkflowProgress::Phase(phase) => bar.start(phase),
        WorkflowProgress::Rebuild(progress) => show_progress(&bar, progress),
    }
}

/// The result of a rebuild or promotion.
pub(super) fn describe(report: &RebuildReport) -> String {
    let mut text = String::new();
    let mut put = |line: String| {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{line}");
    };
    let total = seconds(report.seconds.values().sum());
    let phases: Vec<String> = report
        .seconds
        .iter()
        .map(|(phase, duration)| format!("{} {}", phase.replace('_', " "), seconds(*duration)))
        .collect();
    put(format!(
        "Promoted at position {}: {} and {} in {total}.\nDuration: {}.",
        report.position,
        counted(report.events, "event", "events"),
        counted(report.reservations, "reservation", "reservations"),
        phases.join(", ")
    ));
    let mut table = Table::new(&[("view", Align::Left), ("digest", Align::Left), ("", Align::Left)]);
    for (generation, digest) in &report.digests {
        let new = report.generations.iter().any(|new| new.schema() == *generation);
        table.row([generation.clone(), digest.to_string(), if new { "new" } else { "" }.to_owned()]);
    }
    put(table.to_string().trim_end().to_owned());
    if !report.compared && report.digests.len() > 1 {
        put("Not compared: the views do not lack the same events.".to_owned());
    } else if !report.compared {
        put("Not compared: there is no other view.".to_owned());
    }
    if let Some(parked) = describe_failing(&report.parked) {
        put(parked);
    }
    if !report.people_views_refreshed {
        put("The schemas `legacy`, `dynamic` and `runbook` may still show the former generation,\nbecause a session reads them.".to_owned());
    }
    text
}

/// The past generations that were built, and how to connect to them.
pub(super) fn describe_past(report: &PastReport, connect_hint: &str) -> String {
    let total = seconds(report.seconds.values().sum());
    let mut text = format!(
        "{} up to position {}, {} in {total}.\nConnect with: {connect_hint}\n",
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
    if let Some(parked) = describe_failing(&report.parked) {
        let _ = write!(text, "\n{parked}");
    }
    text
}
