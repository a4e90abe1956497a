//! Counting: the log's events by page and what they do, and a view's rows by day. Nothing here looks into an event.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;
use daybook_event_log::{EventLog, Filter, Position, RecordedEvent, StreamName};
use deadpool_postgres::Transaction;
use futures_util::TryStreamExt;
use serde::Serialize;

use super::AuditProgress;
use crate::control::error::ViewError;
use crate::control::ids::Generation;

/// Events between two tellings of how far it is.
const TELL_EVERY_EVENTS: u64 = 10_000;

/// The events of a page by what they do to a view.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PageCounts {
    /// Events that enter a reservation.
    pub entered: i64,
    /// Events that change one.
    pub changed: i64,
    /// Events that close a stretch of the day.
    pub closed: i64,
    /// Events that lift a closure.
    pub reopened: i64,
}

impl PageCounts {
    fn take(&mut self, kind: &str) {
        match kind {
            "ReservationRequested" | "ReservationImported" => self.entered += 1,
            "TimeClosed" => self.closed += 1,
            "TimeReopened" => self.reopened += 1,
            _ => self.changed += 1,
        }
    }

    /// All of them.
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

/// What the log holds up to a position.
#[derive(Debug)]
pub(super) struct LogCounts {
    pub(super) events: u64,
    pub(super) streams: u64,
    pages: BTreeMap<NaiveDate, PageCounts>,
}

impl LogCounts {
    /// Counts the log, as fast as it is read.
    pub(super) async fn read(
        log: &dyn EventLog,
        until: Position,
        progress: &(dyn Fn(AuditProgress) + Send + Sync),
    ) -> Result<Self, ViewError> {
        let mut streams: HashMap<StreamName, PageCounts> = HashMap::new();
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
        let page = |(name, counts): (&StreamName, &PageCounts)| Some((name.page_date()?, *counts));
        let pages = streams.iter().filter_map(page).collect();
        Ok(Self { events: count, streams: streams.len() as u64, pages })
    }

    pub(super) fn page(&self, date: NaiveDate) -> PageCounts {
        self.pages.get(&date).copied().unwrap_or_default()
    }
}

/// Names are copied once a stream, not once an event.
fn take(streams: &mut HashMap<StreamName, PageCounts>, event: &RecordedEvent) {
    match streams.get_mut(&event.stream) {
        Some(counts) => counts.take(&event.event_type),
        None => streams.entry(event.stream.clone()).or_default().take(&event.event_type),
    }
}

/// What a view's rows of a day stand for, and the number of reservations that is kept with the day's digest.
#[derive(Debug, Default, Clone, Copy)]
struct Applied {
    counts: PageCounts,
    in_digest: i64,
}

/// What a view has applied, by day.
#[derive(Debug)]
pub(super) struct ViewCounts(BTreeMap<NaiveDate, Applied>);

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
            let counts = PageCounts { entered, changed, closed: row.try_get(3)?, reopened: row.try_get(4)? };
            days.insert(row.try_get(0)?, Applied { counts, in_digest: row.try_get(5)? });
        }
        Ok(Self(days))
    }

    pub(super) fn page(&self, date: NaiveDate) -> PageCounts {
        self.of(date).counts
    }

    fn of(&self, date: NaiveDate) -> Applied {
        self.0.get(&date).copied().unwrap_or_default()
    }
}

/// Events that a generation leaves out on purpose.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    pub(super) parked: u64,
    pub(super) discarded: u64,
    positions: HashSet<Position>,
    pages: BTreeMap<NaiveDate, PageCounts>,
}

impl LeftOut {
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
        let mut left_out = Self::default();
        for row in transaction.query(sql, &[&model, &generation.number, &commit, &prepare]).await? {
            let position = Position::from_parts(row.try_get(0)?, row.try_get(1)?)
                .map_err(|_| ViewError::Control { what: "a position" })?;
            if !left_out.positions.insert(position) {
                continue;
            }
            let count = if row.try_get(4)? { &mut left_out.parked } else { &mut left_out.discarded };
            *count += 1;
            let stream = StreamName::parse(row.try_get::<_, &str>(2)?);
            if let Some(date) = stream.ok().and_then(|stream| stream.page_date()) {
                left_out.pages.entry(date).or_default().take(row.try_get(3)?);
            }
        }
        Ok(left_out)
    }

    /// All of them.
    pub(super) const fn positions(&self) -> &HashSet<Position> {
        &self.positions
    }

    pub(super) fn holds(&self, position: Position) -> bool {
        self.positions.contains(&position)
    }

    fn page(&self, date: NaiveDate) -> PageCounts {
        self.pages.get(&date).copied().unwrap_or_default()
    }
}

/// The days on which the log and the view do not count alike.
pub(super) fn suspects(log: &LogCounts, view: &ViewCounts, left_out: &LeftOut) -> BTreeSet<NaiveDate> {
    let days: BTreeSet<NaiveDate> = log.pages.keys().chain(view.0.keys()).copied().collect();
    let agrees = |date: &NaiveDate| {
        let applied = view.of(*date);
        log.page(*date).without(left_out.page(*date)) == applied.counts
            && applied.in_digest == applied.counts.entered
    };
    days.into_iter().filter(|date| !agrees(date)).collect()
}
