//! What proving a backup came to, for people and for programs.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daybook_event_log::Position;
use daybook_event_log::portable::{Compared, Difference};
use daybook_projections::{Digest, ViewSummary};
use serde::Serialize;

use crate::cli::backup::folder::Backup;
use crate::output::{Align, Table, counted, grouped};

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct Tried {
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
    views: Vec<TriedView>,
    /// Seconds by step.
    pub(super) seconds: BTreeMap<&'static str, f64>,
    /// Position of the event that tells of it; none where it does not agree.
    pub(super) recorded_at: Option<Position>,
}

/// What was found for a view.
#[derive(Debug, Serialize)]
pub(super) struct TriedView {
    /// What it held when the backup was made.
    #[serde(flatten)]
    pub(super) held: ViewSummary,
    /// What was built from the restored log.
    pub(super) restored_reservations: u64,
    pub(super) restored_digest: Digest,
}

impl TriedView {
    fn agrees(&self) -> bool {
        self.held.digest == self.restored_digest && self.held.reservations == self.restored_reservations
    }
}

impl Tried {
    pub(super) fn of(
        backup: &Backup,
        is_same_log: bool,
        log: Compared,
        views: Vec<TriedView>,
        seconds: BTreeMap<&'static str, f64>,
    ) -> Self {
        let manifest = &backup.manifest;
        // An export has no positions: where the log is elsewhere, its end has another number here.
        let keeps_positions = manifest.log.kind == "postgres";
        let ends_there = log.events == manifest.events && (!keeps_positions || log.position == manifest.head);
        let views_agree = !views.is_empty() && views.iter().all(TriedView::agrees);
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
            seconds,
            recorded_at: None,
        }
    }
}

pub(super) fn describe(tried: &Tried) -> String {
    let conclusion = if tried.agrees { "can be restored" } else { "DIFFERS from what its manifest says" };
    let mut lines = vec![format!(
        "`{}` of {} {conclusion}: {} up to position {}.",
        tried.backup,
        tried.made_at.format("%Y-%m-%d %H:%M:%SZ"),
        counted(tried.events, "event", "events"),
        tried.head,
    )];
    lines.extend(describe_log(tried));
    lines.push(describe_views(&tried.views));
    let seconds =
        tried.seconds.iter().map(|(step, seconds)| format!("{} {seconds:.1} s", step.replace('_', " ")));
    lines.push(format!("{}.", seconds.collect::<Vec<_>>().join(", ")));
    if let Some(position) = tried.recorded_at {
        lines.push(format!("Recorded as tested (position {position})."));
    }
    lines.join("\n")
}

fn describe_log(tried: &Tried) -> Vec<String> {
    let mut lines = Vec::new();
    if !tried.is_same_log {
        lines.push("The restored log does not begin with the event that the manifest names.".to_owned());
    }
    match tried.log.difference {
        Some(Difference::Other { line, position }) => lines.push(format!(
            "The dump has another event at position {position} than the export in line {line}."
        )),
        Some(Difference::LogGoesOn { position }) => {
            lines.push(format!("The dump has events from position {position} on that the export has not."));
        }
        Some(Difference::LogEnds { line }) => {
            lines.push(format!("The export has events from line {line} on that the dump has not."));
        }
        None if !tried.ends_there => lines.push(format!(
            "The restored log ends at position {} after {}.",
            tried.log.position,
            counted(tried.log.events, "event", "events")
        )),
        None => {}
    }
    lines
}

fn describe_views(views: &[TriedView]) -> String {
    let mut table = Table::new(&[
        ("view", Align::Left),
        ("at position", Align::Right),
        ("reservations", Align::Right),
        ("restored", Align::Right),
        ("digest", Align::Left),
    ]);
    for view in views {
        let digest = if view.held.digest == view.restored_digest { "the same" } else { "DIFFERS" };
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
