//! Retirement: the tables of a view that nobody is led to are dropped, and made again from the log when they are wanted.
//!
//! The order is: the event, the record, an end to serving, the tables, the index of the runbook's cleanup. The log is what
//! every process goes by, so it comes first: from the event on nobody can be led back, whatever becomes of this process. The
//! record needs the tables, for the ids that only they show, so it comes before they go. Each step does only what is not
//! done yet; whoever is killed between two of them is completed by the next `retire`. Nothing here may append: the events
//! are the write side's, and whoever calls appends them between the steps, while the lock of rebuilds is held.

mod record;
mod restoring;
mod retiring;

use std::sync::Arc;
use std::time::Duration;

use daybook_domain::routing::LogPlace;
use daybook_event_log::{EventLog, Position};
use daybook_vault::Vault;
use deadpool_postgres::{Client, ClientWrapper, Pool};

use crate::ViewError;
use crate::control::ids::Generation;
use crate::projection::canonical::Digest;
use crate::rebuild::{KEEP, LAST_READERS, Rebuild};

pub use record::{RetirementRecord, records};
pub use restoring::{Rebuilt, RestorationProof};
pub use retiring::Examined;

/// How long is waited for others.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until every process has taken in what it is told: routing, and what serves, are in force within a second.
    pub in_force: Duration,
    /// Until the last request has been answered that was on its way to what serves no more.
    pub last_readers: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { in_force: Duration::from_secs(2), last_readers: LAST_READERS }
    }
}

/// Why a view cannot be retired or restored.
#[derive(Debug, thiserror::Error)]
pub enum RetirementFault {
    /// The views could not be read or changed.
    #[error(transparent)]
    View(#[from] ViewError),
    /// Events wait that a view could not take in.
    #[error(
        "{generation} holds back {events} parked events: settle them first; `daybook projection parked list` shows them"
    )]
    Parked {
        /// The view.
        generation: Generation,
        /// How many.
        events: u64,
    },
    /// The views do not say the same.
    #[error(
        "the views differ at position {position}, in {reservations} reservations: `daybook projection verify` shows where, \
         and `daybook projection rebuild all` builds both anew"
    )]
    ViewsDiffer {
        /// Where they were compared.
        position: Position,
        /// In how many.
        reservations: u64,
    },
    /// No retirement stands in the log.
    #[error("no view is retired; `daybook projection list` shows which serve")]
    NotRetired,
    /// The rebuilt view could not be compared.
    #[error(
        "the rebuilt view could not be compared with the other one, so it is not called restored; \
         `daybook projection restore legacy` tries again"
    )]
    NotCompared,
    /// Nothing happened since the retirement, and yet the rebuilt view is another.
    #[error(
        "{generation} was built from the same events as the view that was retired, and is another: its digest is {found}, the \
         recorded one {recorded}. It does not serve and is not called restored; it is kept to be looked into, and \
         `daybook projection retire legacy` drops it"
    )]
    NotAsRetired {
        /// What was built.
        generation: Generation,
        /// Its digest.
        found: Digest,
        /// The digest that was recorded.
        recorded: Box<str>,
    },
}

/// Retires and restores views.
#[derive(Debug, Clone)]
pub struct Retirement {
    log: Arc<dyn EventLog>,
    vault: Vault,
    pool: Pool,
    rebuild: Rebuild,
    patience: Patience,
}

impl Retirement {
    /// Over a log and the views' database.
    pub fn new(log: Arc<dyn EventLog>, vault: Vault, pool: Pool) -> Self {
        let rebuild = Rebuild::new(Arc::clone(&log), vault.clone(), pool.clone(), KEEP);
        Self { log, vault, pool, rebuild, patience: Patience::default() }
    }

    /// The same with another patience. With less of it a read may fail that was on its way.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Keeps rebuilds and other retirements away until [`Steps::end`].
    ///
    /// # Errors
    /// [`ViewError::RebuildUnderWay`] where one is under way.
    pub async fn begin(&self) -> Result<Steps<'_>, ViewError> {
        Ok(Steps { of: self, lock: self.rebuild.lock().await? })
    }

    async fn client(&self) -> Result<Client, ViewError> {
        Ok(self.pool.get().await?)
    }
}

/// The steps, under the lock of rebuilds.
#[derive(Debug)]
pub struct Steps<'a> {
    of: &'a Retirement,
    lock: ClientWrapper,
}

impl Steps<'_> {
    /// Lets others go on.
    pub async fn end(self) {
        Rebuild::unlock(&self.lock).await;
    }
}

/// A position as events hold it.
pub(crate) fn place(position: Position) -> LogPlace {
    let (commit, prepare) = position.to_parts();
    LogPlace { commit, prepare }
}

fn position(place: LogPlace) -> Result<Position, ViewError> {
    Position::from_parts(place.commit, place.prepare)
        .map_err(|_| ViewError::Control { what: "a retirement's position" })
}
