//! Whether this machine and the views' database agree about the time. Events have the time of the process that records them, and
//! gates and leases that of the database.

use chrono::{DateTime, TimeDelta, Utc};
use deadpool_postgres::Pool;
use serde::Serialize;

use crate::control::error::ViewError;

/// The difference of two clocks up to which they agree.
pub const MAX_CLOCK_DIFFERENCE: TimeDelta = TimeDelta::seconds(30);

/// How far the clock of this machine is ahead of the database's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockDifference {
    /// The difference, to within `tolerance`.
    pub ahead: TimeDelta,
    /// Half of the time that the database took to answer.
    pub tolerance: TimeDelta,
}

impl ClockDifference {
    /// Asks the database.
    pub async fn measure(pool: &Pool) -> Result<Self, ViewError> {
        let client = pool.get().await?;
        let asked = Utc::now();
        let there: DateTime<Utc> = client.query_one("SELECT clock_timestamp()", &[]).await?.try_get(0)?;
        Ok(Self::between(asked, there, Utc::now()))
    }

    fn between(asked: DateTime<Utc>, there: DateTime<Utc>, answered: DateTime<Utc>) -> Self {
        let tolerance = (answered - asked) / 2;
        Self { ahead: asked + tolerance - there, tolerance }
    }

    /// Whether the clocks certainly differ by more than [`MAX_CLOCK_DIFFERENCE`].
    pub fn is_too_large(&self) -> bool {
        self.ahead.abs() - self.tolerance.abs() > MAX_CLOCK_DIFFERENCE
    }
}

impl Serialize for ClockDifference {
    /// Seconds.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.ahead.num_milliseconds() as f64 / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn clocks_agree_within_the_bound_and_what_a_slow_answer_leaves_open() {
        let here = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for (there, took, too_large) in [
            (0, 0, false),
            (30, 0, false),
            (31, 0, true),
            (-31, 0, true),
            (26 * 3600, 2, true),
            // The database may have read its clock at any time in these ten seconds.
            (38, 10, false),
        ] {
            let (there, answered) = (here + TimeDelta::seconds(there), here + TimeDelta::seconds(took));
            let difference = ClockDifference::between(here, there, answered);
            assert_eq!(difference.is_too_large(), too_large, "{difference:?}");
        }
    }
}
