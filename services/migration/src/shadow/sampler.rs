//! Shadow reads of this process: which reads are put to the other model as well, and what that comes to.
//!
//! A read is offered once its answer is on its way, to a queue that is never waited for. The views are compared by one task
//! after another. What a request pays is one addition where it is not sampled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Compared, Outcome, Question, Shadow};
use daybook_domain::ReadModel;
use daybook_domain::routing::{RolloutPercentage, Routing, Stage};
use daybook_projections::describe;
use tokio::sync::mpsc;

use crate::guardrails::TrafficWindow;

/// Reads that wait to be compared, at most; more are dropped, and counted.
const MAX_WAITING: usize = 256;

/// Counts what becomes of sampled reads.
pub trait ShadowObserver: std::fmt::Debug + Send + Sync {
    /// Both views answered.
    fn compared(&self, differs: bool);
    /// The views stood at different positions.
    fn apart(&self);
    /// One of the views did not serve.
    fn alone(&self);
    /// One of the views could not be read.
    fn failed(&self);
    /// Too many reads waited.
    fn dropped(&self);
}

/// A read that was answered.
#[derive(Debug)]
pub struct Read {
    /// What was asked.
    pub question: Question,
    /// Template of the address.
    pub route: &'static str,
    /// The model that answered.
    pub model: ReadModel,
}

/// Chooses which reads are compared.
#[derive(Debug)]
pub struct Sampler {
    reads: AtomicU64,
    /// A read is due whose number, mixed, is not above this; none is where there is none.
    threshold: Option<u64>,
    queue: mpsc::Sender<Read>,
    metrics: Arc<dyn ShadowObserver>,
}

impl Sampler {
    /// Starts comparing. It ends with the sampler.
    pub fn start(
        sample: RolloutPercentage,
        shadow: Shadow,
        window: Arc<TrafficWindow>,
        metrics: Arc<dyn ShadowObserver>,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(MAX_WAITING);
        tokio::spawn(compare_all(waiting, shadow, window, Arc::clone(&metrics)));
        let threshold = (sample != RolloutPercentage::NONE)
            .then(|| (u64::MAX as f64 * sample.as_percent() / 100.0) as u64);
        Self { reads: AtomicU64::default(), threshold, queue, metrics }
    }

    /// Whether the read at hand is one of the sample. Each is judged by itself, so that no pattern of traffic is always or
    /// never met.
    pub fn is_due(&self) -> bool {
        let Some(threshold) = self.threshold else { return false };
        mix(self.reads.fetch_add(1, Ordering::Relaxed)) <= threshold
    }

    /// Takes in a read that is due, while the migration is at a stage at which both models are there to be compared.
    pub fn offer(&self, read: Read, routing: &Routing) {
        // A share that was set by hand may be smaller than that of any stage.
        if !(Stage::Shadow..Stage::Retired).contains(&routing.stage) && !routing.is_guarded() {
            return;
        }
        if self.queue.try_send(read).is_err() {
            self.metrics.dropped();
        }
    }
}

/// Spreads numbers over all numbers (SplitMix64).
const fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

async fn compare_all(
    mut waiting: mpsc::Receiver<Read>,
    shadow: Shadow,
    window: Arc<TrafficWindow>,
    metrics: Arc<dyn ShadowObserver>,
) {
    while let Some(read) = waiting.recv().await {
        match shadow.compare(&read.question).await {
            Ok(Outcome::Compared(compared)) => {
                let differs = !compared.differences.is_empty();
                window.compared(read.model, differs);
                metrics.compared(differs);
                if differs {
                    write_down(&shadow, &read, &compared).await;
                }
            }
            Ok(Outcome::Apart) => metrics.apart(),
            Ok(Outcome::Alone) => metrics.alone(),
            Err(error) => {
                metrics.failed();
                tracing::warn!(route = read.route, error = %describe(&error), "a read could not be compared");
            }
        }
    }
}

async fn write_down(shadow: &Shadow, read: &Read, compared: &Compared) {
    let (route, fields) = (read.route, compared.differences.len());
    tracing::warn!(route, fields, "the models answer differently; control.shadow_differences shows what");
    if let Err(error) = shadow.record(route, compared).await {
        tracing::warn!(error = %describe(&error), "what the models answer differently could not be written down");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_as_large_as_it_is_wanted() {
        for (percent, expected) in [(1.0, 800..1200), (50.0, 49_000..51_000), (100.0, 100_000..100_001)] {
            let threshold = (u64::MAX as f64 * percent / 100.0) as u64;
            let due = (0..100_000_u64).filter(|number| mix(*number) <= threshold).count();
            assert!(expected.contains(&due), "{percent} %: {due}");
        }
    }
}
