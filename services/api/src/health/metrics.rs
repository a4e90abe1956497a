//! `GET /metrics`: all that is counted, for Prometheus. How far the views are and how the log fares is looked up when it is
//! asked for.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use daybook_domain::ReadModel;

use crate::problem::{Code, Problem};
use crate::state::State;

/// The text format of Prometheus.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Longest wait for where a view is. What is not known in time keeps its last value.
const LAG_DEADLINE: Duration = Duration::from_secs(1);

/// Tells the metrics.
pub(crate) async fn metrics(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let routing = state.router.routing();
    for model in ReadModel::ALL {
        if routing.is_retired(model) {
            state.metrics.view_is_away(model);
            continue;
        }
        let lag = state.router.views().lag(model, &*state.log, state.clock.now());
        if let Ok(Ok(lag)) = tokio::time::timeout(LAG_DEADLINE, lag).await {
            state.metrics.view(model, lag);
        }
    }
    if let Ok(Ok(building)) = tokio::time::timeout(LAG_DEADLINE, state.router.views().building()).await {
        state.metrics.building(building);
    }
    for standing in state.router.views().serving().live() {
        state.metrics.parked(standing.generation.model, standing.parked);
    }
    state.metrics.log(state.log.connection());
    let text = state.metrics.text().map_err(|error| Problem::caused(Code::Internal, error))?;
    Ok(HttpResponse::Ok().content_type(OPEN_METRICS).body(text))
}
