//! Metrics of the views: lag, parked events, batches of this process's engine, and rebuilds in progress.

use std::sync::atomic::AtomicU64;

use daybook_domain::ReadModel;
use daybook_projections::{Batch, GenerationStatus, Lag, MAX_COUNTED_LAG};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

type Seconds = Gauge<f64, AtomicU64>;

/// Buckets of the histograms of batches.
const SECONDS_BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
const EVENTS_BUCKETS: [f64; 8] = [1.0, 10.0, 50.0, 100.0, 500.0, 1000.0, 2000.0, 4000.0];

/// The phase of a rebuild that has not reported one yet.
const FIRST_PHASE: &str = "begun";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct View {
    model: &'static str,
}

impl From<ReadModel> for View {
    fn from(model: ReadModel) -> Self {
        Self { model: model.as_str() }
    }
}

/// `phase` comes from the rebuild, which has a fixed set of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Phase {
    model: &'static str,
    phase: String,
}

/// `sqlstate` is one of PostgreSQL's codes, or `none`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failure {
    model: &'static str,
    sqlstate: String,
}

/// The metrics of the views.
#[derive(Debug, Default)]
pub(super) struct ViewMetrics {
    lag: Family<View, Seconds>,
    lag_events: Family<View, Gauge>,
    still: Family<View, Seconds>,
    position: Family<View, Gauge>,
    parked: Family<View, Gauge>,
    failing: Family<Failure, Gauge>,
    phase: Family<Phase, Gauge>,
    rebuilt: Family<View, Gauge>,
    pub(super) batches: BatchMetrics,
}

impl ViewMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let lag = "Age of the oldest event that a view has not applied";
        registry.register_with_unit("view_lag", lag, Unit::Seconds, self.lag.clone());
        let events = format!("Events that a view has not applied, counted up to {MAX_COUNTED_LAG}");
        registry.register("view_lag_events", events, self.lag_events.clone());
        let still = "Time for which a view has had events to apply and has not advanced";
        registry.register_with_unit("view_still", still, Unit::Seconds, self.still.clone());
        registry.register("view_position", "Position that a view has reached", self.position.clone());
        let parked = "Parked events of a view, including those that wait behind them";
        registry.register("view_parked_events", parked, self.parked.clone());
        let failing = "1 for a view that cannot be written; absent if all can";
        registry.register("view_write_failing", failing, self.failing.clone());
        let phase = "1 for the current phase of a rebuild; absent if none is in progress";
        registry.register("rebuild_phase", phase, self.phase.clone());
        registry.register("rebuild_events", "Events that a rebuild has read", self.rebuilt.clone());
        self.batches.register(registry);
    }

    pub(super) fn set_lag(&self, model: ReadModel, lag: Lag) {
        let view = View::from(model);
        self.lag.get_or_create(&view).set(lag.seconds);
        self.lag_events.get_or_create(&view).set(lag.events.into());
        self.still.get_or_create(&view).set(lag.still_seconds);
        let position = i64::try_from(lag.position.commit()).unwrap_or(i64::MAX);
        self.position.get_or_create(&view).set(position);
    }

    pub(super) fn remove(&self, model: ReadModel) {
        let view = View::from(model);
        self.lag.remove(&view);
        self.lag_events.remove(&view);
        self.still.remove(&view);
        self.position.remove(&view);
        self.parked.remove(&view);
    }

    pub(super) fn set_parked(&self, model: ReadModel, events: u64) {
        self.parked.get_or_create(&View::from(model)).set(i64::try_from(events).unwrap_or(i64::MAX));
    }

    /// Replaces the failures to write the live views.
    pub(super) fn set_failing(&self, live: &[GenerationStatus]) {
        self.failing.clear();
        for status in live {
            let Some(failure) = &status.write_failure else { continue };
            let sqlstate = failure.sqlstate.as_deref().unwrap_or("none").to_owned();
            let failure = Failure { model: status.generation.model.as_str(), sqlstate };
            self.failing.get_or_create(&failure).set(1);
        }
    }

    /// Replaces the figures of all rebuilds.
    pub(super) fn set_building(&self, building: Vec<GenerationStatus>) {
        self.phase.clear();
        self.rebuilt.clear();
        for generation in building {
            let view = View::from(generation.generation.model);
            let events = generation.events.unwrap_or_default();
            self.rebuilt.get_or_create(&view).set(i64::try_from(events).unwrap_or(i64::MAX));
            let phase = generation.phase.as_deref().unwrap_or(FIRST_PHASE).to_owned();
            let phase = Phase { model: view.model, phase };
            self.phase.get_or_create(&phase).set(1);
        }
    }
}

/// The metrics of the engine's batches. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct BatchMetrics {
    seconds: Histogram,
    events: Histogram,
    last: Seconds,
}

impl Default for BatchMetrics {
    fn default() -> Self {
        Self {
            seconds: Histogram::new(SECONDS_BUCKETS),
            events: Histogram::new(EVENTS_BUCKETS),
            last: Seconds::default(),
        }
    }
}

impl BatchMetrics {
    fn register(&self, registry: &mut Registry) {
        let seconds = "Time to apply and commit a batch of events to the views";
        registry.register_with_unit("view_batch_duration", seconds, Unit::Seconds, self.seconds.clone());
        registry.register("view_batch_events", "Events per batch", self.events.clone());
        let last = "Unix time of the last batch that this process committed; 0 if none";
        registry.register_with_unit("view_last_batch_timestamp", last, Unit::Seconds, self.last.clone());
    }

    /// Observes batches until the engine stops. Batches that arrive too fast are skipped.
    pub(crate) async fn measure(self, mut batches: Receiver<Batch>) {
        loop {
            match batches.recv().await {
                Ok(batch) => self.observe(batch),
                Err(RecvError::Lagged(skipped)) => {
                    tracing::debug!(skipped, "skipped batches in the metrics")
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn observe(&self, batch: Batch) {
        self.seconds.observe(batch.seconds);
        self.events.observe(batch.events as f64);
        self.last.set(batch.at.timestamp_millis() as f64 / 1000.0);
    }
}
