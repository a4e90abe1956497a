//! How far a view is behind the log, and whether that is a problem.
//!
//! `/readyz` and people use one rule: a view that is behind but advancing is healthy; one that has events to apply and
//! does not advance is not. Taking a process out of service because a view is behind would not help, since all
//! processes read the same view. Nothing here may wait for a view.

use std::time::Duration;

use daybook_event_log::Position;
use serde::Serialize;

/// Events behind are counted up to this number.
pub const MAX_COUNTED_LAG: u32 = 10_000;

/// How far a view is behind the log.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Lag {
    pub position: Position,
    pub head: Position,
    /// Events that the view lacks; [`MAX_COUNTED_LAG`] stands for that many or more.
    pub events: u32,
    /// Age of the oldest event that the view lacks, in seconds; 0 if it lacks none.
    pub seconds: f64,
    /// Seconds for which the view has had events to apply and has not advanced.
    pub still_seconds: f64,
}

impl Lag {
    /// The lag of a view that is up to date.
    pub(crate) const fn none(position: Position, head: Position) -> Self {
        Self { position, head, events: 0, seconds: 0.0, still_seconds: 0.0 }
    }
}

/// When a view is unhealthy: it is more than this many events behind and has not advanced for this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LagRule {
    /// Events that a view may be behind without advancing. Not above [`MAX_COUNTED_LAG`], which would excuse
    /// everything.
    pub events: u32,
    /// How long a view may stand still.
    pub still: Duration,
}

impl LagRule {
    /// The default. No event may wait indefinitely: a single one may be the booking that somebody asks for.
    pub const USUAL: Self = Self { events: 0, still: Duration::from_secs(10) };

    /// Evaluates the rule for a view.
    pub fn evaluate(self, lag: &Lag) -> ViewHealth {
        let is_still = lag.still_seconds > self.still.as_secs_f64();
        match lag.events {
            0 => ViewHealth::Current,
            events if is_still && events > self.events => ViewHealth::Stalled,
            _ => ViewHealth::Behind,
        }
    }
}

/// The health of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewHealth {
    /// It has applied all events.
    Current,
    /// It lacks events and is advancing.
    Behind,
    /// It lacks events and is not advancing.
    Stalled,
}

impl ViewHealth {
    /// Whether the view is healthy.
    pub const fn is_well(self) -> bool {
        !matches!(self, Self::Stalled)
    }

    /// The value as text.
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

    fn health(rule: LagRule, events: u32, still_seconds: f64) -> ViewHealth {
        let none = Lag::none(Position::START, Position::START);
        rule.evaluate(&Lag { events, seconds: 3600.0, still_seconds, ..none })
    }

    #[test]
    fn only_a_view_that_is_behind_and_stands_still_is_unhealthy() {
        let rule = LagRule { events: 5, still: Duration::from_secs(10) };
        assert_eq!(health(rule, 0, 99.0), ViewHealth::Current);
        assert_eq!(health(rule, MAX_COUNTED_LAG, 10.0), ViewHealth::Behind, "however old what it lacks is");
        assert_eq!(health(rule, 5, 99.0), ViewHealth::Behind);
        assert_eq!(health(rule, 6, 10.1), ViewHealth::Stalled);
        assert_eq!(health(LagRule::USUAL, 1, 10.1), ViewHealth::Stalled);
    }
}
