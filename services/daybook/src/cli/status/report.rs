//! The report of `daybook status`, as data and for people.

use std::fmt::Write as _;
use std::net::SocketAddr;

use daybook_commands::LateBooking;
use daybook_domain::ClinicZone;
use daybook_domain::routing::{ObservedFlags, Stage};
use daybook_event_log::Position;
use daybook_projections::parked::BlockedGroup;
use daybook_projections::{GenerationStatus, Lag, LagRule, Leader, MAX_COUNTED_LAG, ViewHealth};
use serde::Serialize;
use serde_json::Value;

use crate::cli::late_bookings;
use crate::cli::leader::describe_leader;
use crate::cli::projection::parked::describe_parked;
use crate::cli::reads::{Reads, describe_flags};
use crate::output::{Align, Table, counted, grouped, seconds, wrap};
use crate::row_counts::RowCounts;

#[derive(Serialize)]
pub(super) struct Report {
    pub(super) version: &'static str,
    pub(super) service: Listening,
    pub(super) reads: Reads,
    /// The stage of the migration.
    pub(super) stage: Stage,
    /// Flags of the old system at the last start of a service.
    pub(super) flags: ObservedFlags,
    /// Where the log is kept.
    pub(super) log: &'static str,
    pub(super) head: Position,
    /// The leader of the views, or the last one.
    pub(super) leader: Option<Leader>,
    pub(super) views: Vec<View>,
    /// What live views lack, because an event cannot be applied; the first of them.
    pub(super) parked_events: Vec<BlockedGroup>,
    /// Open bookings that a change concerns which their decision did not know.
    pub(super) late_bookings: Vec<LateBooking>,
    pub(super) connect: String,
    #[serde(skip)]
    pub(super) is_private: bool,
    /// The same with the tables of the runbook under their plain names, once they exist.
    pub(super) connect_runbook: Option<String>,
}

/// The address of a service and whether it answers.
#[derive(Serialize)]
pub(super) struct Listening {
    pub(super) address: SocketAddr,
    pub(super) answers: bool,
    /// The checks of `/readyz`.
    pub(super) checks: Option<Value>,
}

/// One generation of a view.
#[derive(Serialize)]
pub(super) struct View {
    #[serde(flatten)]
    pub(super) status: GenerationStatus,
    /// Its lag; only of a live generation.
    #[serde(flatten)]
    pub(super) keeping_up: Option<KeepingUp>,
    /// Rows of its tables, if they exist.
    pub(super) counts: Option<RowCounts>,
}

/// The lag of a view, evaluated as `/readyz` does.
#[derive(Serialize)]
pub(super) struct KeepingUp {
    health: ViewHealth,
    /// Age of the oldest event that it has not applied.
    lag_seconds: f64,
    /// Events that it has not applied, counted up to [`MAX_COUNTED_LAG`].
    lag_events: u32,
    /// How long it has been behind without progress.
    lag_still_seconds: f64,
}

impl From<Lag> for KeepingUp {
    fn from(lag: Lag) -> Self {
        Self {
            health: LagRule::USUAL.evaluate(&lag),
            lag_seconds: lag.seconds,
            lag_events: lag.events,
            lag_still_seconds: lag.still_seconds,
        }
    }
}

impl KeepingUp {
    fn describe(&self) -> String {
        let or_more = if self.lag_events == MAX_COUNTED_LAG { " or more" } else { "" };
        let events = counted(self.lag_events.into(), "event", "events");
        match self.health {
            ViewHealth::Current => ViewHealth::Current.as_str().to_owned(),
            ViewHealth::Behind => format!("behind by {events}{or_more}, {}", seconds(self.lag_seconds)),
            ViewHealth::Stalled => {
                format!("stalled for {}, behind by {events}{or_more}", seconds(self.lag_still_seconds))
            }
        }
    }
}

impl Report {
    pub(super) fn describe(&self, zone: ClinicZone) -> String {
        let mut text = String::new();
        let mut put = |line: &str| {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{}", line.trim_end());
        };
        put(&wrap(&self.service.describe()));
        put(&wrap(&self.reads.describe()));
        put(&format!("Stage of the migration: {}. More: daybook migrate status", self.stage));
        put(&wrap(&describe_flags(self.flags)));
        put(&format!("Head of the log ({}): position {}.", self.log, self.head));
        put(&describe_leader(self.leader.as_ref(), zone));
        if self.views.is_empty() {
            put("No view has been built yet. Next: daybook serve");
        } else {
            put("");
            put(&self.table().to_string());
        }
        for failing in self.views.iter().filter_map(View::describe_failure) {
            put("");
            put(&wrap(&failing));
        }
        if let Some(parked) = describe_parked(&self.parked_events) {
            put("");
            put(&parked);
        }
        if let Some(late) = late_bookings::describe(&self.late_bookings) {
            put("");
            put(&late);
        }
        put("");
        // A private server stops with its last user, and so with this command if nothing else runs.
        let running = if self.is_private { " while `daybook serve` runs" } else { "" };
        put(&format!("Connect to the database{running}: {}", self.connect));
        if let Some(connect) = &self.connect_runbook {
            put(&format!("Run the SELECTs of the runbook: {connect}"));
        }
        text
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&[
            ("view", Align::Left),
            ("state", Align::Left),
            ("position", Align::Right),
            ("lag", Align::Left),
            ("parked", Align::Right),
            ("services", Align::Right),
            ("clinic hours", Align::Right),
            ("reservations", Align::Right),
        ]);
        for view in &self.views {
            table.row(view.cells());
        }
        table
    }
}

impl Listening {
    fn describe(&self) -> String {
        match self.answers {
            true => format!("The service listens on http://{}{}.", self.address, self.describe_checks()),
            false => format!("No service answers on http://{}.", self.address),
        }
    }

    fn describe_checks(&self) -> String {
        let Some(checks) = self.checks.as_ref().and_then(Value::as_object) else { return String::new() };
        let failed: Vec<&str> =
            checks.iter().filter(|(_, check)| check["ok"] != true).map(|(name, _)| name.as_str()).collect();
        let readiness = match failed.as_slice() {
            [] => " and is ready".to_owned(),
            failed => format!(" and is not ready ({})", failed.join(", ")),
        };
        let reconnects = checks.get("log").and_then(|log| log["reconnects"].as_u64()).unwrap_or_default();
        format!("{readiness}; {} to the log", counted(reconnects, "reconnect", "reconnects"))
    }
}

impl View {
    /// Why it cannot be written, and the way out.
    fn describe_failure(&self) -> Option<String> {
        let GenerationStatus { generation, write_failure, .. } = &self.status;
        let failure = write_failure.as_ref()?;
        Some(format!(
            "{generation} has not been written for {}: {}.\nThe other view goes on without it, and it catches up once it can be \
             written.\nNext: fix that, or run daybook projection rebuild {}",
            seconds(failure.seconds),
            failure.describe(),
            generation.model
        ))
    }

    fn cells(&self) -> Vec<String> {
        let lag = self.keeping_up.as_ref().map_or_else(|| "-".to_owned(), KeepingUp::describe);
        let mut cells = vec![
            self.status.generation.to_string(),
            self.status.state.as_str().to_owned(),
            self.status.position.to_string(),
            lag,
            grouped(self.status.parked),
        ];
        let counts = self.counts.map(|counts| [counts.services, counts.clinic_hours, counts.reservations]);
        match counts {
            Some(counts) => cells.extend(counts.map(|count| grouped(count.unsigned_abs()))),
            None => cells.push("not readable".to_owned()),
        }
        cells
    }
}
