//! Retiring the legacy view and restoring it: the restored view equals one that was never retired, wherever a process
//! was killed, and neither reads nor bookings fail.

mod kills;
mod readers;
mod reference_views;
mod refusals;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use daybook_commands::{Commands, ReservationChange};
use daybook_domain::catalog::CatalogCommand;
use daybook_domain::routing::{DynamicShareSet, RolloutPercentage, RoutingCommand};
use daybook_domain::{ClinicZone, ReadModel, ServiceId};
use daybook_event_log::{EventLog, Filter, Position, RecordedEvent};
use daybook_migration::{Patience, Rebuilt, RestorationProof, Retirement, RetirementRecord, RetirementSteps};
use daybook_projections::{ViewError, generation};
use daybook_tests::clinic::{Clinic, FixedClock, PATIENCE, desk, request};
use futures_util::TryStreamExt;
use tokio::time::Instant;

use crate::history::{TestRng, contents, contents_in, live, run_random_steps};
use reference_views::ReferenceViews;

/// There are no readers, so no wait is needed.
const NO_READERS: Patience = Patience { in_force: Duration::ZERO, last_readers: Duration::ZERO };

/// Working days without bookings of any history, one for each day of a week.
const WEEK: [&str; 7] =
    ["2026-12-08", "2026-12-09", "2026-12-10", "2026-12-11", "2026-12-14", "2026-12-15", "2026-12-16"];

const REASON: &str = "nobody reads it";

pub(crate) fn retirement(clinic: &Clinic) -> Retirement {
    Retirement::new(clinic.log.clone(), clinic.vault.clone(), clinic.pool.clone()).with_patience(NO_READERS)
}

pub(crate) async fn set_share(clinic: &Clinic, percent: f64) {
    let set =
        DynamicShareSet { share: RolloutPercentage::from_percent(percent).unwrap(), reason: "test".into() };
    clinic.commands.change_routing(RoutingCommand::SetDynamicShare(set), desk()).await.unwrap();
}

/// The first step: examine the view and record the event.
async fn record_event(clinic: &Clinic, steps: &RetirementSteps<'_>) {
    let examined = steps.examine(ReadModel::Legacy).await.unwrap();
    let retire = RoutingCommand::RetireView(examined.retired(REASON));
    clinic.commands.change_routing(retire, desk()).await.unwrap();
}

/// Retires the legacy view as the command does.
pub(crate) async fn retire_by(clinic: &Clinic, retirement: &Retirement) -> RetirementRecord {
    let steps = retirement.begin().await.unwrap();
    if !clinic.commands.routing().is_retired(ReadModel::Legacy) {
        record_event(clinic, &steps).await;
    }
    let record = steps.finish(|_| {}).await.unwrap();
    steps.end().await;
    record
}

/// Restores it as the command does.
pub(crate) async fn restore_by(clinic: &Clinic, retirement: &Retirement) -> Rebuilt {
    let steps = retirement.begin().await.unwrap();
    let rebuilt = steps.rebuild(Some("an audit"), &|_| {}).await.unwrap();
    let restore = RoutingCommand::RestoreView(rebuilt.restored.clone());
    clinic.commands.change_routing(restore, desk()).await.unwrap();
    steps.note_restored(ReadModel::Legacy).await.unwrap();
    steps.end().await;
    rebuilt
}

/// The schemas and types of the legacy view in any generation.
pub(crate) async fn legacy_objects(clinic: &Clinic) -> Vec<String> {
    let sql = "SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^legacy(_[0-9]+)?$'
               UNION ALL SELECT typname::text FROM pg_type WHERE typname = 'ServiceType'";
    let rows = clinic.database.connect().await.unwrap().query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Waits until there are this many live views and all have applied the whole log.
pub(crate) async fn caught_up(clinic: &Clinic, views: usize) {
    let (head, deadline) = (clinic.log.head().await.unwrap(), Instant::now() + PATIENCE);
    loop {
        let live = generation::live(&clinic.pool.get().await.unwrap()).await.unwrap();
        if live.len() == views && live.iter().all(|status| status.position >= head) {
            return;
        }
        assert!(Instant::now() < deadline, "the views are at {live:?}, the log is at {head}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Reopens the clinic as a process does on a later day.
async fn next_day(clinic: &mut Clinic, day: i64) {
    let morning: DateTime<Utc> = "2026-11-20T01:00:00Z".parse().unwrap();
    let clock = Arc::new(FixedClock(morning + TimeDelta::days(day)));
    let settings = daybook_commands::Settings {
        zone: ClinicZone::SEOUL,
        clock,
        bounds: daybook_commands::StrangerBounds::NONE,
    };
    clinic.commands = Commands::open(clinic.log.clone(), clinic.vault.clone(), settings).await.unwrap();
}

/// Bookings of a quiet day under either rule set, of services with and without an enum value; the latter only under the
/// dynamic rules.
async fn book_a_day(clinic: &Clinic, day: u32, date: &str) {
    let scalp = ServiceId::parse("srv_scalp").unwrap();
    clinic.commands.change_catalog(CatalogCommand::ActivateService(scalp), desk()).await.unwrap();
    let bookings = [
        ("srv_scalp", "09:00", ReadModel::Dynamic),
        ("srv_body_care", "10:00", ReadModel::Dynamic),
        ("srv_scalp", "오후", ReadModel::Dynamic),
        ("srv_body_care", "전화 주세요", ReadModel::Legacy),
    ];
    for (number, (service, wish, model)) in (0..).zip(bookings) {
        let request = request(2000 + day * 10 + number, service, date, wish, model);
        let booked = clinic.commands.request(request, desk()).await.unwrap();
        // A text that nobody has read is not confirmed.
        if !booked.booking.is_reviewable {
            let date = date.parse().unwrap();
            let confirm =
                clinic.commands.change(date, booked.reservation, None, ReservationChange::Confirm, desk());
            confirm.await.unwrap();
        }
    }
}

async fn events_after(log: &dyn EventLog, position: Position) -> Vec<RecordedEvent> {
    log.read_all(position, &Filter::all()).await.unwrap().try_collect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_retired_for_a_week_is_restored_equal_to_one_never_retired() {
    let mut clinic = Clinic::open().await.unwrap();
    let mut rng = TestRng::new(41);
    run_random_steps(&clinic, &mut rng, 60).await;
    let kept = ReferenceViews::of(&clinic).await;
    set_share(&clinic, 100.0).await;
    let record = retire_by(&clinic, &retirement(&clinic)).await;
    assert!(record.reservations > 10 && record.dropped_at.is_some(), "{record:?}");
    assert_eq!(legacy_objects(&clinic).await, [""; 0]);

    let head = clinic.log.head().await.unwrap();
    for (day, date) in (1..).zip(WEEK) {
        next_day(&mut clinic, day).await;
        run_random_steps(&clinic, &mut rng, 30).await;
        book_a_day(&clinic, day as u32, date).await;
    }
    let week = events_after(&*clinic.log, head).await;
    let bookings: Vec<serde_json::Value> = week
        .iter()
        .filter(|event| &*event.event_type == "ReservationRequested")
        .map(|event| serde_json::from_slice(&event.payload).unwrap())
        .collect();
    let without_enum = bookings.iter().filter(|booking| booking["service"]["legacy"].is_null()).count();
    assert!(bookings.len() > 20 && without_enum >= 14, "{} bookings, {without_enum}", bookings.len());
    assert!(week.iter().any(|event| &*event.event_type == "SubjectForgotten"));
    for booking in &bookings {
        let verdict = (&booking["judged_by"], &booking["other_verdict"]);
        assert_eq!(
            verdict,
            (&"dynamic".into(), &serde_json::Value::Null),
            "only the dynamic rules may apply"
        );
    }

    let rebuilt = restore_by(&clinic, &retirement(&clinic)).await;
    assert_eq!(rebuilt.proof, RestorationProof::OtherView);
    // From here on it is kept up to date like any other.
    run_random_steps(&clinic, &mut rng, 20).await;
    caught_up(&clinic, 2).await;
    let restored = live(&clinic, ReadModel::Legacy).await;
    assert_eq!(restored.number, rebuilt.restored.generation);
    let ours = daybook_projections::verify(&*clinic.log, &clinic.vault, &clinic.pool).await.unwrap();
    let (theirs, original) = kept.verdict(&clinic).await;
    assert!(ours.agrees() && theirs.agrees());
    assert_eq!(ours.position, theirs.position);
    assert_eq!(ours.digests[&restored.to_string()], theirs.digests[&original.to_string()]);
    assert_eq!(contents(&clinic, restored).await, contents_in(&kept.database, original).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_new_events_the_restored_digest_equals_the_recorded_one() {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(42), 60).await;
    set_share(&clinic, 100.0).await;
    let record = retire_by(&clinic, &retirement(&clinic)).await;
    let rebuilt = restore_by(&clinic, &retirement(&clinic)).await;
    assert_eq!(rebuilt.proof, RestorationProof::RecordedDigest);
    assert_eq!(*rebuilt.restored.digest, record.digest.to_string());
    let noted = records(&clinic).await;
    assert!(noted.len() == 1 && noted[0].restored_at.is_some(), "{noted:?}");
    assert_eq!((&*noted[0].actor, &*noted[0].reason), ("desk@clinic.example", REASON));
    // A second round adds another record beside the first.
    retire_by(&clinic, &retirement(&clinic)).await;
    let noted = records(&clinic).await;
    assert_eq!(noted.iter().map(|record| record.restored_at.is_some()).collect::<Vec<_>>(), [true, false]);
}

async fn records(clinic: &Clinic) -> Vec<RetirementRecord> {
    daybook_migration::retirements(&clinic.pool.get().await.unwrap()).await.unwrap()
}

/// Checks the start of a process and the reports of the commands while the view is retired.
async fn assert_is_retired(clinic: &Clinic) {
    let statuses = generation::list(&clinic.pool.get().await.unwrap()).await.unwrap();
    assert!(statuses.iter().all(|one| one.generation.model == ReadModel::Dynamic), "{statuses:?}");
    assert_eq!(legacy_objects(clinic).await, [""; 0]);
    assert!(
        clinic.rebuild().missing().await.unwrap().is_none(),
        "a retired view must not be reported as missing"
    );
    let compared = daybook_projections::verify(&*clinic.log, &clinic.vault, &clinic.pool).await.map(drop);
    let rebuilt = clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.map(drop);
    for refused in [compared, rebuilt] {
        let error = refused.unwrap_err();
        assert!(matches!(error, ViewError::Retired { model: ReadModel::Legacy }), "{error:?}");
        assert!(error.to_string().contains("daybook projection restore legacy"), "{error}");
    }
}
