//! A dry run reads and folds the log as a rebuild does and writes nothing. It shows whether all events can be applied,
//! how long that takes, and how large the views would be.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use daybook_domain::ReadModel;
use daybook_event_log::Position;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::loading::{release, write_out};
use super::passes::Passes;
use super::rebuild_interpreter::{FailingEvents, FailureLog};
use super::replay::finished;
use super::{Phase, PhaseClock, Progress, Rebuild};
use crate::control::error::ViewError;
use crate::projection::canonical::Digest;
use crate::projection::day_digests;
use crate::projection::histories::Histories;
use crate::projection::row::ReservationRow;
use crate::projection::row::dynamic::DynamicRow;
use crate::projection::row::legacy::LegacyRow;

/// Most parts of rows that wait to be counted.
const WAITING_PARTS: usize = 4;

/// The result of a dry run.
#[derive(Debug, Clone, Serialize)]
pub struct DryRun {
    pub events: u64,
    /// Position of the last event.
    pub position: Position,
    /// Seconds from the first event to the last row.
    pub seconds: f64,
    /// The contents of each view.
    pub views: Vec<DryRunView>,
    /// Events that cannot be applied. The views are counted without them and without the events that wait for them.
    pub failings: FailingEvents,
}

/// The contents of one view.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the names of these fields say what they are")]
pub struct DryRunView {
    pub view: ReadModel,
    pub reservations: usize,
    pub closures: usize,
    /// Bytes of the reservations in COPY format, without keys and indexes.
    pub bytes: u64,
    pub digest: Digest,
}

impl Rebuild {
    /// Does everything that a rebuild does before it writes.
    ///
    /// # Errors
    /// The log or the keys cannot be read. Events that cannot be applied are part of the result, except those that only
    /// PostgreSQL would reject.
    pub async fn dry_run(
        &self,
        models: &[ReadModel],
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<DryRun, ViewError> {
        let since = Instant::now();
        let mut clock = PhaseClock::new(progress);
        let failures = FailureLog::default();
        let source = self.source(self.log.head().await?).await?;
        let mut passes = Passes::new(source.recording_failures(failures.clone()));
        let mut views: Vec<DryRunView> = models.iter().copied().map(DryRunView::empty).collect();
        clock.start(Phase::Reading);
        while let Some(histories) = passes.next(&mut clock).await? {
            clock.start(Phase::Loading);
            let histories = Arc::new(histories);
            for view in &mut views {
                match view.view {
                    ReadModel::Legacy => view.add::<LegacyRow>(&histories).await?,
                    ReadModel::Dynamic => view.add::<DynamicRow>(&histories).await?,
                }
            }
            // The next pass needs the memory.
            finished(release(histories)).await?;
            clock.start(Phase::Reading);
        }
        let (events, position) = (clock.events, passes.end());
        Ok(DryRun {
            events,
            position,
            seconds: since.elapsed().as_secs_f64(),
            views,
            failings: failures.take(),
        })
    }
}

impl DryRunView {
    const fn empty(view: ReadModel) -> Self {
        Self { view, reservations: 0, closures: 0, bytes: 0, digest: Digest::EMPTY }
    }

    /// Builds the rows of a pass as for the database, and counts them.
    async fn add<R: ReservationRow>(&mut self, histories: &Arc<Histories>) -> Result<(), ViewError> {
        let (sender, mut parts) = mpsc::channel::<Bytes>(WAITING_PARTS);
        let writing = spawn_blocking({
            let histories = Arc::clone(histories);
            move || write_out::<R>(&histories, &sender)
        });
        while let Some(part) = parts.recv().await {
            self.bytes += part.len() as u64;
        }
        self.reservations += histories.len();
        self.closures += histories.closures().len();
        self.digest = self.digest.with(day_digests::total(&finished(writing).await?));
        Ok(())
    }
}
