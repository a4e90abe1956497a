//! The result of verifying a backup, as data and for people.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daybook_domain::ClinicZone;
use daybook_event_log::Position;
use daybook_event_log::portable::{Compared, Difference};
use daybook_projections::{Digest, FailingEvents, ViewSummary};
use serde::Serialize;

use crate::cli::backup::folder::Backup;
use crate::cli::projection::parked::describe_failing;
use crate::output::{Align, Table, counted, grouped, seconds, timestamp};

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct VerifyReport {
    /// Whether it agrees in everything.
    pub(super) agrees: bool,
    /// The backup's name.
    backup: String,
    made_at: DateTime<Utc>,
    manifest_sha256: String,
    /// Whether the restored log begins with the event with which the backup's did.
    is_same_log: bool,
    /// Where the backup says that the log ends, and how many events it has.
    head: Position,
    events: u64,
    /// Whether the restored log ends there.
    ends_there: bool,
    /// The restored log against the export.
    log: Compared,
    views: Vec<VerifiedView>,
    /// Events that the views lack, because they cannot be applied.
    pub(super) parked: FailingEvents,
    pub(super) seconds: BTreeMap<&'static str, f64>,
    /// Position of the event that records the verification; none if anything differs.
    pub(super) recorded_at: Option<Position>,
}

/// What was found for a view.
#[derive(Debug, Serialize)]
pub(super) struct VerifiedView {
    /// What it held when the backup was made.
    #[serde(flatten)]
    pub(super) held: ViewSummary,
    /// What was built from the restored log.
    pub(super) restored_reservations: u64,
    pub(super) restored_digest: Digest,
}

impl VerifiedView {
    fn agrees(&self) -> bool {
        self.held.digest == self.restored_digest && self.held.reservations == self.restored_reservations
    }
}

impl VerifyReport {
    pub(super) fn new(
        backup: &Backup,
        is_same_log: bool,
        log: Compared,
        views: Vec<VerifiedView>,
        seconds: BTreeMap<&'static str, f64>,
    ) -> Self {
        let manifest = &backup.manifest;
        // An export has no positions: where the log is elsewhere, its end has another number here.
        let keeps_positions = manifest.log.kind == "postgres";
        let ends_there = log.events == manifest.events && (!keeps_positions || log.position == manifest.head);
        let views_agree = !views.is_empty() && views.iter().all(VerifiedView::agrees);
        Self {
            agrees: is_same_log && ends_there && log.difference.is_none() && views_agree,
            backup: backup.name.clone(),
            made_at: manifest.made_at,
            manifest_sha256: backup.manifest_sha256.clone(),
            is_same_log,
            head: manifest.head,
            events: manifest.events,
            ends_there,
            log,
            views,
            parked: FailingEvents::default(),
            seconds,
            recorded_at: None,
        }
    }
}

pub(super) fn describe(report: &VerifyReport, zone: ClinicZone) -> String {
    let conclusion =
        if report.agrees { "is verified and can be restored" } else { "DIFFERS from its manifest" };
    let mut lines = vec![format!(
        "`{}` of {} {conclusion}: {} up to position {}.",
        report.backup,
        timestamp(zone, report.made_at),
        counted(report.events, "event", "events"),
        report.head,
    )];
    lines.extend(describe_log(report));
    lines.push(describe_views(&report.views));
    lines.extend(describe_failing(&report.parked));
    let steps = report
        .seconds
        .iter()
        .map(|(step, duration)| format!("{} {}", step.replace('_', " "), seconds(*duration)));
    lines.push(format!("Duration: {}.", steps.collect::<Vec<_>>().join(", ")));
    if let Some(position) = report.recorded_at {
        lines.push(format!("Recorded in the checklist (position {position})."));
    }
    lines.join("\n")
}

fn describe_log(report: &VerifyReport) -> Vec<String> {
    let mut lines = Vec::new();
    if !report.is_same_log {
        lines.push("The restored log does not begin with the event that the manifest names.".to_owned());
    }
    match report.log.difference {
        Some(Difference::Other { line, position }) => lines.push(format!(
            "The dump has a different event at position {position} than the export in line {line}."
        )),
        Some(Difference::LogGoesOn { position }) => {
            lines.push(format!("The export lacks the events of the dump from position {position} on."));
        }
        Some(Difference::LogEnds { line }) => {
            lines.push(format!("The dump lacks the events of the export from line {line} on."));
        }
        None if !report.ends_there => lines.push(format!(
            "The restored log ends at position {} after {}.",
            report.log.position,
            counted(report.log.events, "event", "events")
        )),
        None => {}
    }
    lines
}

fn describe_views(views: &[VerifiedView]) -> String {
    let mut table = Table::new(&[
        ("view", Align::Left),
        ("at position", Align::Right),
        ("reservations", Align::Right),
        ("restored", Align::Right),
        ("digest", Align::Left),
    ]);
    for view in views {
        let digest = if view.held.digest == view.restored_digest { "equal" } else { "DIFFERS" };
        table.row([
            view.held.generation.to_string(),
            view.held.position.to_string(),
            grouped(view.held.reservations),
            grouped(view.restored_reservations),
            digest.to_owned(),
        ]);
    }
    table.to_string().trim_end().to_owned()
}
