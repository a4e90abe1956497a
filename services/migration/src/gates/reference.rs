//! Services and clinic hours: whether the dynamic view has every enum value, and the hours of the log.

use std::collections::BTreeSet;

use daybook_domain::hours::{ClinicSlot, Hours};
use daybook_domain::routing::{Gate, GateResult};
use daybook_domain::time::DayOfWeek;
use daybook_domain::{Event, LegacyService, ReadModel};
use daybook_event_log::{EventLog, Position, Revision, StreamName, codec};
use deadpool_postgres::Transaction;
use futures_util::TryStreamExt;

use super::figures::counted;
use super::{LiveViews, met_if, result};
use daybook_projections::ViewError;

/// The clinic hours at a position of the log, without the discarded events.
pub(super) async fn hours(
    log: &dyn EventLog,
    until: Position,
    discarded: &[(StreamName, Position)],
) -> Result<Hours, ViewError> {
    let mut hours = Hours::default();
    let mut events = log.read_stream(&StreamName::hours(), Revision::FIRST).await?;
    while let Some(recorded) = events.try_next().await? {
        if recorded.position > until {
            break;
        }
        if discarded.iter().any(|(_, position)| *position == recorded.position) {
            continue;
        }
        // One that cannot be decoded is parked in the views, so their hours differ.
        if let Ok((Event::Hours(event), _)) = codec::decode(&recorded) {
            hours.evolve(&event);
        }
    }
    Ok(hours)
}

/// Whether the dynamic view has a service for each value of the enum.
pub(super) async fn services(snapshot: &Transaction<'_>, live: &LiveViews) -> Result<GateResult, ViewError> {
    let schema = live.generation(ReadModel::Dynamic)?.schema();
    let sql = format!(
        r#"SELECT count(*) AS services, count(*) FILTER (WHERE "isActive") AS active,
                  array_agg(DISTINCT "legacyServiceType") FILTER (WHERE "legacyServiceType" IS NOT NULL) AS enum_values
           FROM {schema}.services"#
    );
    let row = snapshot.query_one(&sql, &[]).await?;
    let (services, active): (i64, i64) = (row.try_get("services")?, row.try_get("active")?);
    let present: Vec<String> = row.try_get::<_, Option<Vec<String>>>("enum_values")?.unwrap_or_default();
    let all = LegacyService::ALL.map(LegacyService::as_str);
    let missing: Vec<&str> =
        all.into_iter().filter(|value| !present.iter().any(|other| other == value)).collect();
    let mut found = format!(
        "{}, {active} active; {} of {} enum values have a service",
        counted(services.unsigned_abs(), "service", "services"),
        all.len() - missing.len(),
        all.len()
    );
    if !missing.is_empty() {
        found.push_str(&format!(", missing: {}", missing.join(", ")));
    }
    Ok(result(Gate::Services, met_if(missing.is_empty()), found, "a service for each of the 6 enum values"))
}

/// Whether the dynamic view has exactly the clinic hours of the log.
pub(super) async fn check_hours(
    snapshot: &Transaction<'_>,
    live: &LiveViews,
    hours: &Hours,
) -> Result<GateResult, ViewError> {
    let schema = live.generation(ReadModel::Dynamic)?.schema();
    let sql = format!(
        r#"SELECT concat_ws(' ', id, "dayOfWeek", period, "startTime", "endTime", "totalMinutes", "slotInterval",
                            "maxConcurrent", COALESCE("serviceId", '-'), COALESCE("effectiveFrom"::text, '-'),
                            COALESCE("effectiveUntil"::text, '-'), "isActive")
           FROM {schema}.clinic_time_slots"#
    );
    let rows = snapshot.query(&sql, &[]).await?;
    let present: BTreeSet<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let expected = expected_rows(hours);
    let (missing, other) = (expected.difference(&present).count(), present.difference(&expected).count());
    let mornings = present.iter().filter(|row| row.contains(" MORNING ")).count();
    let found = format!(
        "{} ({mornings} MORNING, {} AFTERNOON): {missing} missing, {other} not in the log",
        counted(present.len() as u64, "row", "rows"),
        present.len() - mornings
    );
    let is_met = missing + other == 0 && !expected.is_empty();
    let rows = counted(expected.len() as u64, "row", "rows");
    let asked = format!("the {rows} of the clinic hours in the log (11 by default)");
    Ok(result(Gate::Hours, met_if(is_met), found, asked))
}

/// The clinic hours in the format of the query of [`check_hours`].
fn expected_rows(hours: &Hours) -> BTreeSet<String> {
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let line = |(day, slot): (DayOfWeek, &ClinicSlot)| {
        format!(
            "{} {} {} {} {} {} {} {} {} {} {} t",
            slot.id.as_str(),
            day.number(),
            slot.period.as_str(),
            slot.span.start,
            slot.span.end,
            slot.span.minutes(),
            slot.slot_interval,
            slot.max_concurrent,
            or_dash(slot.service.as_ref().map(|service| service.as_str().to_owned())),
            or_dash(slot.effective_from.map(|date| date.to_string())),
            or_dash(slot.effective_until.map(|date| date.to_string())),
        )
    };
    hours.week().map(line).collect()
}
