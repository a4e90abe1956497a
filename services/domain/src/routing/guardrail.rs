//! Guardrails: when what was seen of the reads is bad enough to send everybody back to the legacy view.
//!
//! Pure rules: what was counted comes in, a judgement comes out. Rolling back has to help: the dynamic view is held against
//! the legacy one wherever both answered, since what ails both of them is not mended by changing from one to the other.
//! Order of this file: what was seen, judgement, judge.

mod durations;
mod limits;

use super::{Guardrail, RolloutPercentage};
use crate::vocabulary::ReadModel;

pub use durations::Durations;
pub use limits::{InvalidLimits, Limits};

/// How many times as bad as the legacy view the dynamic one has to be, where both answered enough.
pub const WORSE_FACTOR: f64 = 2.0;

/// Requests of which this part may be slower than the time that guardrails go by.
const PERCENTILE: f64 = 99.0;

/// Above this the parts that the models got are no chance: one time in a thousand, for one degree of freedom.
const CHI_SQUARED_LIMIT: f64 = 10.83;

/// Subjects that the smaller part should have, at the least, before the parts say anything.
const MIN_SUBJECTS: f64 = 50.0;

/// What some windows add up to for one model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelReadStats {
    /// Requests that it answered, or should have.
    pub requests: u64,
    /// Those of them that failed by the service's own fault.
    pub failed: u64,
    /// How long they took.
    pub durations: Durations,
    /// Subjects whose share decided, each counted once a window.
    pub subjects: u64,
    /// Reads that it answered and that the other one was asked as well.
    pub compared: u64,
    /// Those of them that the other one answered differently.
    pub mismatched: u64,
}

/// What was seen of the reads in some windows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadStats {
    /// Of the legacy view.
    pub legacy: ModelReadStats,
    /// Of the dynamic view.
    pub dynamic: ModelReadStats,
    /// Windows of processes that were added up: so often a subject may have been counted, at most.
    pub windows: u64,
}

/// What to think of it.
#[derive(Debug, Clone, PartialEq)]
pub enum GuardrailVerdict {
    /// Nothing speaks against the dynamic view.
    Fine,
    /// What was seen says too little: it holds, neither back nor on.
    Inconclusive(Inconclusive),
    /// A limit was passed.
    Tripped(Breach),
}

/// Why nothing can be said.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Inconclusive {
    /// The dynamic view answered too few requests.
    #[error("the dynamic view answered {found} requests, and {asked} are needed to judge it")]
    TooFewRequests {
        /// How many it answered.
        found: u64,
        /// How many are needed.
        asked: u64,
    },
    /// The models did not get the subjects that their shares give them, so that they cannot be held against each other.
    #[error(
        "the dynamic view got {dynamic} of {subjects} subjects, which is not the share of {} % by chance", share.as_percent()
    )]
    SampleRatio {
        /// Subjects of the dynamic view.
        dynamic: u64,
        /// Of both.
        subjects: u64,
        /// The share that it should have got.
        share: RolloutPercentage,
    },
}

/// A limit that was passed.
#[derive(Debug, Clone, PartialEq)]
pub struct Breach {
    /// Which.
    pub guardrail: Guardrail,
    /// The model that passed it.
    pub model: ReadModel,
    /// What was found, in words that hold nothing of a patient.
    pub found: Box<str>,
    /// The limit.
    pub limit: Box<str>,
}

/// Judges the dynamic view by what was seen while it answered this share.
///
/// One differing read proves a fault, so that mismatches are judged however few requests there were. Parts that are no
/// chance roll nothing back: they do not say that the dynamic view is at fault, but that the figures cannot be trusted.
pub fn judge(seen: &ReadStats, share: RolloutPercentage, limits: &Limits) -> GuardrailVerdict {
    if let Some(trip) = mismatches(seen, limits) {
        return GuardrailVerdict::Tripped(trip);
    }
    let (found, asked) = (seen.dynamic.requests, limits.min_requests);
    if found < asked {
        return GuardrailVerdict::Inconclusive(Inconclusive::TooFewRequests { found, asked });
    }
    if let Some(trip) = errors(seen, limits).or_else(|| latency(seen, limits)) {
        return GuardrailVerdict::Tripped(trip);
    }
    match sample_ratio(seen, share) {
        Some(odd) => GuardrailVerdict::Inconclusive(odd),
        None => GuardrailVerdict::Fine,
    }
}

impl ModelReadStats {
    /// Requests that failed, of a hundred.
    pub fn failed_percent(&self) -> Option<f64> {
        percent(self.failed, self.requests)
    }

    /// Upper bound of the time within which 99 of 100 requests were answered, in milliseconds.
    pub fn p99_ms(&self) -> Option<f64> {
        self.durations.bound_ms(PERCENTILE)
    }
}

impl ReadStats {
    /// Compared reads that differed, of a hundred.
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

/// Where nothing is allowed one mismatch is enough; a rate takes as many compares as there have to be requests.
fn mismatches(seen: &ReadStats, limits: &Limits) -> Option<Breach> {
    let (mismatched, compared) = (seen.mismatched(), seen.compared());
    let says_enough = limits.mismatches_percent <= 0.0 || compared >= limits.min_requests;
    let passed = seen.mismatched_percent()? > limits.mismatches_percent;
    (says_enough && passed).then(|| Breach {
        guardrail: Guardrail::Mismatches,
        model: ReadModel::Dynamic,
        found: format!("{mismatched} of {compared} compared reads were answered differently").into(),
        limit: format!("{} %", limits.mismatches_percent).into(),
    })
}

fn errors(seen: &ReadStats, limits: &Limits) -> Option<Breach> {
    let found = seen.dynamic.failed_percent()?;
    let passed =
        found > limits.errors_percent && is_worse(found, seen, limits, ModelReadStats::failed_percent);
    let ModelReadStats { failed, requests, .. } = seen.dynamic;
    passed.then(|| Breach {
        guardrail: Guardrail::Errors,
        model: ReadModel::Dynamic,
        found: format!("{failed} of {requests} requests failed").into(),
        limit: format!("{} %", limits.errors_percent).into(),
    })
}

fn latency(seen: &ReadStats, limits: &Limits) -> Option<Breach> {
    let found = seen.dynamic.p99_ms()?;
    let passed = found > limits.latency_ms && is_worse(found, seen, limits, ModelReadStats::p99_ms);
    passed.then(|| Breach {
        guardrail: Guardrail::Latency,
        model: ReadModel::Dynamic,
        found: format!("99 of 100 requests took up to {found:.0} ms").into(),
        limit: format!("{} ms", limits.latency_ms).into(),
    })
}

/// Whether the dynamic view is worse than the legacy one, as far as that one answered enough to be held against.
fn is_worse(found: f64, seen: &ReadStats, limits: &Limits, of: fn(&ModelReadStats) -> Option<f64>) -> bool {
    let comparable = seen.legacy.requests >= limits.min_requests;
    let legacy = if comparable { of(&seen.legacy) } else { None };
    legacy.is_none_or(|legacy| found > legacy * WORSE_FACTOR)
}

/// Whether the parts of subjects that the models got are no chance. Requests say nothing here, since one subject sends many;
/// and a subject that was counted in each of several windows counts for one, by dividing.
fn sample_ratio(seen: &ReadStats, share: RolloutPercentage) -> Option<Inconclusive> {
    let (dynamic, legacy) = (seen.dynamic.subjects, seen.legacy.subjects);
    let subjects = dynamic + legacy;
    let part = share.as_percent() / 100.0;
    let expected = [subjects as f64 * part, subjects as f64 * (1.0 - part)];
    let per_window = expected.map(|expected| expected / seen.windows.max(1) as f64);
    if per_window.iter().any(|expected| *expected < MIN_SUBJECTS) {
        return None;
    }
    let off = |found: u64, expected: f64| (found as f64 - expected).powi(2) / expected;
    let chi_squared = off(dynamic, expected[0]) + off(legacy, expected[1]);
    let is_odd = chi_squared / seen.windows.max(1) as f64 > CHI_SQUARED_LIMIT;
    is_odd.then_some(Inconclusive::SampleRatio { dynamic, subjects, share })
}

#[cfg(test)]
mod tests;
