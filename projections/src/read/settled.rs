//! A snapshot in which the generations have reached the positions that a comparison needs. Everything that compares
//! views waits here. Nothing here advances a view.

use std::time::Duration;

use daybook_domain::ReadModel;
use deadpool_postgres::{Client, Transaction};
use tokio::time::{Instant, sleep};

use crate::control::error::ViewError;
use crate::control::generation::{self, GenerationStatus};
use crate::control::ids::GenerationState;
use crate::store::rows;

/// Pause between two snapshots.
const PAUSE: Duration = Duration::from_millis(20);

/// Begins the same kind of transaction as [`rows::snapshot`].
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Takes snapshots until `choose` returns a value for one, and returns that snapshot with the value. After `patience`
/// it returns the last snapshot without a value.
///
/// # Errors
/// The first error of `choose`, or the database cannot be read.
pub async fn settled_snapshot<'a, T>(
    client: &'a mut Client,
    patience: Duration,
    choose: impl Fn(&[GenerationStatus]) -> Result<Option<T>, ViewError>,
) -> Result<(Transaction<'a>, Option<T>), ViewError> {
    let since = Instant::now();
    let snapshot = rows::snapshot(client).await?;
    loop {
        let chosen = choose(&generation::list(&snapshot).await?)?;
        if chosen.is_some() || since.elapsed() > patience {
            return Ok((snapshot, chosen));
        }
        // One transaction value serves all attempts. No snapshot is held during the pause, so vacuum is not delayed.
        snapshot.batch_execute("ROLLBACK").await?;
        sleep(PAUSE).await;
        snapshot.batch_execute(BEGIN).await?;
    }
}

/// The live generations of both views, the legacy one first.
///
/// # Errors
/// [`ViewError::NotLive`] for the first view without one.
pub fn live_pair(statuses: &[GenerationStatus]) -> Result<[&GenerationStatus; 2], ViewError> {
    let live = |model| {
        let is_live = |status: &&GenerationStatus| {
            status.generation.model == model && status.state == GenerationState::Live
        };
        statuses.iter().find(is_live).ok_or(ViewError::NotLive { model })
    };
    Ok([live(ReadModel::Legacy)?, live(ReadModel::Dynamic)?])
}
