//! How far a view is behind the log, and whether that is a reason to worry.
//!
//! One rule, for `/readyz` and for people: a view that works off what came is behind and well; one that has something to
//! take in and does not move is not. To take a process out of traffic because a view is behind would help nobody, since all
//! processes read the same one. Nothing here may wait for a view to move.

use std::time::Duration;

use daybook_event_log::Position;
use serde::Serialize;

/// Events by which a view is behind are counted no further than this.
pub const MAX_COUNTED_LAG: u32 = 10_000;

/// How far a view is behind the log.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Lag {
    /// Position of the view.
    pub position: Position,
    /// Position of the log.
    pub head: Position,
    /// Events that the view does not hold; [`MAX_COUNTED_LAG`] stands for that many or more.
    pub events: u32,
    /// Age of the oldest of them, in seconds; 0 where there is none.
    pub seconds: f64,
    /// For how long the view has had something to take in and has not moved, in seconds.
    pub still_seconds: f64,
}

impl Lag {
    /// Of a view that holds everything.
    pub(crate) const fn none(position: Position, head: Position) -> Self {
        Self { position, head, events: 0, seconds: 0.0, still_seconds: 0.0 }
    }
}

/// When a view that is behind is not well: by more than so many events, and without a move for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LagRule {
    /// Events by which a view may be behind and not move. Not above [`MAX_COUNTED_LAG`], which would excuse everything.
    pub events: u32,
    /// How long a view may not move.
    pub still: Duration,
}

impl LagRule {
    /// The usual one. No event may wait for ever: a single one may be the booking that somebody asks for.
    pub const USUAL: Self = Self { events: 0, still: Duration::from_secs(10) };

    /// Judges a view.
    pub fn judge(self, lag: &Lag) -> ViewHealth {
        let is_still = lag.still_seconds > self.still.as_secs_f64();
        match lag.events {
            0 => ViewHealth::Current,
            events if is_still && events > self.events => ViewHealth::Stalled,
            _ => ViewHealth::Behind,
        }
    }
}

/// What is said of how a view keeps up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewHealth {
    /// It holds everything.
    Current,
    /// There is something that it does not hold yet.
    Behind,
    /// There is, and it does not move.
    Stalled,
}

impl ViewHealth {
    /// Whether it is fit to be asked.
    pub const fn is_well(self) -> bool {
        !matches!(self, Self::Stalled)
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Behind => "behind",
            Self::Stalled => "stalled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(rule: LagRule, events: u32, still_seconds: f64) -> ViewHealth {
        let none = Lag::none(Position::START, Position::START);
        rule.judge(&Lag { events, seconds: 3600.0, still_seconds, ..none })
    }

    #[test]
    fn only_a_view_that_is_behind_and_does_not_move_is_unwell() {
        let rule = LagRule { events: 5, still: Duration::from_secs(10) };
        assert_eq!(judge(rule, 0, 99.0), ViewHealth::Current);
        assert_eq!(judge(rule, MAX_COUNTED_LAG, 10.0), ViewHealth::Behind, "however old what it lacks is");
        assert_eq!(judge(rule, 5, 99.0), ViewHealth::Behind);
        assert_eq!(judge(rule, 6, 10.1), ViewHealth::Stalled);
        assert_eq!(judge(LagRule::USUAL, 1, 10.1), ViewHealth::Stalled);
    }
}
