//! The progress of a rebuild in `control.generations`, where other processes see it: `serve` in its metrics, an operator in
//! a list.
//!
//! It must never fail a rebuild, nor make it wait: what could not be written is written a second later, or not at all.

use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::clock::{PhaseClock, Progress};
use crate::ViewError;
use crate::generation::{self, Generation};

/// Between two writings, at least.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes the progress of generations until it is dropped.
#[derive(Debug)]
pub(super) struct Record(JoinHandle<()>);

impl Record {
    /// Starts to write what a clock tells.
    pub(super) fn start(pool: &Pool, generations: &[Generation], clock: &PhaseClock<'_>) -> Self {
        Self(tokio::spawn(keep(pool.clone(), generations.to_vec(), clock.follow())))
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn keep(pool: Pool, generations: Vec<Generation>, mut progress: watch::Receiver<Option<Progress>>) {
    while progress.changed().await.is_ok() {
        let known = *progress.borrow_and_update();
        if let Some(known) = known
            && let Err(error) = write(&pool, &generations, known).await
        {
            tracing::debug!(error = %crate::describe(&error), "the progress of a rebuild was not written down");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn write(pool: &Pool, generations: &[Generation], progress: Progress) -> Result<(), ViewError> {
    let client = pool.get().await?;
    for generation in generations {
        generation::note_progress(&client, *generation, progress.phase.as_str(), progress.events).await?;
    }
    Ok(())
}
