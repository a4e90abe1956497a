//! The audit compares what the log contains, stream by stream, with what a view has applied, at one position.
//!
//! A view's rows show how many events it has applied: a reservation's version is their number, and a closure stands for
//! one event, or two once it is lifted. So a day's events are counted in the log without decoding them, and in the view
//! with one sum. A reservation that arrives from another day brings the number of its earlier events along. Only if the
//! two differ are the day's events decoded and folded as in a rebuild, which shows which reservations lack which events.
//!
//! The audit cannot see faults that leave the counts right: a wrong value in a field, or as many events applied twice
//! as were skipped on the same day. [`crate::compare::verify`] finds those. The audit never writes; [`Auditor::repair`]
//! does.

mod count;
mod day_events;
mod finding;
mod repair;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use chrono::NaiveDate;
use daybook_event_log::{EventLog, Position};
use daybook_vault::Vault;
use deadpool_postgres::{GenericClient, Pool, Transaction};
use serde::Serialize;

use crate::control::error::ViewError;
use crate::control::generation::{self, GenerationStatus};
use crate::control::ids::{Generation, GenerationState};
use crate::projection::interpret::resume;
use crate::store::{rows, tables};

pub use count::DayCounts;
pub use finding::{DayFinding, Fault, Missing, RowFinding, TableFinding};
pub use repair::{ChangedRow, Repair, Repaired};

use count::{LogCounts, SkippedEvents, ViewCounts};
use finding::DayInspector;

/// Most days that are inspected and reported one by one; all are counted.
pub const MAX_REPORTED_DAYS: usize = 50;

/// Most reservations and closures of one day that are reported; all are counted.
pub const MAX_FINDINGS: usize = 20;

/// The result of an audit of one generation.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the names of these fields say what they are")]
pub struct Audit {
    pub generation: Generation,
    pub position: Position,
    /// Events in the log up to the checkpoint.
    pub events: u64,
    /// Streams of these events.
    pub streams: u64,
    /// Events that are parked, including those that wait for an earlier one.
    pub parked: u64,
    pub discarded: u64,
    /// Days on which the view does not match the log.
    pub disagreeing: u64,
    /// The first of these days.
    pub pages: Vec<DayFinding>,
    /// Reference tables that do not match the log.
    pub tables: Vec<TableFinding>,
}

impl Audit {
    /// Whether the counts show that the view has applied everything in the log.
    pub const fn agrees(&self) -> bool {
        self.disagreeing == 0 && self.tables.is_empty()
    }
}

/// The progress of an audit.
#[derive(Debug, Clone, Copy)]
pub struct AuditProgress {
    /// Events counted so far.
    pub events: u64,
    /// The fraction of the log that they are, from 0 to 1.
    pub read_fraction: f64,
}

/// Audits views and repairs days of them.
#[derive(Debug, Clone)]
pub struct Auditor {
    log: Arc<dyn EventLog>,
    vault: Vault,
    pool: Pool,
}

impl Auditor {
    /// An auditor over a log and the views' database.
    pub fn new(log: Arc<dyn EventLog>, vault: Vault, pool: Pool) -> Self {
        Self { log, vault, pool }
    }

    /// Audits one generation, or all live ones in one snapshot. Events after their checkpoints do not count.
    ///
    /// # Errors
    /// [`ViewError::NoRows`] if the generation has no complete rows.
    pub async fn audit(
        &self,
        only: Option<Generation>,
        progress: &(dyn Fn(AuditProgress) + Send + Sync),
    ) -> Result<Vec<Audit>, ViewError> {
        let mut client = self.pool.get().await?;
        let snapshot = rows::snapshot(&mut client).await?;
        let mut logs: BTreeMap<Position, LogCounts> = BTreeMap::new();
        let mut audits = Vec::new();
        for status in self.chosen(&snapshot, only).await? {
            let at = status.position;
            // Live views are usually at one position. Then the log is read once.
            let log = match logs.entry(at) {
                Entry::Occupied(counted) => counted.into_mut(),
                Entry::Vacant(place) => place.insert(LogCounts::read(&*self.log, at, progress).await?),
            };
            audits.push(self.audit_one(&snapshot, &status, log).await?);
        }
        Ok(audits)
    }

    /// The generations to audit. Each has its tables.
    async fn chosen(
        &self,
        snapshot: &Transaction<'_>,
        only: Option<Generation>,
    ) -> Result<Vec<GenerationStatus>, ViewError> {
        let all = generation::list(snapshot).await?;
        let Some(generation) = only else {
            let live: Vec<GenerationStatus> =
                all.into_iter().filter(|one| one.state == GenerationState::Live).collect();
            for status in &live {
                check_rows(snapshot, status.generation, Some(status.state)).await?;
            }
            return match live.as_slice() {
                [] => Err(ViewError::NotLive { model: daybook_domain::ReadModel::Legacy }),
                [_, ..] => Ok(live),
            };
        };
        let status = all.into_iter().find(|one| one.generation == generation);
        check_rows(snapshot, generation, status.as_ref().map(|one| one.state)).await?;
        Ok(status.into_iter().collect())
    }

    async fn audit_one(
        &self,
        snapshot: &Transaction<'_>,
        status: &GenerationStatus,
        log: &LogCounts,
    ) -> Result<Audit, ViewError> {
        let (generation, position) = (status.generation, status.position);
        let view = ViewCounts::read(snapshot, generation).await?;
        let skipped = SkippedEvents::read(snapshot, generation, position).await?;
        let (interpreter, reference) = resume(&*self.log, &self.vault, position, skipped.positions()).await?;
        let tables = finding::tables(snapshot, generation, &reference).await?;
        let mut inspector = DayInspector {
            generation,
            position,
            log: &*self.log,
            vault: &self.vault,
            skipped: &skipped,
            interpreter,
            reference: &reference,
            privacy: day_events::read_privacy(&*self.log, position).await?,
        };
        let mut suspects = count::suspects(log, &view, &skipped);
        suspects.extend(inspector.days_with_a_forgotten_patient(snapshot).await?);
        let unread = suspects.len().saturating_sub(MAX_REPORTED_DAYS) as u64;
        let mut days = Vec::new();
        for date in suspects.into_iter().take(MAX_REPORTED_DAYS) {
            let counts = [log.counts(date), view.counts(date)];
            days.extend(inspector.inspect(snapshot, date, counts).await?);
        }
        Ok(Audit {
            generation,
            position,
            events: log.events,
            streams: log.streams,
            parked: skipped.parked,
            discarded: skipped.discarded,
            disagreeing: days.len() as u64 + unread,
            pages: days,
            tables,
        })
    }

    /// Derives a day, or one reservation, of a generation from the log again, up to the generation's checkpoint.
    ///
    /// One transaction locks the checkpoints, so the leader waits and no event is applied twice or skipped. The rows
    /// are those that a rebuild would write. Finding a reservation's day may require reading the log, which happens
    /// before the transaction.
    ///
    /// # Errors
    /// [`ViewError::NoRows`] if the generation has no complete rows; [`ViewError::NoSuchReservation`] if neither the
    /// generation nor the log has the reservation.
    pub async fn repair(&self, generation: Generation, what: &Repair) -> Result<Repaired, ViewError> {
        let mut client = self.pool.get().await?;
        let listed = generation::list(&client).await?.into_iter().find(|one| one.generation == generation);
        check_rows(&client, generation, listed.map(|one| one.state)).await?;
        let (date, only) = match what {
            Repair::Day(date) => (*date, None),
            Repair::Reservation(id) => {
                (repair::date_of(&*self.log, &client, generation, id).await?, Some(id))
            }
        };
        let transaction = client.transaction().await?;
        let status = generation::hold(&transaction, generation).await?;
        check_rows(&transaction, generation, status.as_ref().map(|one| one.state)).await?;
        let Some(status) = status else { return Err(ViewError::NoRows { generation, state: None }) };
        let repaired = repair::run(&*self.log, &self.vault, &transaction, &status, (date, only)).await?;
        transaction.commit().await?;
        Ok(repaired)
    }
}

/// Checks that a generation has complete rows.
async fn check_rows(
    client: &impl GenericClient,
    generation: Generation,
    state: Option<GenerationState>,
) -> Result<(), ViewError> {
    let is_whole =
        matches!(state, Some(GenerationState::Live | GenerationState::Kept | GenerationState::Past));
    if is_whole && tables::exist(client, generation).await? {
        return Ok(());
    }
    Err(ViewError::NoRows { generation, state })
}

/// The name of a day's stream, for reports.
fn stream_name(date: NaiveDate) -> String {
    daybook_event_log::StreamName::page(date).to_string()
}
