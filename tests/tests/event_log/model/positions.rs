//! The observed positions of events. The log assigns positions and leaves gaps. A model knows only that positions
//! increase with its events and that they never change.

use anyhow::ensure;
use daybook_event_log::Position;

/// The known positions of a model's events.
#[derive(Debug, Default)]
pub(super) struct Positions(Vec<Option<Position>>);

impl Positions {
    /// Records the position of the event at this index in the model. Fails if the position contradicts a known
    /// position.
    pub(super) fn see(&mut self, index: usize, position: Position) -> anyhow::Result<()> {
        if self.0.len() <= index {
            self.0.resize(index + 1, None);
        }
        let known = self.0[index].replace(position);
        ensure!(
            known.is_none_or(|known| known == position),
            "event {index} was at {known:?}, and is at {position}"
        );
        let rise = self.0.iter().flatten().is_sorted_by(|one, next| one < next);
        ensure!(rise && position > Position::START, "positions do not rise: {:?}", self.0);
        Ok(())
    }

    /// Returns an event with a known position and its index, counting back from the last. Wraps around if `back` is too
    /// large. Returns `None` if no position is known.
    pub(super) fn nth_last(&self, back: usize) -> Option<(usize, Position)> {
        let seen = self.0.iter().enumerate().filter_map(|(index, position)| Some((index, (*position)?)));
        let seen: Vec<_> = seen.rev().collect();
        seen.get(back % seen.len().max(1)).copied()
    }
}
