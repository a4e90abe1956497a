//! `GET /readyz`: whether the process may get traffic. It may if the log accepts appends, the tables that bookings and views
//! need can be read, the clock of this machine is that of the database, and every view that requests can be routed to can be
//! read, is up to date or advancing, can be written, and waits for no parked event of the hours or the catalog. A view that no
//! request is routed to is only named, if it cannot be written.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use daybook_domain::ReadModel;
use daybook_domain::routing::{RolloutPercentage, Routing};
use daybook_event_log::{Connection, Position};
use daybook_projections::{ClockDifference, Lag, LagRule, ViewError, ViewHealth, WriteFailure, describe};
use futures_util::future::join_all;
use serde::Serialize;

use crate::problem::Problem;
use crate::response;
use crate::state::State;

/// Longest wait for one check.
const CHECK_DEADLINE: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct ReadinessResponse {
    status: &'static str,
    checks: BTreeMap<&'static str, Check>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    lag: Option<LagReport>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    connection: Option<Connection>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    parked: Option<ParkedReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_failure: Option<WriteFailureReport>,
    /// Seconds by which the clock of this machine is ahead of the database's.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_ahead_seconds: Option<ClockDifference>,
    /// Why the check failed, without the details that the log has.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// What a view lacks because it cannot apply an event. A reservation that waits for one leaves the process ready, because
/// all others are shown; a stream that all reservations depend on does not.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ParkedReport {
    parked_events: u64,
    /// Streams of which the view shows nothing newer, such as the clinic's hours.
    held_up_streams: Vec<String>,
    next: &'static str,
}

/// Why a view cannot be written. It says nothing of a row or an event.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WriteFailureReport {
    cause: Box<str>,
    sqlstate: Option<Box<str>>,
    since: DateTime<Utc>,
    /// Whether requests can be routed to the view. If not, the process is ready.
    serves_reads: bool,
    next: &'static str,
}

impl WriteFailureReport {
    fn new(failure: &WriteFailure, serves_reads: bool) -> Self {
        let WriteFailure { cause, sqlstate, since, seconds: _ } = failure.clone();
        Self { cause, sqlstate, since, serves_reads, next: NEXT_IF_FAILING }
    }
}

/// The command that shows a view that cannot be written, and how to go on.
const NEXT_IF_FAILING: &str = "daybook status";

/// The command that shows parked events and how to go on.
const NEXT: &str = "daybook projection parked list";

/// The lag of a view and its limits.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LagReport {
    health: ViewHealth,
    lag_seconds: f64,
    lag_events: u32,
    still_seconds: f64,
    limit_events: u32,
    limit_seconds: f64,
}

impl Check {
    const FAILED: Self = Self {
        ok: false,
        position: None,
        lag: None,
        connection: None,
        parked: None,
        write_failure: None,
        clock_ahead_seconds: None,
        reason: None,
    };

    const fn failed(reason: &'static str) -> Self {
        Self { reason: Some(reason), ..Self::FAILED }
    }
}

/// Reports the result of each check. The cause of a failure goes to the log and not into the response, except why a view
/// cannot be written: an operator has to change that in the database.
pub(crate) async fn readyz(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let models = routable(&state.router.routing());
    let views = join_all(models.iter().map(async |model| (model.as_str(), view(&state, *model).await)));
    let (log, tables, clock, views) =
        tokio::join!(log(&state), tables(&state, &models), clock(&state), views);
    let mut checks: BTreeMap<_, _> = unread(&state, &models).collect();
    checks.extend(views);
    checks.extend([("log", log), ("tables", tables), ("clock", clock)]);
    let ready = checks.values().all(|check| check.ok);
    let status = if ready { "ready" } else { "not ready" };
    let mut response = response::json(&ReadinessResponse { status, checks })?;
    if !ready {
        *response.status_mut() = actix_web::http::StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

/// The models that a request can be routed to.
fn routable(routing: &Routing) -> Vec<ReadModel> {
    if routing.retired.is_some() {
        return routing.in_use().collect();
    }
    let default = match (routing.rolled_back, routing.share) {
        (true, _) => return vec![ReadModel::Legacy],
        (false, RolloutPercentage::NONE) => Some(ReadModel::Legacy),
        (false, RolloutPercentage::ALL) => Some(ReadModel::Dynamic),
        (false, _) => None,
    };
    let forced = |model: &ReadModel| routing.forced.values().any(|forced| forced == model);
    let is_routable = |model: &ReadModel| default.is_none_or(|default| default == *model) || forced(model);
    ReadModel::ALL.into_iter().filter(is_routable).collect()
}

/// Checks, without appending, that the log accepts appends, and reads its head.
async fn log(state: &State) -> Check {
    let checks = async {
        state.log.check_writable().await?;
        state.log.head().await
    };
    let outcome = tokio::time::timeout(CHECK_DEADLINE, checks).await;
    let check = match outcome {
        Ok(Ok(head)) => Check { ok: true, position: Some(head), ..Check::FAILED },
        Ok(Err(error)) => {
            tracing::warn!(error = %describe(&error), "the event log does not accept appends");
            Check::failed("the event log does not accept appends")
        }
        Err(_) => {
            tracing::warn!("the event log did not answer in time");
            Check::failed("the event log did not answer in time")
        }
    };
    Check { connection: Some(state.log.connection()), ..check }
}

async fn tables(state: &State, models: &[ReadModel]) -> Check {
    match tokio::time::timeout(CHECK_DEADLINE, state.router.views().check_tables(models)).await {
        Ok(Ok(())) => Check { ok: true, ..Check::FAILED },
        Ok(Err(error)) => {
            tracing::warn!(error = %describe(&error), "a table that bookings or views need cannot be read");
            Check::failed("a table that bookings or views need cannot be read")
        }
        Err(_) => {
            tracing::warn!("a table that bookings or views need did not answer in time");
            Check::failed("a table that bookings or views need did not answer in time")
        }
    }
}

async fn clock(state: &State) -> Check {
    match tokio::time::timeout(CHECK_DEADLINE, state.router.views().clock_difference()).await {
        Ok(Ok(difference)) if difference.is_too_large() => Check {
            clock_ahead_seconds: Some(difference),
            ..Check::failed("the clock of this machine differs from the database's")
        },
        Ok(Ok(_)) => Check { ok: true, ..Check::FAILED },
        Ok(Err(error)) => {
            tracing::warn!(error = %describe(&error), "the clock of the views' database could not be read");
            Check::failed("the views' database cannot be read")
        }
        Err(_) => Check::failed("the views' database did not answer in time"),
    }
}

/// Views that no request is routed to and that cannot be written.
fn unread(state: &State, read: &[ReadModel]) -> impl Iterator<Item = (&'static str, Check)> {
    let serving = state.router.views().serving();
    let failing = |model: ReadModel| {
        let report = WriteFailureReport::new(serving.get(model)?.write_failure.as_ref()?, false);
        Some((model.as_str(), Check { ok: true, write_failure: Some(report), ..Check::FAILED }))
    };
    let unread = ReadModel::ALL.into_iter().filter(|model| !read.contains(model));
    unread.filter_map(failing).collect::<Vec<_>>().into_iter()
}

/// Checks a view that requests can be routed to.
async fn view(state: &State, model: ReadModel) -> Check {
    let check = check_view(state, model).await;
    let serving = state.router.views().serving();
    let Some(status) = serving.get(model) else { return check };
    let is_lasting = status.lasting_failure().is_some();
    let reason = check.reason.or(is_lasting.then_some("the view cannot be written"));
    let write_failure = status.write_failure.as_ref().map(|failure| WriteFailureReport::new(failure, true));
    Check { ok: reason.is_none(), reason, write_failure, ..check }
}

async fn check_view(state: &State, model: ReadModel) -> Check {
    let (views, now) = (state.router.views(), state.clock.now());
    let checks = async {
        if let Some(status) = views.serving().get(model) {
            // Reads every table of the view.
            let today = state.commands.now_local().date();
            state.queries.days(status.generation, today, today).await?;
        }
        Ok((views.lag(model, &*state.log, now).await?, views.held_up_streams(model).await?))
    };
    let found: Result<Result<_, ViewError>, _> = tokio::time::timeout(CHECK_DEADLINE, checks).await;
    match found {
        Ok(Ok((lag, held_up_streams))) => {
            let parked_events = views.serving().get(model).map_or(0, |status| status.parked);
            let is_held_up = !held_up_streams.is_empty();
            let parked = ParkedReport { parked_events, held_up_streams, next: NEXT };
            let check = check_lag(state.settings.lag_rule, lag);
            let reason =
                check.reason.or(is_held_up.then_some("the view shows no later change of a whole stream"));
            Check { ok: reason.is_none(), reason, parked: (parked_events > 0).then_some(parked), ..check }
        }
        Ok(Err(error)) => {
            tracing::warn!(%model, error = %describe(&error), "a view cannot be read");
            Check::failed("the view cannot be read")
        }
        Err(_) => {
            tracing::warn!(%model, "a view did not answer in time");
            Check::failed("the view did not answer in time")
        }
    }
}

fn check_lag(rule: LagRule, lag: Lag) -> Check {
    let health = rule.evaluate(&lag);
    let report = LagReport {
        health,
        lag_seconds: lag.seconds,
        lag_events: lag.events,
        still_seconds: lag.still_seconds,
        limit_events: rule.events,
        limit_seconds: rule.still.as_secs_f64(),
    };
    let reason = (!health.is_well()).then_some("the view lacks events and does not advance");
    Check { ok: health.is_well(), position: Some(lag.position), lag: Some(report), reason, ..Check::FAILED }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use daybook_domain::routing::{LogPlace, RoutedSubject, ViewRetired};

    use super::*;

    fn retired() -> ViewRetired {
        ViewRetired {
            model: ReadModel::Legacy,
            generation: 1,
            position: LogPlace { commit: 1, prepare: 1 },
            reservations: 0,
            digest: "".into(),
            rules_version: 1,
            declared: vec![],
            reason: "test".into(),
        }
    }

    #[test]
    fn a_view_is_checked_while_requests_can_be_routed_to_it() {
        let (legacy, dynamic) = (ReadModel::Legacy, ReadModel::Dynamic);
        let mut routing = Routing::default();
        assert_eq!(routable(&routing), [legacy]);
        routing.forced.insert(RoutedSubject::client("tester"), dynamic);
        assert_eq!(routable(&routing), [legacy, dynamic]);
        routing.forced.clear();
        routing.share = RolloutPercentage::from_percent(25.0).unwrap();
        assert_eq!(routable(&routing), [legacy, dynamic]);
        routing.share = RolloutPercentage::ALL;
        assert_eq!(routable(&routing), [dynamic]);
        routing.retired = Some(retired());
        assert_eq!(routable(&routing), [dynamic]);
        routing.retired = None;
        routing.rolled_back = true;
        assert_eq!(routable(&routing), [legacy]);
    }
}
