//! What was seen of positions. They are the server's own and have gaps: a model only knows that they rise with its events,
//! and that none ever changes.

use anyhow::ensure;
use daybook_event_log::Position;

/// The positions of a model's events, as far as they were seen.
#[derive(Debug, Default)]
pub(super) struct Positions(Vec<Option<Position>>);

impl Positions {
    /// Takes the position of the event with this index in the model; fails where it cannot be that event's.
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

    /// The so-manieth event from the last whose position was seen, with its index. Starts again at the last where there
    /// are not so many; none where there is none.
    pub(super) fn nth_last(&self, back: usize) -> Option<(usize, Position)> {
        let seen = self.0.iter().enumerate().filter_map(|(index, position)| Some((index, (*position)?)));
        let seen: Vec<_> = seen.rev().collect();
        seen.get(back % seen.len().max(1)).copied()
    }
}
