//! How the views keep up, and how they are kept up: their lag, the batches of this process's engine, rebuilds under way.

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

/// Upper edges of the histograms of batches: seconds, and events.
const SECONDS_EDGES: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
const EVENTS_EDGES: [f64; 8] = [1.0, 10.0, 50.0, 100.0, 500.0, 1000.0, 2000.0, 4000.0];

/// What is said of a rebuild that has not said yet what it does.
const NOT_SAID: &str = "begun";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct View {
    model: &'static str,
}

impl From<ReadModel> for View {
    fn from(model: ReadModel) -> Self {
        Self { model: model.as_str() }
    }
}

/// The phase is a word of the rebuild's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Phase {
    model: &'static str,
    phase: String,
}

/// What is measured of the views.
#[derive(Debug, Default)]
pub(super) struct ViewMetrics {
    lag: Family<View, Seconds>,
    lag_events: Family<View, Gauge>,
    still: Family<View, Seconds>,
    position: Family<View, Gauge>,
    parked: Family<View, Gauge>,
    phase: Family<Phase, Gauge>,
    rebuilt: Family<View, Gauge>,
    pub(super) batches: BatchMetrics,
}

impl ViewMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let lag = "Age of the oldest event that a view does not hold";
        registry.register_with_unit("view_lag", lag, Unit::Seconds, self.lag.clone());
        let events = format!("Events that a view does not hold, counted up to {MAX_COUNTED_LAG}");
        registry.register("view_lag_events", events, self.lag_events.clone());
        let still = "For how long a view has had something to take in and has not moved";
        registry.register_with_unit("view_still", still, Unit::Seconds, self.still.clone());
        registry.register("view_position", "Position that a view has reached", self.position.clone());
        let parked = "Events that a view could not take in, with those that wait behind them";
        registry.register("view_parked_events", parked, self.parked.clone());
        let phase = "1 for what the rebuild of a view is doing; absent where none is under way";
        registry.register("rebuild_phase", phase, self.phase.clone());
        registry.register("rebuild_events", "Events that a rebuild has read", self.rebuilt.clone());
        self.batches.register(registry);
    }

    /// How far a view is.
    pub(super) fn tell(&self, model: ReadModel, lag: Lag) {
        let view = View::from(model);
        self.lag.get_or_create(&view).set(lag.seconds);
        self.lag_events.get_or_create(&view).set(lag.events.into());
        self.still.get_or_create(&view).set(lag.still_seconds);
        let position = i64::try_from(lag.position.commit()).unwrap_or(i64::MAX);
        self.position.get_or_create(&view).set(position);
    }

    /// A view does not serve: what was last known of it is told no more.
    pub(super) fn forget(&self, model: ReadModel) {
        let view = View::from(model);
        self.lag.remove(&view);
        self.lag_events.remove(&view);
        self.still.remove(&view);
        self.position.remove(&view);
        self.parked.remove(&view);
    }

    /// How many events a view could not take in.
    pub(super) fn tell_parked(&self, model: ReadModel, events: u64) {
        self.parked.get_or_create(&View::from(model)).set(i64::try_from(events).unwrap_or(i64::MAX));
    }

    /// Which generations are being built; what was said of others is taken back.
    pub(super) fn tell_building(&self, building: Vec<GenerationStatus>) {
        self.phase.clear();
        self.rebuilt.clear();
        for standing in building {
            let view = View::from(standing.generation.model);
            let events = standing.events.unwrap_or_default();
            self.rebuilt.get_or_create(&view).set(i64::try_from(events).unwrap_or(i64::MAX));
            let phase = standing.phase.as_deref().unwrap_or(NOT_SAID).to_owned();
            let phase = Phase { model: view.model, phase };
            self.phase.get_or_create(&phase).set(1);
        }
    }
}

/// What is measured of the engine's batches. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct BatchMetrics {
    seconds: Histogram,
    events: Histogram,
    last: Seconds,
}

impl Default for BatchMetrics {
    fn default() -> Self {
        Self {
            seconds: Histogram::new(SECONDS_EDGES),
            events: Histogram::new(EVENTS_EDGES),
            last: Seconds::default(),
        }
    }
}

impl BatchMetrics {
    fn register(&self, registry: &mut Registry) {
        let seconds = "Time to apply and commit a batch of events to the views";
        registry.register_with_unit("view_batch_duration", seconds, Unit::Seconds, self.seconds.clone());
        registry.register("view_batch_events", "Events of a batch", self.events.clone());
        let last = "When this process last committed a batch, in seconds since 1970; 0 where it never did";
        registry.register_with_unit("view_last_batch_timestamp", last, Unit::Seconds, self.last.clone());
    }

    /// Measures batches for as long as there is an engine. Those that come too fast to be measured are passed over.
    pub(crate) async fn measure(self, mut batches: Receiver<Batch>) {
        loop {
            match batches.recv().await {
                Ok(batch) => self.take(batch),
                Err(RecvError::Lagged(passed_over)) => {
                    tracing::debug!(passed_over, "batches were not measured")
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn take(&self, batch: Batch) {
        self.seconds.observe(batch.seconds);
        self.events.observe(batch.events as f64);
        self.last.set(batch.at.timestamp_millis() as f64 / 1000.0);
    }
}
