//! What the gates ask: how long a stage lasts, how much has to have been seen, how much may be wrong.
//!
//! The figures are those of the migration's runbook, `migration-quick-reference.md`, where it names any. Where it only says
//! "stable" or "reasonable", the figure is Daybook's, and the field says why it is what it is.

use std::time::Duration;

use daybook_domain::routing::Stage;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long each stage lasts at least before the next one may be entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoakTimes {
    /// Shadow reads before the first canary. The runbook has no such stage; an hour at a desk that is open brings a
    /// sample of every kind of read.
    pub shadow: Duration,
    /// The first canary: "5% rollout stable for 24 hours".
    pub canary5: Duration,
    /// The second: "25% rollout stable for 48 hours".
    pub canary25: Duration,
    /// The third: "50% rollout stable for 48 hours".
    pub canary50: Duration,
    /// Everybody on the dynamic view: "100% rollout stable for 1 week".
    pub dynamic: Duration,
    /// Without a step back before cleanup: "Phase 3 stable for minimum 2 weeks".
    pub stability: Duration,
}

impl Default for SoakTimes {
    fn default() -> Self {
        let (canary5, canary25, canary50) = (24 * HOUR, 48 * HOUR, 48 * HOUR);
        Self { shadow: HOUR, canary5, canary25, canary50, dynamic: 7 * DAY, stability: 14 * DAY }
    }
}

impl SoakTimes {
    /// None at all: for a drill.
    pub const NONE: Self = Self {
        shadow: Duration::ZERO,
        canary5: Duration::ZERO,
        canary25: Duration::ZERO,
        canary50: Duration::ZERO,
        dynamic: Duration::ZERO,
        stability: Duration::ZERO,
    };

    /// How long a stage lasts at least; nothing is asked of the first and the last.
    pub const fn of(&self, stage: Stage) -> Duration {
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

/// All that the gates go by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GateSettings {
    /// How long stages last.
    pub soak: SoakTimes,
    /// Age of a full comparison at which it says nothing any more. A verdict is as good as what was written since; an hour
    /// is the runbook's rhythm of checks during the rollout.
    pub parity_fresh: Duration,
    /// Percentage of reservations that have a period: "≥95% of reservations have period (manual review rest)".
    pub least_periods: f64,
    /// Percentage of the rows with a period that either half of the day has at least: "Period distribution looks reasonable
    /// (not all MORNING)". What reads every time as the same half leaves less than this.
    pub least_half: f64,
    /// Rows with a period from which a lopsided split is a finding. Of fewer, chance may have made it.
    pub split_rows: u64,
    /// Sampled reads that both models have answered in the stage before. Of so many, one in 300 that is answered differently
    /// shows itself with a likelihood of 96 %.
    pub shadow_reads: u64,
    /// Requests that a model has answered in the stage, for its rate of failures to be one.
    pub error_requests: u64,
    /// Percentage points by which failures may be more frequent than they were: "No increase in error rate". Above zero, since
    /// a single failure is one.
    pub error_margin: f64,
    /// Bookings in the same hours of earlier weeks, for their number to be something to compare with.
    pub bookings: u64,
    /// Percentage of that number that has to be reached: "Reservation creation rate stable". A clinic's weeks differ by a
    /// quarter without a fault of anybody's.
    pub least_bookings: f64,
    /// Age of a backup and of the trial of its restoration at which they count no more. A week holds every weekly backup.
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
