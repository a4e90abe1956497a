//! The audit: what the log holds, stream by stream, against what a view has applied, at one position.
//!
//! A view tells by its rows how many events it has taken in: a reservation's version is the number of them, a closure stands
//! for the event that closed and, once lifted, for the one that reopened. So a page is counted in the log without a look
//! into any event, and in the view by one sum. Only where the two differ the page's events are read and folded as a rebuild
//! would, which tells which reservations miss which of them.
//!
//! It cannot see what leaves the counts right: a field that holds a wrong value, or on one page as many events applied twice
//! as were passed over of reservations that are there. Those are for [`crate::compare::verify`]. It never writes; [`Auditor::repair`] does.

mod count;
mod finding;
mod page;
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

pub use count::PageCounts;
pub use finding::{Fault, Missing, PageFinding, RowFinding, TableFinding};
pub use repair::{ChangedRow, Repair, Repaired};

use count::{LeftOut, LogCounts, ViewCounts};
use finding::Drill;

/// Pages that are looked into and told one by one, at most; all are counted.
pub const MAX_PAGES: usize = 50;

/// Reservations and closures of one page that are told, at most; all are counted.
pub const MAX_FINDINGS: usize = 20;

/// What an audit of one generation found.
#[derive(Debug, Clone, Serialize)]
pub struct Audit {
    /// Which.
    pub generation: Generation,
    /// Up to where it holds everything, or should.
    pub position: Position,
    /// Events up to there.
    pub events: u64,
    /// Streams that they belong to.
    pub streams: u64,
    /// Events that wait because they, or an earlier one of the same reservation, could not be taken in.
    pub parked: u64,
    /// Events that somebody decided to leave out.
    pub discarded: u64,
    /// Pages on which the view does not hold what the log does.
    pub disagreeing: u64,
    /// The first of them.
    pub pages: Vec<PageFinding>,
    /// Tables of services, limits and hours that do not hold what the log does.
    pub tables: Vec<TableFinding>,
}

impl Audit {
    /// Whether the view has applied what the log holds, as far as counts tell.
    pub const fn agrees(&self) -> bool {
        self.disagreeing == 0 && self.tables.is_empty()
    }
}

/// How far an audit has come: events counted, and how much of the log that is, from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub struct AuditProgress {
    /// Events counted.
    pub events: u64,
    /// How much of the log that is.
    pub read_fraction: f64,
}

/// Audits views, and repairs pages of them.
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

    /// Audits one generation, or all that serve. All of them in one snapshot; events after their checkpoints do not count.
    ///
    /// # Errors
    /// [`ViewError::NoRows`] where the generation is not one that holds a view.
    pub async fn audit(
        &self,
        only: Option<Generation>,
        progress: &(dyn Fn(AuditProgress) + Send + Sync),
    ) -> Result<Vec<Audit>, ViewError> {
        let mut client = self.pool.get().await?;
        let snapshot = rows::snapshot(&mut client).await?;
        let mut logs: BTreeMap<Position, LogCounts> = BTreeMap::new();
        let mut audits = Vec::new();
        for standing in self.chosen(&snapshot, only).await? {
            let at = standing.position;
            // Views that serve stand at one position, mostly: then the log is read once.
            let log = match logs.entry(at) {
                Entry::Occupied(counted) => counted.into_mut(),
                Entry::Vacant(place) => place.insert(LogCounts::read(&*self.log, at, progress).await?),
            };
            audits.push(self.audit_one(&snapshot, &standing, log).await?);
        }
        Ok(audits)
    }

    /// The generations that are asked for, each with its tables.
    async fn chosen(
        &self,
        snapshot: &Transaction<'_>,
        only: Option<Generation>,
    ) -> Result<Vec<GenerationStatus>, ViewError> {
        let all = generation::list(snapshot).await?;
        let Some(generation) = only else {
            let live: Vec<GenerationStatus> =
                all.into_iter().filter(|one| one.state == GenerationState::Live).collect();
            for standing in &live {
                check_rows(snapshot, standing.generation, Some(standing.state)).await?;
            }
            return match live.as_slice() {
                [] => Err(ViewError::NotLive { model: daybook_domain::ReadModel::Legacy }),
                [_, ..] => Ok(live),
            };
        };
        let standing = all.into_iter().find(|one| one.generation == generation);
        check_rows(snapshot, generation, standing.as_ref().map(|one| one.state)).await?;
        Ok(standing.into_iter().collect())
    }

    async fn audit_one(
        &self,
        snapshot: &Transaction<'_>,
        standing: &GenerationStatus,
        log: &LogCounts,
    ) -> Result<Audit, ViewError> {
        let (generation, position) = (standing.generation, standing.position);
        let view = ViewCounts::read(snapshot, generation).await?;
        let left_out = LeftOut::read(snapshot, generation, position).await?;
        let (interpreter, reference) =
            resume(&*self.log, &self.vault, position, left_out.positions()).await?;
        let tables = finding::tables(snapshot, generation, &reference).await?;
        let mut drill = Drill {
            generation,
            position,
            log: &*self.log,
            vault: &self.vault,
            left_out: &left_out,
            interpreter,
            reference: &reference,
            privacy: page::read_privacy(&*self.log, position).await?,
        };
        let mut suspects = count::suspects(log, &view, &left_out);
        suspects.extend(drill.days_with_a_forgotten_patient(snapshot).await?);
        let unread = suspects.len().saturating_sub(MAX_PAGES) as u64;
        let mut pages = Vec::new();
        for date in suspects.into_iter().take(MAX_PAGES) {
            let counts = [log.page(date), view.page(date)];
            pages.extend(drill.look_into(snapshot, date, counts).await?);
        }
        Ok(Audit {
            generation,
            position,
            events: log.events,
            streams: log.streams,
            parked: left_out.parked,
            discarded: left_out.discarded,
            disagreeing: pages.len() as u64 + unread,
            pages,
            tables,
        })
    }

    /// Derives a page, or one reservation, of a generation anew from the log, up to where the generation stands.
    ///
    /// One transaction holds the checkpoints meanwhile, so that whoever keeps the views up waits and no event is taken in
    /// twice or passed over. The rows are those that a rebuild would write. For whose page it is the log may have to be read;
    /// that is done before.
    ///
    /// # Errors
    /// [`ViewError::NoRows`] where the generation is not one that holds a view; [`ViewError::NoSuchReservation`] where
    /// neither the generation nor the log knows the reservation.
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
        let standing = generation::hold(&transaction, generation).await?;
        check_rows(&transaction, generation, standing.as_ref().map(|one| one.state)).await?;
        let Some(standing) = standing else { return Err(ViewError::NoRows { generation, state: None }) };
        let repaired = repair::run(&*self.log, &self.vault, &transaction, &standing, (date, only)).await?;
        transaction.commit().await?;
        Ok(repaired)
    }
}

/// Makes sure that a generation holds a view.
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

/// The name of a day's page, for reports.
fn page_name(date: NaiveDate) -> String {
    daybook_event_log::StreamName::page(date).to_string()
}
