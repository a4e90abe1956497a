//! Records the progress of a rebuild in `control.generations`, where other processes see it: `serve` in its metrics, an
//! operator in a list.
//!
//! It must never fail or delay a rebuild: what cannot be written is written later or not at all.

use std::time::{Duration, Instant};

use deadpool_postgres::Pool;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::phase_clock::{Phase, PhaseClock, Progress};
use crate::control::error::{ViewError, describe};
use crate::control::generation;
use crate::control::ids::Generation;

/// Shortest pause between two writes within one phase.
const PAUSE: Duration = Duration::from_secs(1);

/// Records the progress of generations until it is dropped.
#[derive(Debug)]
pub(super) struct ProgressRecorder(JoinHandle<()>);

impl ProgressRecorder {
    /// Starts recording what a clock reports.
    pub(super) fn start(pool: &Pool, generations: &[Generation], clock: &PhaseClock<'_>) -> Self {
        Self(tokio::spawn(keep(pool.clone(), generations.to_vec(), clock.follow())))
    }
}

impl Drop for ProgressRecorder {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn keep(pool: Pool, generations: Vec<Generation>, mut progress: watch::Receiver<Option<Progress>>) {
    let mut written: Option<(Phase, Instant)> = None;
    while progress.changed().await.is_ok() {
        let Some(known) = *progress.borrow_and_update() else { continue };
        if written.is_some_and(|(phase, at)| phase == known.phase && at.elapsed() < PAUSE) {
            continue;
        }
        if let Err(error) = write(&pool, &generations, known).await {
            tracing::debug!(error = %describe(&error), "the progress of the rebuild could not be recorded");
        }
        written = Some((known.phase, Instant::now()));
    }
}

async fn write(pool: &Pool, generations: &[Generation], progress: Progress) -> Result<(), ViewError> {
    let client = pool.get().await?;
    for generation in generations {
        generation::record_progress(&client, *generation, progress.phase.as_str(), progress.events).await?;
    }
    Ok(())
}
