//! The limits of the guardrails, as a person writes them.

use std::fmt;
use std::str::FromStr;

/// What is still borne.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Requests to the dynamic view that may fail, of a hundred.
    pub errors_percent: f64,
    /// Within so many milliseconds 99 of 100 requests to it have to be answered.
    pub latency_ms: f64,
    /// Compared reads that may differ, of a hundred. 0: none.
    pub mismatches_percent: f64,
    /// Requests that the dynamic view has to have answered before anything is said of errors and latency.
    pub min_requests: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { errors_percent: 1.0, latency_ms: 500.0, mismatches_percent: 0.0, min_requests: 200 }
    }
}

/// The text gives no limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "limits are written like errors=1,latency-ms=500,mismatches=0,min-requests=200, any of them left out: errors and \
     mismatches are percentages from 0 to 100, the others are above 0"
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

/// What is not named stays as usual.
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
