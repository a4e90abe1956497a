//! Passes over the log. One pass is enough if all days fit into memory. Otherwise later days are left to further
//! passes, which read the log again.
//!
//! Reading again is cheaper than writing histories to disk, and no patient data is ever written to a file.

use std::collections::VecDeque;

use daybook_event_log::{PageRange, Position};

use super::PhaseClock;
use super::replay::{self, ReplaySource};
use crate::control::error::ViewError;
use crate::projection::histories::{Histories, Homes};

/// The remaining passes.
#[derive(Debug)]
pub(super) struct Passes {
    source: ReplaySource,
    to_come: VecDeque<PageRange>,
    /// None before the first pass.
    homes: Option<Homes>,
    done: usize,
}

impl Passes {
    /// Passes over all days.
    pub(super) fn new(source: ReplaySource) -> Self {
        Self { source, to_come: VecDeque::from([PageRange::ALL]), homes: None, done: 0 }
    }

    /// Runs the next pass; none if all days are done.
    pub(super) async fn next(&mut self, clock: &mut PhaseClock<'_>) -> Result<Option<Histories>, ViewError> {
        let Some(range) = self.to_come.pop_front() else { return Ok(None) };
        clock.begin_pass(self.done, self.to_come.len());
        let homes = self.homes.take();
        let mut histories = replay::read(&mut self.source, range, homes, clock).await?;
        self.homes = Some(histories.homes());
        histories.leave_moved_out();
        self.done += 1;
        if let Some(cut) = histories.remainder() {
            let left = cut.ranges(self.source.memory.for_histories(), range.until);
            tracing::info!(
                passes = left.len(),
                "not all days fit into memory; the log is read again for the rest"
            );
            left.into_iter().rev().for_each(|range| self.to_come.push_front(range));
        }
        Ok(Some(histories))
    }

    /// Position at which the passes end.
    pub(super) const fn end(&self) -> Position {
        self.source.to
    }

    /// Whether the last pass is done.
    pub(super) fn are_done(&self) -> bool {
        self.to_come.is_empty()
    }
}
