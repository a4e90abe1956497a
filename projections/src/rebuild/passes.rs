//! Passes over the log. One gathers all pages where memory allows that; otherwise the later pages are left for others, and
//! the log is read again for each part of them.
//!
//! To read again is cheaper than to write what does not fit aside, and nothing of a patient's is ever put into a file.

use std::collections::VecDeque;

use daybook_event_log::{PageRange, Position};

use super::PhaseClock;
use super::reading::{self, Source};
use crate::control::error::ViewError;
use crate::projection::histories::Histories;

/// The passes that are still to come.
#[derive(Debug)]
pub(super) struct Passes {
    source: Source,
    to_come: VecDeque<PageRange>,
    done: usize,
}

impl Passes {
    /// Passes over all pages.
    pub(super) fn new(source: Source) -> Self {
        Self { source, to_come: VecDeque::from([PageRange::ALL]), done: 0 }
    }

    /// Makes the next pass; none where all pages have been gathered.
    pub(super) async fn next(&mut self, clock: &mut PhaseClock<'_>) -> Result<Option<Histories>, ViewError> {
        let Some(range) = self.to_come.pop_front() else { return Ok(None) };
        clock.begin_pass(self.done, self.to_come.len());
        let histories = reading::read(&mut self.source, range, clock).await?;
        self.done += 1;
        if let Some(cut) = histories.rest() {
            let left = cut.ranges(self.source.memory.for_histories(), range.until);
            tracing::info!(
                passes = left.len(),
                "memory does not hold all pages: the log is read again for the rest"
            );
            left.into_iter().rev().for_each(|range| self.to_come.push_front(range));
        }
        Ok(Some(histories))
    }

    /// Position up to which they read.
    pub(super) const fn end(&self) -> Position {
        self.source.to
    }

    /// Whether the pass that was made last was the last one.
    pub(super) fn are_done(&self) -> bool {
        self.to_come.is_empty()
    }
}
