//! The limits of the gates: soak times, sample sizes and tolerances.
//!
//! They come from the runbook, `migration-quick-reference.md`. Where it only says "stable" or "reasonable", the number is
//! Daybook's, and the field gives the reason.

use std::time::Duration;

use daybook_domain::routing::Stage;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The minimum duration of each stage before the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoakTimes {
    /// The runbook has no such stage; an hour during opening times brings samples of every kind of read.
    pub shadow: Duration,
    /// "5% rollout stable for 24 hours".
    pub canary5: Duration,
    /// "25% rollout stable for 48 hours".
    pub canary25: Duration,
    /// "50% rollout stable for 48 hours".
    pub canary50: Duration,
    /// "100% rollout stable for 1 week".
    pub dynamic: Duration,
    /// Time without a rollback before the cleanup: "Phase 3 stable for minimum 2 weeks".
    pub stability: Duration,
}

impl Default for SoakTimes {
    fn default() -> Self {
        let (canary5, canary25, canary50) = (24 * HOUR, 48 * HOUR, 48 * HOUR);
        Self { shadow: HOUR, canary5, canary25, canary50, dynamic: 7 * DAY, stability: 14 * DAY }
    }
}

impl SoakTimes {
    /// For drills.
    pub const NONE: Self = Self {
        shadow: Duration::ZERO,
        canary5: Duration::ZERO,
        canary25: Duration::ZERO,
        canary50: Duration::ZERO,
        dynamic: Duration::ZERO,
        stability: Duration::ZERO,
    };

    /// The minimum duration of a stage; zero for the first and the last.
    pub const fn required_in(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Legacy | Stage::Retired => Duration::ZERO,
            Stage::Shadow => self.shadow,
            Stage::Canary5 => self.canary5,
            Stage::Canary25 => self.canary25,
            Stage::Canary50 => self.canary50,
            Stage::Dynamic => self.dynamic,
        }
    }
}

/// The limits of all gates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GateSettings {
    pub soak: SoakTimes,
    /// Maximum age of a full comparison. Later writes make it stale; the runbook checks every hour during the rollout.
    pub parity_fresh: Duration,
    /// Minimum percentage of reservations with a period: "≥95% of reservations have period (manual review rest)".
    pub least_periods: f64,
    /// Minimum percentage of the rows with a period in each half of the day: "Period distribution looks reasonable (not all
    /// MORNING)". A parser that assigns every time to the same half leaves less.
    pub least_half: f64,
    /// Minimum number of rows with a period; with fewer, chance may explain a lopsided split.
    pub split_rows: u64,
    /// Minimum number of compared reads in the stage before. If one read in 300 differs, 1,000 reads show it with a
    /// probability of 96 %.
    pub shadow_reads: u64,
    /// Minimum number of requests to a model for a failure rate.
    pub error_requests: u64,
    /// Percentage points by which the failure rate may rise: "No increase in error rate". Above zero, since a single failure
    /// already raises it.
    pub error_margin: f64,
    /// Minimum number of bookings in the same hours of earlier weeks for a comparison.
    pub bookings: u64,
    /// Minimum percentage of that number: "Reservation creation rate stable". A clinic's weeks differ by a quarter without a
    /// fault.
    pub least_bookings: f64,
    /// Maximum age of a backup and of its restore test. A week allows for weekly backups.
    pub backup_fresh: Duration,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self {
            soak: SoakTimes::default(),
            parity_fresh: HOUR,
            least_periods: 95.0,
            least_half: 5.0,
            split_rows: 100,
            shadow_reads: 1_000,
            error_requests: 100,
            error_margin: 0.1,
            bookings: 20,
            least_bookings: 70.0,
            backup_fresh: 7 * DAY,
        }
    }
}
