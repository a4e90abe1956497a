//! Counts the answers of one step.

use std::time::Duration;

use serde_json::Value;

/// Faults that are kept. The first ones tell what is wrong.
const MAX_FAULTS: usize = 20;

/// What became of a request.
pub(super) enum Answer {
    /// Refused for overload, with a pause.
    Shed,
    /// Answered, with the body of an acknowledged booking.
    Accepted { took: Duration, booking: Option<Vec<u8>> },
    /// Anything that must not happen.
    Fault(String),
}

/// The answers of one step.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) seconds: f64,
    pub(super) shed: u64,
    pub(super) unsent: u64,
    pub(super) faults: Vec<String>,
    /// Ids of bookings, in the order of their acknowledgements.
    pub(super) acknowledged: Vec<String>,
    durations: Vec<Duration>,
}

impl Tally {
    pub(super) fn count(&mut self, answer: Answer) {
        match answer {
            Answer::Shed => self.shed += 1,
            Answer::Fault(fault) => self.fault(fault),
            Answer::Accepted { took, booking } => {
                self.durations.push(took);
                if let Some(body) = booking {
                    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                    match body["reservation"]["id"].as_str() {
                        Some(id) => self.acknowledged.push(id.to_owned()),
                        None => self.fault("a booking without an id".to_owned()),
                    }
                }
            }
        }
    }

    fn fault(&mut self, fault: String) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }

    /// Adds the answers to another client.
    pub(super) fn absorb(&mut self, mut other: Self) {
        self.durations.append(&mut other.durations);
        self.shed += other.shed;
        self.merge(other);
    }

    /// Adds what counts over all steps.
    pub(super) fn merge(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        other.faults.into_iter().for_each(|fault| self.fault(fault));
    }

    pub(super) fn accepted_per_second(&self) -> f64 {
        self.durations.len() as f64 / self.seconds
    }

    pub(super) fn shed_percent(&self) -> f64 {
        100.0 * self.shed as f64 / (self.shed as f64 + self.durations.len() as f64).max(1.0)
    }

    /// A percentile of the accepted requests.
    pub(super) fn percentile_ms(&self, share: f64) -> f64 {
        let mut sorted = self.durations.clone();
        sorted.sort_unstable();
        let index = (sorted.len() as f64 * share) as usize;
        sorted.get(index.min(sorted.len().saturating_sub(1))).map_or(0.0, |took| took.as_secs_f64() * 1000.0)
    }
}
