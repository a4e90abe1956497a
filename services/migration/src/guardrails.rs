//! The guardrails: every process counts its reads in windows, and rolls reads back when a limit is exceeded.
//!
//! The domain decides whether a limit is exceeded.

mod by_source;
mod guard;
pub mod read_stats;
mod traffic_window;

use std::time::Duration;

use daybook_domain::routing::{Limits, RolloutPercentage};

pub use guard::{Evaluation, Guard, GuardObserver, LastEvaluation};
pub use traffic_window::{Request, TrafficWindow};

/// How reads are monitored while both views answer them.
#[derive(Debug, Clone, Copy)]
pub struct Watching {
    /// The share of reads that the other view answers too.
    pub sample: RolloutPercentage,
    /// Must be the same in all processes.
    pub window: Duration,
    pub limits: Limits,
}

impl Watching {
    /// The default length of a window.
    pub const WINDOW: Duration = Duration::from_secs(60);

    /// The default share of reads that are compared, in percent.
    pub const SAMPLE_PERCENT: f64 = 1.0;
}

impl Default for Watching {
    fn default() -> Self {
        let sample = RolloutPercentage::from_percent(Self::SAMPLE_PERCENT).unwrap_or_default();
        Self { sample, window: Self::WINDOW, limits: Limits::default() }
    }
}
