//! Which read model answers whom, as administrators see it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use daybook_domain::ReadModel;
use daybook_domain::routing::Routing;
use daybook_event_log::Position;
use daybook_projections::Generation;
use serde::Serialize;

use crate::edge::text;
use crate::metrics::{REASONS, reason};
use crate::problem::{Code, Problem};
use crate::state::State;

/// Longest reason, in characters.
const MAX_REASON: usize = 500;

/// Longest wait until this process itself routes by a change.
const IN_FORCE_PATIENCE: Duration = Duration::from_secs(1);

/// Pause between looks whether it does.
const IN_FORCE_PAUSE: Duration = Duration::from_millis(5);

/// Longest wait for where a view is.
const LAG_DEADLINE: Duration = Duration::from_secs(2);

/// The routing, the views that serve, and how many requests went where since this process started.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body {
    success: bool,
    dynamic_percentage: f64,
    rolled_back: bool,
    /// Views that are retired: nobody is led to them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    retired: Vec<ReadModel>,
    forced_count: usize,
    models: Vec<Model>,
    routed: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// Whether this process routes by it already; others follow within a second.
    in_force: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Model {
    model: ReadModel,
    generation: Generation,
    position: Position,
    head: Option<Position>,
    lag_seconds: Option<f64>,
}

impl Body {
    /// Puts it together for a routing.
    pub(super) async fn of(state: &State, routing: &Routing) -> Self {
        let mut models = Vec::new();
        for standing in state.router.views().serving().live() {
            let model = standing.generation.model;
            let lag = state.router.views().lag(model, &*state.log, state.clock.now());
            let lag = tokio::time::timeout(LAG_DEADLINE, lag).await.ok().and_then(Result::ok);
            models.push(Model {
                model,
                generation: standing.generation,
                position: lag.map_or(standing.position, |lag| lag.position),
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

/// The reason that every change of routing has to have.
pub(crate) fn required_reason(reason: Option<String>) -> Result<Box<str>, Problem> {
    optional_reason("reason", reason)?.ok_or_else(|| Problem::of(Code::ReasonRequired))
}

/// A reason, or a name that goes with it; none where it is blank.
pub(crate) fn optional_reason(
    field: &'static str,
    sent: Option<String>,
) -> Result<Option<Box<str>>, Problem> {
    let said = sent.filter(|said| !said.trim().is_empty());
    said.map(|said| text::line(field, said, MAX_REASON).map(Into::into)).transpose()
}

/// Waits, within bounds, until this process routes by a change that it has recorded.
pub(super) async fn wait_until_in_force(state: &State, routing: &Routing) {
    let since = Instant::now();
    while *state.router.routing() != *routing && since.elapsed() < IN_FORCE_PATIENCE {
        tokio::time::sleep(IN_FORCE_PAUSE).await;
    }
}

fn routed(state: &State) -> BTreeMap<&'static str, BTreeMap<&'static str, u64>> {
    let of_model = |model: ReadModel| {
        let count = |because| (reason(because), state.metrics.routed_count(model, because));
        (model.as_str(), REASONS.into_iter().map(count).collect())
    };
    ReadModel::ALL.into_iter().map(of_model).collect()
}
