//! What a command recorded is shown by the time its response arrives: the response waits for the views.
//!
//! The wait is bounded, and views that are late are not waited for again until they have caught up: a view that stands
//! still must not delay every booking.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use daybook_event_log::Position;
use daybook_projections::Views;

/// How long a response waits. Views usually need a few milliseconds; a guardrail trips at 500.
const PATIENCE: Duration = Duration::from_millis(250);

/// Waits for the views.
#[derive(Debug, Default)]
pub(crate) struct Freshness {
    /// The position that the views did not reach in time.
    missed: Mutex<Option<Position>>,
}

impl Freshness {
    /// Waits a limited time until all live views have reached a position.
    pub(crate) async fn wait(&self, views: &Views, position: Position) {
        if self.missed().is_some_and(|missed| !views.have_reached(missed)) {
            return;
        }
        let missed = (!views.reach(position, PATIENCE).await).then_some(position);
        *self.missed.lock().unwrap_or_else(PoisonError::into_inner) = missed;
    }

    fn missed(&self) -> Option<Position> {
        *self.missed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
