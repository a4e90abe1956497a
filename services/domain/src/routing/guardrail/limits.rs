//! The limits of the guardrails and their text form. They contain no measurement.

use std::fmt;
use std::str::FromStr;

/// The limits of the guardrails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Maximum percentage of failed requests to the dynamic view.
    pub errors_percent: f64,
    /// Maximum 99th percentile of the duration of its requests.
    pub latency_ms: f64,
    /// Maximum percentage of compared reads that differ. With 0, a single mismatch exceeds the limit.
    pub mismatches_percent: f64,
    /// Minimum number of requests to the dynamic view for a decision on errors and latency.
    pub min_requests: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { errors_percent: 1.0, latency_ms: 500.0, mismatches_percent: 0.0, min_requests: 200 }
    }
}

/// The text is not a list of limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "limits have the form errors=1,latency-ms=500,mismatches=0,min-requests=200, and each may be omitted: errors and \
     mismatches are percentages from 0 to 100, the others are greater than 0"
)]
pub struct InvalidLimits;

impl fmt::Display for Limits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { errors_percent, latency_ms, mismatches_percent, min_requests } = self;
        write!(
            formatter,
            "errors={errors_percent},latency-ms={latency_ms},mismatches={mismatches_percent},min-requests={min_requests}"
        )
    }
}

/// An omitted limit has its default.
impl FromStr for Limits {
    type Err = InvalidLimits;

    fn from_str(text: &str) -> Result<Self, InvalidLimits> {
        let mut limits = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or(InvalidLimits)?;
            match name.trim() {
                "errors" => limits.errors_percent = percentage(value)?,
                "mismatches" => limits.mismatches_percent = percentage(value)?,
                "latency-ms" => limits.latency_ms = above_zero(value)?,
                "min-requests" => {
                    let number = value.trim().parse().ok().filter(|number| *number > 0);
                    limits.min_requests = number.ok_or(InvalidLimits)?;
                }
                _ => return Err(InvalidLimits),
            }
        }
        Ok(limits)
    }
}

fn percentage(text: &str) -> Result<f64, InvalidLimits> {
    number(text).filter(|percent| (0.0..=100.0).contains(percent)).ok_or(InvalidLimits)
}

fn above_zero(text: &str) -> Result<f64, InvalidLimits> {
    number(text).filter(|number| *number > 0.0 && number.is_finite()).ok_or(InvalidLimits)
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}
