//! The leader's heartbeat: once a second it updates one row without waiting for the disk.
//!
//! It must never run on the session of the batches. It would wait for them, and a long batch would look like silence.

use std::convert::Infallible;
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object, Pool};
use tokio::time::sleep;

use crate::control::error::ViewError;
use crate::control::ids::Epoch;

/// Pause between two heartbeats.
const BEAT_PAUSE: Duration = Duration::from_secs(1);

/// The heartbeat of one leadership. Its connection is taken out of the pool, so that no heartbeat waits for a free one.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    client: ClientWrapper,
    epoch: Epoch,
}

impl Heartbeat {
    /// Connects. Raising the epoch was the first heartbeat.
    pub(crate) async fn open(pool: &Pool, epoch: Epoch) -> Result<Self, ViewError> {
        let client = Object::take(pool.get().await?);
        // A crash that loses the last heartbeat does no harm: it also ends the leader's session.
        client.batch_execute("SET synchronous_commit = off").await?;
        Ok(Self { client, epoch })
    }

    /// Sends heartbeats until one fails. Fails with [`ViewError::Deposed`] if there is another leader.
    pub(crate) async fn run(&self) -> Result<Infallible, ViewError> {
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
