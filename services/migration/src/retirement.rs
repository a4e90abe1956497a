//! Retirement: drops the tables of a view to which nobody is routed, and restores them from the log on demand.
//!
//! The order is: append the event, insert the record, stop serving, drop the tables, create the cleanup index. The event comes
//! first because every process follows the log: from then on nobody can be routed to the view, even if this process dies. The
//! record comes before the drop because it lists ids that only the tables hold. Every step is idempotent, so the next `retire`
//! completes an interrupted one. Nothing here may append: the caller appends events through the write side between the steps,
//! under the rebuild lock.

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

/// How long to wait for other processes.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until every process follows a change of routing or of the serving views, which takes up to a second.
    pub in_force: Duration,
    /// Until requests that were routed to a view before it stopped serving have ended.
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
    /// Takes the log, the keys and the pool of the views' database.
    pub fn new(log: Arc<dyn EventLog>, vault: Vault, pool: Pool) -> Self {
        let rebuild = Rebuild::new(Arc::clone(&log), vault.clone(), pool.clone(), KEEP);
        Self { log, vault, pool, rebuild, patience: Patience::default() }
    }

    /// Sets the waits. With shorter ones, reads in flight may fail.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Takes the rebuild lock, which excludes rebuilds and other retirements until [`RetirementSteps::end`].
    ///
    /// # Errors
    /// [`ViewError::RebuildUnderWay`] if the lock is taken.
    pub async fn begin(&self) -> Result<RetirementSteps<'_>, ViewError> {
        Ok(RetirementSteps { retirement: self, lock: self.rebuild.lock().await? })
    }

    async fn client(&self) -> Result<Client, ViewError> {
        Ok(self.pool.get().await?)
    }
}

/// The steps of a retirement or restoration, under the rebuild lock.
#[derive(Debug)]
pub struct RetirementSteps<'a> {
    retirement: &'a Retirement,
    lock: ClientWrapper,
}

impl RetirementSteps<'_> {
    /// Releases the lock.
    pub async fn end(self) {
        Rebuild::unlock(&self.lock).await;
    }
}

fn position(place: LogPlace) -> Result<Position, ViewError> {
    place.try_into().map_err(|_| ViewError::Control { what: "a retirement's position" })
}
