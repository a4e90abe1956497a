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

use daybook_projections::ViewError;
use daybook_projections::rebuild::{KEEP, LAST_READERS, Rebuild};

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

    /// Keeps rebuilds and other retirements away until [`RetirementSteps::end`].
    ///
    /// # Errors
    /// [`ViewError::RebuildUnderWay`] where one is under way.
    pub async fn begin(&self) -> Result<RetirementSteps<'_>, ViewError> {
        Ok(RetirementSteps { of: self, lock: self.rebuild.lock().await? })
    }

    async fn client(&self) -> Result<Client, ViewError> {
        Ok(self.pool.get().await?)
    }
}

/// The steps, under the lock of rebuilds.
#[derive(Debug)]
pub struct RetirementSteps<'a> {
    of: &'a Retirement,
    lock: ClientWrapper,
}

impl RetirementSteps<'_> {
    /// Lets others go on.
    pub async fn end(self) {
        Rebuild::unlock(&self.lock).await;
    }
}

fn position(place: LogPlace) -> Result<Position, ViewError> {
    place.try_into().map_err(|_| ViewError::Control { what: "a retirement's position" })
}
