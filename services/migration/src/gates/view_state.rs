//! How the views stand: whether they hold all of the log, whether something is parked, whether both say the same.

use std::time::Duration;

use daybook_domain::ReadModel;
use daybook_domain::routing::{Finding, Gate, GateResult};
use daybook_event_log::{EventLog, Position};
use deadpool_postgres::Transaction;

use super::figures::{things, time};
use super::{GateSettings, LiveViews, result};
use daybook_projections::FOLD_VERSION;
use daybook_projections::ViewError;
use daybook_projections::compare::verify::recorded_verdicts::{self, RecordedVerdict};
use daybook_projections::control::generation::GenerationStatus;
use daybook_projections::projection::day_digests::differing_days;
use daybook_projections::read::lag::MAX_COUNTED_LAG;
use daybook_projections::store::rows;

/// Whether the views in use hold what the log held when the measuring began.
pub(super) async fn lag(
    live: &LiveViews,
    log: &dyn EventLog,
    head: Position,
) -> Result<GateResult, ViewError> {
    let asked = "every view in use holds all that the log held when this was measured";
    if let Some(missing) = live.missing() {
        return Ok(result(Gate::Lag, Finding::NotMet, live.describe_missing(missing), asked));
    }
    let mut behind = Vec::new();
    for standing in live.in_use().filter(|standing| standing.position < head) {
        let events = log.count_after(standing.position, MAX_COUNTED_LAG).await?;
        let at_least = if events == MAX_COUNTED_LAG { " or more" } else { "" };
        behind.push(format!(
            "{} is {}{at_least} behind; `daybook status` shows whether it is kept up",
            standing.generation,
            things(u64::from(events), "event", "events")
        ));
    }
    let (finding, found) = match behind.is_empty() {
        true => (Finding::Met, format!("{} at or after position {head}", live.names())),
        false => (Finding::NotMet, behind.join("; ")),
    };
    Ok(result(Gate::Lag, finding, found, asked))
}

/// Whether no event is parked.
pub(super) fn parked(live: &LiveViews) -> GateResult {
    let asked = "no parked event in any view in use; `daybook projection parked list` shows them";
    if let Some(missing) = live.missing() {
        return result(Gate::Parked, Finding::NotMet, live.describe_missing(missing), asked);
    }
    let parked = |standing: &GenerationStatus| {
        format!("{} in {}", things(standing.parked, "parked event", "parked events"), standing.generation)
    };
    let found = live.in_use().map(parked).collect::<Vec<_>>().join(", ");
    let is_met = live.in_use().all(|standing| standing.parked == 0);
    result(Gate::Parked, if is_met { Finding::Met } else { Finding::NotMet }, found, asked)
}

/// Whether a full comparison of the views that serve found no difference, not long ago, and whether the digests that are kept
/// of every day are still the same.
pub(super) async fn parity(
    snapshot: &Transaction<'_>,
    live: &LiveViews,
    settings: &GateSettings,
) -> Result<GateResult, ViewError> {
    let (finding, found) = match look(snapshot, live, settings.parity_fresh).await? {
        Ok(found) => (Finding::Met, found),
        Err(fault) => (Finding::NotMet, fault),
    };
    let asked = format!(
        "a full comparison of the views that serve, no older than {}, without a difference, and the same digests now; \
         `daybook projection verify` makes one",
        time(settings.parity_fresh)
    );
    Ok(result(Gate::Parity, finding, found, asked))
}

/// What was found, or what stands in the way.
async fn look(
    snapshot: &Transaction<'_>,
    live: &LiveViews,
    fresh: Duration,
) -> Result<Result<String, String>, ViewError> {
    let (Some(legacy), Some(dynamic)) = (live.of(ReadModel::Legacy), live.of(ReadModel::Dynamic)) else {
        let missing =
            if live.of(ReadModel::Legacy).is_none() { ReadModel::Legacy } else { ReadModel::Dynamic };
        return Ok(Err(live.describe_missing(missing)));
    };
    if let Some(other) = [legacy, dynamic].into_iter().find(|side| side.rules_version != FOLD_VERSION) {
        return Ok(Err(format!(
            "{} was built by version {} of the rules, this release compares by {FOLD_VERSION}; \
             `daybook projection rebuild {}` builds it anew",
            other.generation, other.rules_version, other.generation.model
        )));
    }
    let sides = [legacy.generation, dynamic.generation];
    let Some(written) = recorded_verdicts::last(snapshot, sides).await? else {
        let [legacy, dynamic] = sides;
        return Ok(Err(format!("no full comparison of {legacy} and {dynamic}")));
    };
    let age = Duration::try_from_secs_f64(written.age_seconds).unwrap_or(Duration::MAX);
    if let Some(fault) = fault(&written, age, fresh) {
        return Ok(Err(fault));
    }
    if legacy.position != dynamic.position {
        return Ok(Err("the views did not come to stand at one position".to_owned()));
    }
    let days = [rows::read_digests(snapshot, sides[0]).await?, rows::read_digests(snapshot, sides[1]).await?];
    let differing = differing_days(days.each_ref()).len() as u64;
    if differing > 0 {
        let days = things(differing, "day", "days");
        return Ok(Err(format!("the digests of {days} differ at position {}", legacy.position)));
    }
    Ok(Ok(format!(
        "{} compared in full at position {}, {} ago: none differs; the digests of {} are the same at position {}",
        things(written.reservations.unsigned_abs(), "reservation", "reservations"),
        written.position,
        time(age),
        things(days[0].len() as u64, "day", "days"),
        legacy.position
    )))
}

/// What is wrong with a comparison that was written down.
fn fault(written: &RecordedVerdict, age: Duration, fresh: Duration) -> Option<String> {
    let RecordedVerdict { position, rules_version, differing, wrong_days, .. } = *written;
    if u32::try_from(rules_version) != Ok(FOLD_VERSION) {
        return Some(format!(
            "the last full comparison was made by version {rules_version} of the rules, this release has {FOLD_VERSION}"
        ));
    }
    if differing > 0 || wrong_days > 0 {
        let rows = things(differing.unsigned_abs(), "reservation differs", "reservations differ");
        return Some(format!(
            "the last full comparison found at position {position}: {rows}, {wrong_days} days are wrong"
        ));
    }
    (age > fresh).then(|| format!("the last full comparison is {} old", time(age)))
}
