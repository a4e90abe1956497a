//! The leader's sign of life, once a second: one update of one row, which waits for no disk.
//!
//! It must never run on the session of the batches: it would wait for them, and a long batch would pass for silence.

use std::convert::Infallible;
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object, Pool};
use tokio::time::sleep;

use crate::control::error::ViewError;
use crate::control::ids::Epoch;

/// Between two beats.
const BEAT_PAUSE: Duration = Duration::from_secs(1);

/// Beats of one leadership. Its connection is out of the pool, so that no beat waits for one that others use.
#[derive(Debug)]
pub(crate) struct Pulse {
    client: ClientWrapper,
    epoch: Epoch,
}

impl Pulse {
    /// Connects. The first beat was the raising of the epoch.
    pub(crate) async fn open(pool: &Pool, epoch: Epoch) -> Result<Self, ViewError> {
        let client = Object::take(pool.get().await?);
        // A beat that a crash of the server takes back is of no use anyway: the crash ends the leader's session too.
        client.batch_execute("SET synchronous_commit = off").await?;
        Ok(Self { client, epoch })
    }

    /// Beats until that fails: with [`ViewError::Deposed`] once there is another leader.
    pub(crate) async fn beat_on(&self) -> Result<Infallible, ViewError> {
        let sql = "UPDATE control.leader SET beat_at = clock_timestamp() WHERE epoch = $1";
        let beat = self.client.prepare(sql).await?;
        loop {
            sleep(BEAT_PAUSE).await;
            if self.client.execute(&beat, &[&self.epoch.to_sql()]).await? == 0 {
                return Err(ViewError::Deposed { epoch: self.epoch });
            }
        }
    }
}
