//! Live generations that could not be written. Each is tried again after a pause, from its own checkpoint, while the other one
//! goes on.

use std::collections::HashMap;
use std::time::Duration;

use daybook_event_log::{Backoff, Position};
use tokio::time::Instant;

use super::PAUSES;
use crate::control::generation::GenerationStatus;
use crate::control::ids::Generation;
use crate::live::parked::Mode;

/// Failures at one checkpoint after which the event that causes them is looked for, whatever PostgreSQL's error is. With the
/// pauses between them this takes a few seconds, which a lock usually does not last.
const TRIES: u32 = 8;

/// The generations that were set aside by this process.
#[derive(Debug, Default)]
pub(super) struct SetAside(HashMap<Generation, Failing>);

#[derive(Debug)]
struct Failing {
    at: Position,
    /// The cause that was recorded; none before.
    recorded: Option<String>,
    tries: u32,
    backoff: Backoff,
    next_try: Instant,
}

impl SetAside {
    /// Sets a generation aside that could not be written after a position.
    pub(super) fn insert(&mut self, generation: Generation, at: Position) {
        let new = || Failing {
            at,
            recorded: None,
            tries: 0,
            backoff: Backoff::between(PAUSES.0, PAUSES.1),
            next_try: Instant::now(),
        };
        let known = self.0.remove(&generation).filter(|known| known.at == at);
        let mut failing = known.unwrap_or_else(new);
        failing.tries = failing.tries.saturating_add(1);
        failing.next_try = Instant::now() + failing.backoff.next_wait();
        self.0.insert(generation, failing);
    }

    /// Whether this cause is not recorded yet.
    pub(super) fn is_news(&self, generation: Generation, cause: &str) -> bool {
        self.0.get(&generation).is_none_or(|failing| failing.recorded.as_deref() != Some(cause))
    }

    /// Remembers that a cause was recorded.
    pub(super) fn note_recorded(&mut self, generation: Generation, cause: String) {
        if let Some(failing) = self.0.get_mut(&generation) {
            failing.recorded = Some(cause);
        }
    }

    /// Removes a generation that was written. Returns whether it had been set aside.
    pub(super) fn remove(&mut self, generation: Generation) -> bool {
        self.0.remove(&generation).is_some()
    }

    /// Removes generations that are not live.
    pub(super) fn retain_live(&mut self, live: &[GenerationStatus]) {
        self.0.retain(|generation, _| live.iter().any(|status| status.generation == *generation));
    }

    /// Whether a generation is not set aside, or is to be tried again.
    pub(super) fn is_due(&self, generation: Generation) -> bool {
        self.0.get(&generation).is_none_or(|failing| failing.next_try <= Instant::now())
    }

    /// Time until the next try; none if nothing is set aside.
    pub(super) fn until_next_try(&self) -> Option<Duration> {
        let next = self.0.values().map(|failing| failing.next_try).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// How to apply the batch after a position.
    pub(super) fn mode(&self, generations: impl IntoIterator<Item = Generation>, after: Position) -> Mode {
        let is_tried = |generation| {
            self.0.get(&generation).is_some_and(|failing| failing.at == after && failing.tries >= TRIES)
        };
        if generations.into_iter().any(is_tried) { Mode::Isolated } else { Mode::Whole }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use daybook_domain::ReadModel;

    use super::*;

    const VIEW: Generation = Generation { model: ReadModel::Dynamic, number: 1 };

    #[test]
    fn an_event_is_searched_for_after_enough_tries_at_one_position() {
        let (mut aside, at) = (SetAside::default(), Position::new(7, 7).unwrap());
        assert!(aside.is_due(VIEW) && aside.until_next_try().is_none());
        for tries in 1..=TRIES {
            aside.insert(VIEW, at);
            assert!(aside.until_next_try().unwrap() <= PAUSES.1);
            assert_eq!(aside.mode([VIEW], at) == Mode::Isolated, tries == TRIES);
        }
        let later = Position::new(8, 8).unwrap();
        assert_eq!(aside.mode([VIEW], later), Mode::Whole);
        aside.insert(VIEW, later);
        assert_eq!(aside.mode([VIEW], later), Mode::Whole, "its tries start over");
        assert!(aside.remove(VIEW) && !aside.remove(VIEW));
    }

    #[test]
    fn a_cause_is_news_until_it_is_recorded() {
        let (mut aside, at) = (SetAside::default(), Position::new(7, 7).unwrap());
        aside.insert(VIEW, at);
        assert!(aside.is_news(VIEW, "locked"));
        aside.note_recorded(VIEW, "locked".to_owned());
        aside.insert(VIEW, at);
        assert!(!aside.is_news(VIEW, "locked") && aside.is_news(VIEW, "missing"));
    }
}
