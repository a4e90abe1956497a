//! `GET /metrics`: all metrics, for Prometheus. The lag of the views and the state of the log are read on request.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use daybook_domain::ReadModel;

use crate::problem::{Code, Problem};
use crate::staff::{Permission, bearer_token, identify};
use crate::state::State;

/// The content type of OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Longest wait for the lag of a view. After that, the metric keeps its last value.
const LAG_DEADLINE: Duration = Duration::from_secs(1);

/// Renders all metrics. They show which view answers how many look-ups, so a stranger could find out whom it answers.
pub(crate) async fn metrics(state: web::Data<State>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    check_reader(&state, &request)?;
    let routing = state.router.routing();
    for model in ReadModel::ALL {
        if routing.is_retired(model) {
            state.metrics.remove_view(model);
            continue;
        }
        let lag = state.router.views().lag(model, &*state.log, state.clock.now());
        if let Ok(Ok(lag)) = tokio::time::timeout(LAG_DEADLINE, lag).await {
            state.metrics.set_lag(model, lag);
        }
    }
    if let Ok(Ok(building)) = tokio::time::timeout(LAG_DEADLINE, state.router.views().building()).await {
        state.metrics.set_building(building);
    }
    let serving = state.router.views().serving();
    for view in serving.live() {
        state.metrics.set_parked(view.generation.model, view.parked);
    }
    state.metrics.set_failing(serving.live());
    state.metrics.set_log_connection(state.log.connection());
    let text = state.metrics.text().map_err(|error| Problem::caused(Code::Internal, error))?;
    Ok(HttpResponse::Ok().content_type(OPEN_METRICS).body(text))
}

/// A monitoring system with its own token, or staff who may read.
fn check_reader(state: &State, request: &HttpRequest) -> Result<(), Problem> {
    let sent = bearer_token(request)?;
    if state.settings.metrics_token.as_ref().zip(sent).is_some_and(|(own, sent)| own.matches(sent)) {
        return Ok(());
    }
    identify(request)?.ok_or_else(|| Problem::new(Code::Unauthenticated))?.require(Permission::Read)
}
