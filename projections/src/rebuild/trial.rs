//! A trial: the real reading and folding of a rebuild, with nothing written. It tells whether the log can be taken in, how
//! long that takes, and how much there would be.

use std::time::Instant;

use bytes::Bytes;
use daybook_domain::ReadModel;
use daybook_event_log::Position;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::{Phase, PhaseClock, Progress, Rebuild, reading};
use crate::ViewError;
use crate::fact::Digest;
use crate::fold::Fold;
use crate::row::ReservationRow;
use crate::store;

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
    /// The first event that cannot be taken in, or that the log cannot be read.
    pub async fn try_out(
        &self,
        models: &[ReadModel],
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Trial, ViewError> {
        let since = Instant::now();
        let mut clock = PhaseClock::new(progress);
        clock.enter(Phase::Reading);
        let read = reading::read(&self.log, &self.vault, models, &mut clock).await?;
        clock.enter(Phase::Loading);
        let mut views = Vec::new();
        if let Some(fold) = read.legacy {
            views.push(measure(fold).await);
        }
        if let Some(fold) = read.dynamic {
            views.push(measure(fold).await);
        }
        let (events, position, seconds) = (clock.events, read.position, since.elapsed().as_secs_f64());
        Ok(Trial { events, position, seconds, views })
    }
}

/// Writes the rows out as for the database, and counts them instead.
async fn measure<R: ReservationRow>(fold: Fold<R>) -> TrialView {
    let (sender, mut parts) = mpsc::channel::<Bytes>(WAITING_PARTS);
    let (reservations, closures) = (fold.rows.len(), fold.closures.len());
    let writing = spawn_blocking(move || store::write_out(&fold, &sender));
    let mut bytes = 0;
    while let Some(part) = parts.recv().await {
        bytes += part.len() as u64;
    }
    let days = writing.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    let digest = days.values().fold(Digest::EMPTY, |sum, day| sum.with(day.digest));
    TrialView { view: R::MODEL, reservations, closures, bytes, digest }
}
