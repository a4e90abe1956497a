//! What `daybook status` found, as data and for people.

use std::fmt::Write as _;
use std::net::SocketAddr;

use daybook_domain::routing::ObservedFlags;
use daybook_domain::routing::Stage;
use daybook_event_log::Position;
use daybook_projections::{GenerationStatus, Lag, LagRule, Leader, MAX_COUNTED_LAG, ViewHealth};
use serde::Serialize;
use serde_json::Value;

use crate::cli::leading;
use crate::cli::reads::{Reads, describe_flags};
use crate::output::{Align, Table, counted, grouped};
use crate::view_counts::ViewCounts;

/// What was found.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) version: &'static str,
    pub(super) service: Listening,
    pub(super) reads: Reads,
    /// The stage of the migration.
    pub(super) stage: Stage,
    /// The old system's flags at the last start of a service.
    pub(super) flags: ObservedFlags,
    /// Where the log is kept.
    pub(super) log: &'static str,
    pub(super) head: Position,
    /// Who keeps the views up, or did last.
    pub(super) leader: Option<Leader>,
    pub(super) views: Vec<View>,
    pub(super) connect: String,
    /// The same with the runbook's tables under their plain names; none before they are there.
    pub(super) connect_runbook: Option<String>,
}

/// Whether a service listens.
#[derive(Serialize)]
pub(super) struct Listening {
    pub(super) address: SocketAddr,
    pub(super) answers: bool,
    /// What it says of its log and its views, as `/readyz` has it.
    pub(super) checks: Option<Value>,
}

/// One generation of a view.
#[derive(Serialize)]
pub(super) struct View {
    #[serde(flatten)]
    pub(super) standing: GenerationStatus,
    /// How it keeps up with the log; none where it does not have to.
    #[serde(flatten)]
    pub(super) keeping_up: Option<KeepingUp>,
    /// What it holds; none where its tables are not there.
    pub(super) counts: Option<ViewCounts>,
}

/// How a view keeps up with the log, judged as `/readyz` does.
#[derive(Serialize)]
pub(super) struct KeepingUp {
    health: ViewHealth,
    /// Age of the oldest event that it does not hold.
    lag_seconds: f64,
    /// Events that it does not hold, counted up to [`MAX_COUNTED_LAG`].
    lag_events: u32,
    /// For how long it has had something to take in and has not moved.
    lag_still_seconds: f64,
}

impl From<Lag> for KeepingUp {
    fn from(lag: Lag) -> Self {
        Self {
            health: LagRule::USUAL.judge(&lag),
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
            ViewHealth::Behind => format!("behind by {events}{or_more}, {:.1} s", self.lag_seconds),
            ViewHealth::Stalled => {
                format!("stalled for {:.0} s, behind by {events}{or_more}", self.lag_still_seconds)
            }
        }
    }
}

impl Report {
    pub(super) fn describe(&self) -> String {
        let mut text = String::new();
        let mut put = |line: &str| {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{}", line.trim_end());
        };
        put(&self.service.describe());
        put(&self.reads.describe());
        put(&format!("The migration is at stage {}; `daybook migrate status` shows more.", self.stage));
        put(&describe_flags(self.flags));
        put(&format!("The log ({}) ends at position {}.", self.log, self.head));
        put(&leading::describe(self.leader.as_ref()));
        if self.views.is_empty() {
            put("No view has been built yet.");
        } else {
            put("");
            put(&self.table().to_string());
        }
        put("");
        put(&format!("Look into the database: {}", self.connect));
        if let Some(connect) = &self.connect_runbook {
            put(&format!("Run the runbook's SELECTs: {connect}"));
        }
        text
    }

    fn table(&self) -> Table {
        let mut table = Table::new(&[
            ("view", Align::Left),
            ("state", Align::Left),
            ("position", Align::Right),
            ("keeps up", Align::Left),
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
            true => format!("A service listens on http://{}{}.", self.address, self.describe_checks()),
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
        format!("{readiness}; its connection to the log was made anew {reconnects} times")
    }
}

impl View {
    fn cells(&self) -> Vec<String> {
        let lag = self.keeping_up.as_ref().map_or_else(|| "-".to_owned(), KeepingUp::describe);
        let mut cells = vec![
            self.standing.generation.to_string(),
            self.standing.state.as_str().to_owned(),
            self.standing.position.to_string(),
            lag,
            grouped(self.standing.parked),
        ];
        let counts = self.counts.map(|counts| [counts.services, counts.clinic_hours, counts.reservations]);
        match counts {
            Some(counts) => cells.extend(counts.map(|count| grouped(count.unsigned_abs()))),
            None => cells.push("no tables".to_owned()),
        }
        cells
    }
}
