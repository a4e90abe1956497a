//! Shadow reads of this process: which reads are sampled, and the task that compares them one by one.
//!
//! A read must never wait for its comparison: it is queued once it has been answered, and dropped if the queue is full.

use std::sync::Arc;

use super::{Compared, Outcome, Question, Shadow};
use daybook_domain::ReadModel;
use daybook_domain::routing::{RolloutPercentage, Routing, Stage};
use daybook_projections::describe;
use tokio::sync::mpsc;

use crate::guardrails::TrafficWindow;

/// Length of the queue. Reads beyond it are dropped and counted.
const MAX_WAITING: usize = 256;

/// Counts the outcomes of sampled reads.
pub trait ShadowObserver: std::fmt::Debug + Send + Sync {
    fn compared(&self, differs: bool);
    /// The views stood at different positions.
    fn apart(&self);
    /// A view did not serve.
    fn alone(&self);
    /// A view could not be read.
    fn failed(&self);
    /// The queue was full.
    fn dropped(&self);
}

/// A read that was answered.
#[derive(Debug)]
pub struct Read {
    pub question: Question,
    /// The route template, without ids.
    pub route: &'static str,
    pub model: ReadModel,
}

/// Chooses which reads are compared.
#[derive(Debug)]
pub struct Sampler {
    percentage: f64,
    queue: mpsc::Sender<Read>,
    metrics: Arc<dyn ShadowObserver>,
}

impl Sampler {
    /// Starts the comparing task, which ends when the sampler is dropped.
    pub fn start(
        sample: RolloutPercentage,
        shadow: Shadow,
        window: Arc<TrafficWindow>,
        metrics: Arc<dyn ShadowObserver>,
    ) -> Self {
        let (queue, reads) = mpsc::channel(MAX_WAITING);
        tokio::spawn(compare_all(reads, shadow, window, Arc::clone(&metrics)));
        Self { percentage: sample.as_percent(), queue, metrics }
    }

    /// Whether to sample the current read.
    pub fn is_due(&self) -> bool {
        draw(self.percentage)
    }

    /// Queues a sampled read, if the migration is at a stage with two models to compare.
    pub fn offer(&self, read: Read, routing: &Routing) {
        // A manually set share can give reads to the dynamic view in any stage.
        if !(Stage::Shadow..Stage::Retired).contains(&routing.stage) && !routing.is_guarded() {
            return;
        }
        if self.queue.try_send(read).is_err() {
            self.metrics.dropped();
        }
    }
}

/// Samples each read independently, so that no pattern of traffic is always or never sampled.
fn draw(percentage: f64) -> bool {
    fastrand::f64() < percentage / 100.0
}

async fn compare_all(
    mut reads: mpsc::Receiver<Read>,
    shadow: Shadow,
    window: Arc<TrafficWindow>,
    metrics: Arc<dyn ShadowObserver>,
) {
    while let Some(read) = reads.recv().await {
        match shadow.compare(&read.question).await {
            Ok(Outcome::Compared(compared)) => {
                let differs = !compared.differences.is_empty();
                window.compared(read.model, differs);
                metrics.compared(differs);
                if differs {
                    record(&shadow, &read, &compared).await;
                }
            }
            Ok(Outcome::Apart) => metrics.apart(),
            Ok(Outcome::Alone) => metrics.alone(),
            Err(error) => {
                metrics.failed();
                tracing::warn!(route = read.route, error = %describe(&error), "a sampled read was not compared");
            }
        }
    }
}

async fn record(shadow: &Shadow, read: &Read, compared: &Compared) {
    let (route, fields) = (read.route, compared.differences.len());
    tracing::warn!(route, fields, "the views answered a read differently; see control.shadow_differences");
    if let Err(error) = shadow.record(route, compared).await {
        tracing::warn!(error = %describe(&error), "the differences were not stored");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_as_large_as_it_is_wanted() {
        for (percentage, expected) in
            [(0.0, 0..1), (1.0, 800..1200), (50.0, 49_000..51_000), (100.0, 100_000..100_001)]
        {
            let due = (0..100_000).filter(|_| draw(percentage)).count();
            assert!(expected.contains(&due), "{percentage} %: {due}");
        }
    }
}
