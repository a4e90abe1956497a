//! A trial: the real reading and folding of a rebuild, with nothing written. It tells whether the log can be taken in, how
//! long that takes, and how much there would be.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use daybook_domain::ReadModel;
use daybook_event_log::Position;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::intake::{Failings, Found};
use super::loading::{release, write_out};
use super::passes::Passes;
use super::reading::finished;
use super::{Phase, PhaseClock, Progress, Rebuild};
use crate::control::error::ViewError;
use crate::projection::canonical::Digest;
use crate::projection::day_digests;
use crate::projection::histories::Histories;
use crate::projection::row::ReservationRow;
use crate::projection::row::dynamic::DynamicRow;
use crate::projection::row::legacy::LegacyRow;

/// Parts of rows that wait to be counted, at most.
const WAITING_PARTS: usize = 4;

/// What a trial found.
#[derive(Debug, Clone, Serialize)]
pub struct Trial {
    /// Events read.
    pub events: u64,
    /// Position of the last of them.
    pub position: Position,
    /// Seconds from the first event to the last row.
    pub seconds: f64,
    /// What each view would hold.
    pub views: Vec<TrialView>,
    /// Events that cannot be taken in. The views are counted without them, and without those that stand behind them.
    pub failings: Failings,
}

/// What one view would hold.
#[derive(Debug, Clone, Serialize)]
pub struct TrialView {
    /// Which view.
    pub view: ReadModel,
    /// Its reservations.
    pub reservations: usize,
    /// Its closures.
    pub closures: usize,
    /// Bytes of the reservations as they are copied in; keys and indexes come on top of that.
    pub bytes: u64,
    /// Digest of its facts.
    pub digest: Digest,
}

impl Rebuild {
    /// Does what a rebuild does up to the point at which it would write.
    ///
    /// # Errors
    /// That the log or the keys cannot be read. Events that cannot be taken in are part of what it finds, except for those
    /// that only PostgreSQL refuses: it is not asked.
    pub async fn try_out(
        &self,
        models: &[ReadModel],
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Trial, ViewError> {
        let since = Instant::now();
        let mut clock = PhaseClock::new(progress);
        let found = Found::default();
        let source = self.source(self.log.head().await?).await?;
        let mut passes = Passes::new(source.noting(found.clone()));
        let mut views: Vec<TrialView> = models.iter().copied().map(TrialView::empty).collect();
        clock.enter(Phase::Reading);
        while let Some(histories) = passes.next(&mut clock).await? {
            clock.enter(Phase::Loading);
            let histories = Arc::new(histories);
            for view in &mut views {
                match view.view {
                    ReadModel::Legacy => view.add::<LegacyRow>(&histories).await,
                    ReadModel::Dynamic => view.add::<DynamicRow>(&histories).await,
                }
            }
            // The next pass needs the room.
            finished(release(histories)).await;
            clock.enter(Phase::Reading);
        }
        let (events, position) = (clock.events, passes.end());
        Ok(Trial { events, position, seconds: since.elapsed().as_secs_f64(), views, failings: found.take() })
    }
}

impl TrialView {
    const fn empty(view: ReadModel) -> Self {
        Self { view, reservations: 0, closures: 0, bytes: 0, digest: Digest::EMPTY }
    }

    /// Writes the rows of a pass out as for the database, and counts them instead.
    async fn add<R: ReservationRow>(&mut self, histories: &Arc<Histories>) {
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
        self.digest = self.digest.with(day_digests::total(&finished(writing).await));
    }
}
