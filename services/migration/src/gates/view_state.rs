//! The gates that depend on the views: lag, parked events and parity.

use std::time::Duration;

use daybook_domain::ReadModel;
use daybook_domain::routing::{Finding, Gate, GateResult};
use daybook_event_log::{EventLog, Position};
use deadpool_postgres::Transaction;

use super::figures::{counted, duration};
use super::{GateSettings, LiveViews, met_if, result};
use daybook_projections::FOLD_VERSION;
use daybook_projections::ViewError;
use daybook_projections::compare::verify::recorded_verdicts::{self, RecordedVerdict};
use daybook_projections::control::generation::GenerationStatus;
use daybook_projections::projection::day_digests::differing_days;
use daybook_projections::read::lag::MAX_COUNTED_LAG;
use daybook_projections::store::rows;

/// Whether all views in use have reached the head, as it was at the start of the measurement.
pub(super) async fn lag(
    live: &LiveViews,
    log: &dyn EventLog,
    head: Position,
) -> Result<GateResult, ViewError> {
    let asked = "every view in use has applied the whole log";
    if let Some(model) = live.missing() {
        return Ok(result(Gate::Lag, Finding::NotMet, live.describe_missing(model), asked));
    }
    let mut behind = Vec::new();
    for status in live.in_use().filter(|status| status.position < head) {
        let events = log.count_after(status.position, MAX_COUNTED_LAG).await?;
        let at_least = if events == MAX_COUNTED_LAG { " or more" } else { "" };
        behind.push(format!(
            "{} is {}{at_least} behind",
            status.generation,
            counted(u64::from(events), "event", "events")
        ));
    }
    let (finding, found) = match behind.is_empty() {
        true => (Finding::Met, format!("{} at or after position {head}", live.names())),
        false => (Finding::NotMet, format!("{}; `daybook status` shows the leader", behind.join(", "))),
    };
    Ok(result(Gate::Lag, finding, found, asked))
}

/// Whether the views in use have no parked events.
pub(super) fn parked(live: &LiveViews) -> GateResult {
    let asked = "no parked events; `daybook projection parked list` shows them";
    if let Some(model) = live.missing() {
        return result(Gate::Parked, Finding::NotMet, live.describe_missing(model), asked);
    }
    let parked = |status: &GenerationStatus| {
        format!("{} in {}", counted(status.parked, "parked event", "parked events"), status.generation)
    };
    let found = live.in_use().map(parked).collect::<Vec<_>>().join(", ");
    let is_met = live.in_use().all(|status| status.parked == 0);
    result(Gate::Parked, met_if(is_met), found, asked)
}

/// Whether a recent full comparison of the live views found no difference, and the digests of all days are still equal.
pub(super) async fn parity(
    snapshot: &Transaction<'_>,
    live: &LiveViews,
    settings: &GateSettings,
) -> Result<GateResult, ViewError> {
    let (finding, found) = match check_parity(snapshot, live, settings.parity_fresh).await? {
        Ok(found) => (Finding::Met, found),
        Err(reason) => (Finding::NotMet, reason),
    };
    let asked = format!(
        "a full comparison of both views within the last {} that found no difference, and equal digests since; \
         `daybook projection verify` compares them",
        duration(settings.parity_fresh)
    );
    Ok(result(Gate::Parity, finding, found, asked))
}

/// The text of a met gate, or why it is not met.
async fn check_parity(
    snapshot: &Transaction<'_>,
    live: &LiveViews,
    fresh: Duration,
) -> Result<Result<String, String>, ViewError> {
    let Some(legacy) = live.get(ReadModel::Legacy) else {
        return Ok(Err(live.describe_missing(ReadModel::Legacy)));
    };
    let Some(dynamic) = live.get(ReadModel::Dynamic) else {
        return Ok(Err(live.describe_missing(ReadModel::Dynamic)));
    };
    if let Some(other) = [legacy, dynamic].into_iter().find(|side| side.rules_version != FOLD_VERSION) {
        return Ok(Err(format!(
            "{} was built by version {} of the rules, this release compares by {FOLD_VERSION}; \
             `daybook projection rebuild {}` rebuilds it",
            other.generation, other.rules_version, other.generation.model
        )));
    }
    let sides = [legacy.generation, dynamic.generation];
    let Some(verdict) = recorded_verdicts::last(snapshot, sides).await? else {
        let [legacy, dynamic] = sides;
        return Ok(Err(format!("no full comparison of {legacy} and {dynamic}")));
    };
    let age = Duration::try_from_secs_f64(verdict.age_seconds).unwrap_or(Duration::MAX);
    if let Some(reason) = rejection(&verdict, age, fresh) {
        return Ok(Err(reason));
    }
    if legacy.position != dynamic.position {
        return Ok(Err("the views did not reach the same position in time; try again".to_owned()));
    }
    let days = [rows::read_digests(snapshot, sides[0]).await?, rows::read_digests(snapshot, sides[1]).await?];
    let differing = differing_days(days.each_ref()).len() as u64;
    if differing > 0 {
        let days = counted(differing, "day", "days");
        return Ok(Err(format!("the digests of {days} differ at position {}", legacy.position)));
    }
    Ok(Ok(format!(
        "{} compared in full at position {}, {} ago without a difference; the digests of {} are equal at position {}",
        counted(verdict.reservations.unsigned_abs(), "reservation", "reservations"),
        verdict.position,
        duration(age),
        counted(days[0].len() as u64, "day", "days"),
        legacy.position
    )))
}

/// Why a recorded comparison does not count.
fn rejection(verdict: &RecordedVerdict, age: Duration, fresh: Duration) -> Option<String> {
    let RecordedVerdict { position, rules_version, differing, wrong_days, .. } = *verdict;
    if u32::try_from(rules_version) != Ok(FOLD_VERSION) {
        return Some(format!(
            "the last full comparison was made by version {rules_version} of the rules, this release has {FOLD_VERSION}"
        ));
    }
    if differing > 0 || wrong_days > 0 {
        let rows = counted(differing.unsigned_abs(), "reservation differs", "reservations differ");
        return Some(format!(
            "the last full comparison found at position {position}: {rows}, {wrong_days} days are wrong"
        ));
    }
    (age > fresh).then(|| format!("the last full comparison is {} old", duration(age)))
}
