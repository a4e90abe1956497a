//! Guardrails: the rules that decide whether read statistics require a rollback to the legacy view.
//!
//! Pure rules: statistics in, a verdict out. A rollback has to help, so the dynamic view is compared with the legacy view
//! wherever both have enough traffic: a problem of both views is no reason to change from one to the other. A guardrail
//! never raises the percentage. Order of this file: statistics, verdict, evaluation.

mod durations;
mod limits;

use super::Guardrail;
use crate::vocabulary::ReadModel;

pub use durations::Durations;
pub use limits::{InvalidLimits, Limits};

/// A limit is exceeded only if the dynamic view is worse than the legacy view by this factor, if both have traffic.
pub const WORSE_FACTOR: f64 = 2.0;

/// The percentile of the latency limit.
const PERCENTILE: f64 = 99.0;

/// Read statistics of one view.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelReadStats {
    /// Requests, including failed ones.
    pub requests: u64,
    /// Requests that failed because of the service.
    pub failed: u64,
    /// Failed requests of the one client that had the most. In a sum of windows, at least as many as one client had.
    pub failed_most: u64,
    /// Requests above the latency limit of the one client that had the most, summed alike.
    pub slow_most: u64,
    /// The durations of the requests.
    pub durations: Durations,
    /// Subjects that were routed by percentage, counted once per window.
    pub subjects: u64,
    /// Reads that the other view answered too, for comparison.
    pub compared: u64,
    /// Compared reads with different answers.
    pub mismatched: u64,
}

/// Read statistics of both views.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadStats {
    pub legacy: ModelReadStats,
    pub dynamic: ModelReadStats,
    /// Number of windows in the sum. Each process has windows of its own.
    pub windows: u64,
}

/// The result of evaluating the guardrails.
#[derive(Debug, Clone, PartialEq)]
pub enum GuardrailVerdict {
    /// No limit is exceeded.
    Fine,
    /// There is not enough data for a decision.
    Inconclusive(TooFewRequests),
    /// A limit is exceeded.
    Tripped(Breach),
}

/// The dynamic view answered too few requests for a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the dynamic view answered {found} requests; at least {required} are required")]
pub struct TooFewRequests {
    /// Number of requests that it answered.
    pub found: u64,
    /// Minimum number of requests.
    pub required: u64,
}

/// An exceeded limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Breach {
    pub guardrail: Guardrail,
    /// The view that exceeded it.
    pub model: ReadModel,
    /// The measured value, in words without anything about a patient.
    pub found: Box<str>,
    pub limit: Box<str>,
}

/// Evaluates the guardrails for the dynamic view.
///
/// A single mismatch proves a fault, so mismatches count whatever the number of requests. Errors and latency exceed a limit
/// only if they do so without the client that had the most: one client alone never trips a guardrail.
pub fn evaluate(stats: &ReadStats, limits: &Limits) -> GuardrailVerdict {
    if let Some(breach) = mismatches(stats, limits) {
        return GuardrailVerdict::Tripped(breach);
    }
    let (found, required) = (stats.dynamic.requests, limits.min_requests);
    if found < required {
        return GuardrailVerdict::Inconclusive(TooFewRequests { found, required });
    }
    if let Some(breach) = errors(stats, limits).or_else(|| latency(stats, limits)) {
        return GuardrailVerdict::Tripped(breach);
    }
    GuardrailVerdict::Fine
}

impl ModelReadStats {
    /// Percentage of failed requests; `None` without requests.
    pub fn failed_percent(&self) -> Option<f64> {
        percent(self.failed, self.requests)
    }

    /// Percentage of failed requests without the client that had the most.
    fn failed_percent_of_others(&self) -> Option<f64> {
        percent(self.failed.saturating_sub(self.failed_most), self.requests.saturating_sub(self.failed_most))
    }

    /// Upper bound of the 99th percentile without the client that had the most slow requests.
    fn p99_ms_of_others(&self) -> Option<f64> {
        self.durations.without_slowest(self.slow_most).bound_ms(PERCENTILE)
    }

    /// Upper bound of the 99th percentile of the durations, in milliseconds.
    pub fn p99_ms(&self) -> Option<f64> {
        self.durations.bound_ms(PERCENTILE)
    }
}

impl ReadStats {
    /// Percentage of compared reads with different answers.
    pub fn mismatched_percent(&self) -> Option<f64> {
        percent(self.mismatched(), self.compared())
    }

    const fn compared(&self) -> u64 {
        self.legacy.compared + self.dynamic.compared
    }

    const fn mismatched(&self) -> u64 {
        self.legacy.mismatched + self.dynamic.mismatched
    }
}

fn percent(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| part as f64 * 100.0 / all as f64)
}

/// One mismatch is enough if the limit is 0. Any other limit needs the minimum number of compared reads.
fn mismatches(stats: &ReadStats, limits: &Limits) -> Option<Breach> {
    let (mismatched, compared) = (stats.mismatched(), stats.compared());
    let has_enough = limits.mismatches_percent <= 0.0 || compared >= limits.min_requests;
    let exceeded = stats.mismatched_percent()? > limits.mismatches_percent;
    (has_enough && exceeded).then(|| Breach {
        guardrail: Guardrail::Mismatches,
        model: ReadModel::Dynamic,
        found: format!("{mismatched} of {compared} compared reads differed").into(),
        limit: format!("{} %", limits.mismatches_percent).into(),
    })
}

fn errors(stats: &ReadStats, limits: &Limits) -> Option<Breach> {
    let found = stats.dynamic.failed_percent()?;
    let of_others = stats.dynamic.failed_percent_of_others()?;
    let exceeded =
        of_others > limits.errors_percent && is_worse(found, stats, limits, ModelReadStats::failed_percent);
    let ModelReadStats { failed, requests, .. } = stats.dynamic;
    exceeded.then(|| Breach {
        guardrail: Guardrail::Errors,
        model: ReadModel::Dynamic,
        found: format!("{failed} of {requests} requests failed").into(),
        limit: format!("{} %", limits.errors_percent).into(),
    })
}

fn latency(stats: &ReadStats, limits: &Limits) -> Option<Breach> {
    let found = stats.dynamic.p99_ms()?;
    let of_others = stats.dynamic.p99_ms_of_others()?;
    let exceeded = of_others > limits.latency_ms && is_worse(found, stats, limits, ModelReadStats::p99_ms);
    exceeded.then(|| Breach {
        guardrail: Guardrail::Latency,
        model: ReadModel::Dynamic,
        found: format!("99 % of requests took up to {found:.0} ms").into(),
        limit: format!("{} ms", limits.latency_ms).into(),
    })
}

/// Whether the dynamic view is worse than the legacy view; always, if that view has too few requests for a comparison.
fn is_worse(
    found: f64,
    stats: &ReadStats,
    limits: &Limits,
    metric: fn(&ModelReadStats) -> Option<f64>,
) -> bool {
    let comparable = stats.legacy.requests >= limits.min_requests;
    let legacy = if comparable { metric(&stats.legacy) } else { None };
    legacy.is_none_or(|legacy| found > legacy * WORSE_FACTOR)
}

#[cfg(test)]
mod tests;
