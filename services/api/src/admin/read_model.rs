//! The routing of reads in admin responses, and the reasons for changing it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use daybook_domain::ReadModel;
use daybook_domain::routing::Routing;
use daybook_domain::value;
use daybook_event_log::Position;
use daybook_projections::Generation;
use serde::Serialize;

use crate::metrics::{REASONS, reason};
use crate::problem::Problem;
use crate::request::text;
use crate::state::State;

/// Longest wait until this process applies a routing change.
const IN_FORCE_PATIENCE: Duration = Duration::from_secs(1);

/// Pause between two checks of that.
const IN_FORCE_PAUSE: Duration = Duration::from_millis(5);

/// Longest wait for the lag of a view.
const LAG_DEADLINE: Duration = Duration::from_secs(2);

/// The routing, the live views, and the number of requests routed to each since this process started.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReadModelResponse {
    success: bool,
    dynamic_percentage: f64,
    rolled_back: bool,
    /// Retired views. No read is routed to them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    retired: Vec<ReadModel>,
    forced_count: usize,
    models: Vec<LiveView>,
    routed: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// Whether this process applies this routing. Other processes follow within a second.
    in_force: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LiveView {
    model: ReadModel,
    generation: Generation,
    position: Position,
    head: Option<Position>,
    lag_seconds: Option<f64>,
}

impl ReadModelResponse {
    /// Reads the live views for a routing.
    pub(super) async fn read(state: &State, routing: &Routing) -> Self {
        let mut models = Vec::new();
        for view in state.router.views().serving().live() {
            let model = view.generation.model;
            let lag = state.router.views().lag(model, &*state.log, state.clock.now());
            let lag = tokio::time::timeout(LAG_DEADLINE, lag).await.ok().and_then(Result::ok);
            models.push(LiveView {
                model,
                generation: view.generation,
                position: lag.map_or(view.position, |lag| lag.position),
                head: lag.map(|lag| lag.head),
                lag_seconds: lag.map(|lag| lag.seconds),
            });
        }
        Self {
            success: true,
            dynamic_percentage: routing.share.as_percent(),
            rolled_back: routing.rolled_back,
            retired: routing.retired.iter().map(|retired| retired.model).collect(),
            forced_count: routing.forced.len(),
            models,
            routed: routed(state),
            in_force: *state.router.routing() == *routing,
        }
    }
}

/// The reason that a rollback needs.
#[cfg_attr(
    not(feature = "migration"),
    allow(dead_code, reason = "only requests of the migration are read so")
)]
pub(crate) fn required_reason(reason: Option<String>) -> Result<Box<str>, Problem> {
    optional_reason("reason", reason)?.ok_or_else(|| Problem::reason_required(value::ROUTING_REASON))
}

/// An optional reason or name. A blank one counts as none.
#[cfg_attr(
    not(feature = "migration"),
    allow(dead_code, reason = "only requests of the migration are read so")
)]
pub(crate) fn optional_reason(
    field: &'static str,
    text: Option<String>,
) -> Result<Option<Box<str>>, Problem> {
    text::optional(field, text, value::ROUTING_REASON)
}

/// Waits a limited time until this process applies a routing that it has recorded.
pub(super) async fn wait_until_in_force(state: &State, routing: &Routing) {
    let started = Instant::now();
    while *state.router.routing() != *routing && started.elapsed() < IN_FORCE_PATIENCE {
        tokio::time::sleep(IN_FORCE_PAUSE).await;
    }
}

fn routed(state: &State) -> BTreeMap<&'static str, BTreeMap<&'static str, u64>> {
    let counts = |model: ReadModel| {
        let count = |because| (reason(because), state.metrics.routed_count(model, because));
        (model.as_str(), REASONS.into_iter().map(count).collect())
    };
    ReadModel::ALL.into_iter().map(counts).collect()
}
