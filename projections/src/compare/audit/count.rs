//! Counts the log's events by day and effect, and a view's rows by day. Only moves to another day are decoded.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;
use daybook_domain::Event;
use daybook_domain::schedule::ScheduleEvent;
use daybook_domain::schedule::event::ReservationMoved;
use daybook_event_log::{EventLog, Filter, Position, RecordedEvent, StreamName, decode};
use deadpool_postgres::Transaction;
use futures_util::TryStreamExt;
use serde::Serialize;

use super::AuditProgress;
use crate::control::error::ViewError;
use crate::control::generation::read_position;
use crate::control::ids::Generation;

/// Events between two progress reports.
const TELL_EVERY_EVENTS: u64 = 10_000;

/// A day's events by their effect on a view.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DayCounts {
    /// Events that create a reservation.
    pub entered: i64,
    /// Events that change a reservation.
    pub changed: i64,
    /// Events that close a time span.
    pub closed: i64,
    /// Events that lift a closure.
    pub reopened: i64,
}

impl DayCounts {
    fn take(&mut self, kind: &str) {
        match kind {
            "ReservationRequested" | "ReservationImported" => self.entered += 1,
            "TimeClosed" => self.closed += 1,
            "TimeReopened" => self.reopened += 1,
            // The row stays until it arrives, and [`LogCounts`] then takes it off this day with all its events.
            "ReservationMovedOut" | "ReservationMovedIn" => {}
            _ => self.changed += 1,
        }
    }

    /// A row that came with its earlier events.
    fn move_in(&mut self, version: u32) {
        self.entered += 1;
        self.changed += i64::from(version) - 1;
    }

    /// The same row leaves the other day, where it was an event younger.
    fn move_out(&mut self, version: u32) {
        self.entered -= 1;
        self.changed -= i64::from(version) - 2;
    }

    /// The sum of all.
    pub const fn total(&self) -> i64 {
        self.entered + self.changed + self.closed + self.reopened
    }

    const fn without(self, other: Self) -> Self {
        Self {
            entered: self.entered - other.entered,
            changed: self.changed - other.changed,
            closed: self.closed - other.closed,
            reopened: self.reopened - other.reopened,
        }
    }
}

/// The contents of the log up to a position.
#[derive(Debug)]
pub(super) struct LogCounts {
    pub(super) events: u64,
    pub(super) streams: u64,
    days: BTreeMap<NaiveDate, DayCounts>,
}

impl LogCounts {
    /// Counts the log in one read.
    pub(super) async fn read(
        log: &dyn EventLog,
        until: Position,
        progress: &(dyn Fn(AuditProgress) + Send + Sync),
    ) -> Result<Self, ViewError> {
        let mut streams: HashMap<StreamName, DayCounts> = HashMap::new();
        let mut count = 0;
        let mut events = log.read_all(Position::START, &Filter::all()).await?;
        while let Some(event) = events.try_next().await? {
            if event.position > until {
                break;
            }
            take(&mut streams, &event);
            count += 1;
            if count % TELL_EVERY_EVENTS == 0 {
                let read_fraction = event.position.commit() as f64 / until.commit().max(1) as f64;
                progress(AuditProgress { events: count, read_fraction });
            }
        }
        let day = |(name, counts): (&StreamName, &DayCounts)| Some((name.page_date()?, *counts));
        let days = streams.iter().filter_map(day).collect();
        Ok(Self { events: count, streams: streams.len() as u64, days })
    }

    pub(super) fn counts(&self, date: NaiveDate) -> DayCounts {
        self.days.get(&date).copied().unwrap_or_default()
    }
}

/// A name is copied once per stream, not once per event.
fn take(streams: &mut HashMap<StreamName, DayCounts>, event: &RecordedEvent) {
    match streams.get_mut(&event.stream) {
        Some(counts) => counts.take(&event.event_type),
        None => streams.entry(event.stream.clone()).or_default().take(&event.event_type),
    }
    if let Some(moved) = moved_in(event) {
        streams.entry(event.stream.clone()).or_default().move_in(moved.version);
        streams.entry(StreamName::page(moved.moved_from)).or_default().move_out(moved.version);
    }
}

/// The arrival of a reservation on another day. One that cannot be decoded is parked.
pub(super) fn moved_in(event: &RecordedEvent) -> Option<ReservationMoved> {
    if &*event.event_type != "ReservationMovedIn" {
        return None;
    }
    match decode(event) {
        Ok((Event::Schedule(ScheduleEvent::ReservationMovedIn(moved)), _)) => Some(moved),
        Ok(_) | Err(_) => None,
    }
}

/// The events that a day's rows stand for, and the number of reservations stored with the day's digest.
#[derive(Debug, Default, Clone, Copy)]
struct AppliedCounts {
    counts: DayCounts,
    in_digest: i64,
}

/// What a view has applied, by day.
#[derive(Debug)]
pub(super) struct ViewCounts(BTreeMap<NaiveDate, AppliedCounts>);

impl ViewCounts {
    pub(super) async fn read(snapshot: &Transaction<'_>, generation: Generation) -> Result<Self, ViewError> {
        let schema = generation.schema();
        let sql = format!(
            r#"SELECT date, sum(rows)::bigint, sum(versions)::bigint, sum(closures)::bigint, sum(lifted)::bigint,
                      sum(in_digest)::bigint
               FROM (SELECT "preferredDate" AS date, count(*) AS rows, sum(version) AS versions, 0 AS closures,
                            0 AS lifted, 0 AS in_digest
                     FROM {schema}.reservations GROUP BY 1
                     UNION ALL
                     SELECT date, 0, 0, count(*), count(*) FILTER (WHERE NOT "isActive"), 0
                     FROM {schema}.manual_time_closures GROUP BY 1
                     UNION ALL
                     SELECT date, 0, 0, 0, 0, reservations FROM {schema}.day_digests) AS counted
               GROUP BY date"#
        );
        let mut days = BTreeMap::new();
        for row in snapshot.query(&sql, &[]).await? {
            let (entered, versions): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
            let changed = versions - entered;
            let counts = DayCounts { entered, changed, closed: row.try_get(3)?, reopened: row.try_get(4)? };
            days.insert(row.try_get(0)?, AppliedCounts { counts, in_digest: row.try_get(5)? });
        }
        Ok(Self(days))
    }

    pub(super) fn counts(&self, date: NaiveDate) -> DayCounts {
        self.day(date).counts
    }

    fn day(&self, date: NaiveDate) -> AppliedCounts {
        self.0.get(&date).copied().unwrap_or_default()
    }
}

/// Events that a generation left out: parked or discarded.
#[derive(Debug, Default)]
pub(super) struct SkippedEvents {
    pub(super) parked: u64,
    pub(super) discarded: u64,
    positions: HashSet<Position>,
    days: BTreeMap<NaiveDate, DayCounts>,
}

impl SkippedEvents {
    pub(super) async fn read(
        transaction: &Transaction<'_>,
        generation: Generation,
        until: Position,
    ) -> Result<Self, ViewError> {
        let (model, (commit, prepare)) = (generation.model.as_str(), until.to_parts());
        let sql =
            "SELECT commit_position, prepare_position, stream, kind, false FROM control.discarded_events
                   WHERE (commit_position, prepare_position) <= ($3, $4)
                   UNION ALL
                   SELECT commit_position, prepare_position, stream, kind, true FROM control.parked_events
                   WHERE model = $1 AND number = $2 AND (commit_position, prepare_position) <= ($3, $4)";
        let mut skipped = Self::default();
        for row in transaction.query(sql, &[&model, &generation.number, &commit, &prepare]).await? {
            let position = read_position(&row)?;
            if !skipped.positions.insert(position) {
                continue;
            }
            let count = if row.try_get(4)? { &mut skipped.parked } else { &mut skipped.discarded };
            *count += 1;
            let stream = StreamName::parse(row.try_get::<_, &str>(2)?);
            if let Some(date) = stream.ok().and_then(|stream| stream.page_date()) {
                skipped.days.entry(date).or_default().take(row.try_get(3)?);
            }
        }
        Ok(skipped)
    }

    /// Positions of all of them.
    pub(super) const fn positions(&self) -> &HashSet<Position> {
        &self.positions
    }

    pub(super) fn holds(&self, position: Position) -> bool {
        self.positions.contains(&position)
    }

    fn counts(&self, date: NaiveDate) -> DayCounts {
        self.days.get(&date).copied().unwrap_or_default()
    }
}

/// Days on which the counts of the log and of the view differ.
pub(super) fn suspects(log: &LogCounts, view: &ViewCounts, skipped: &SkippedEvents) -> BTreeSet<NaiveDate> {
    let days: BTreeSet<NaiveDate> = log.days.keys().chain(view.0.keys()).copied().collect();
    let agrees = |date: &NaiveDate| {
        let applied = view.day(*date);
        log.counts(*date).without(skipped.counts(*date)) == applied.counts
            && applied.in_digest == applied.counts.entered
    };
    days.into_iter().filter(|date| !agrees(date)).collect()
}
