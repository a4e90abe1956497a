//! Discarding: every view leaves an event out, and the events that waited for it are applied.

use daybook_commands::ReservationChange;
use daybook_domain::catalog::{CatalogCommand, ServiceRetimed};
use daybook_domain::{Actor, ReadModel, ServiceId};
use daybook_event_log::Position;
use daybook_projections::parked::{self, Discard, RetryReport};
use daybook_projections::{Generation, ViewError};
use daybook_tests::clinic::{Clinic, desk};

use super::damage::*;

/// The key of the rebuild lock.
const REBUILD_LOCK: i64 = i64::from_be_bytes(*b"dayview\x02");

/// A decision to discard.
pub(super) fn decision() -> Discard {
    Discard { actor: Actor::named("cli:tester"), reason: "nobody can read it".into() }
}

pub(super) async fn discard(clinic: &Clinic, position: i64) -> Result<Vec<RetryReport>, ViewError> {
    let position = Position::from_parts(position, position).unwrap();
    let vault = fresh_vault(clinic.pool.clone());
    parked::discard(&*clinic.log, &vault, &clinic.pool, position, &decision()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn discarding_applies_waiting_events_and_a_rebuild_omits_the_same_one() {
    let clinic = idle_clinic().await;
    let mut booked = Vec::new();
    for patient in 0..10 {
        booked.push(book(&clinic, patient, (patient == 6).then_some("a\u{0}b")).await);
        change(&clinic, patient, &booked[patient as usize], ReservationChange::Confirm).await;
        change(&clinic, patient, &booked[patient as usize], ReservationChange::WriteAdminNote("ok".into()))
            .await;
    }
    let (refused, unknown) = (events_of(&clinic, &booked[6]).await, events_of(&clinic, &booked[1]).await);
    // Two events of one reservation fail, one after the other.
    rename(&clinic, unknown[1], "ReservationTeleported").await;
    rename(&clinic, unknown[2], "ReservationTeleported").await;
    let engine = RunningEngine::start(&clinic, "first");
    clinic.wait_for_views().await.unwrap();
    assert_eq!(parked(&clinic).await.len(), 2 * 5);
    let not_parked = discard(&clinic, unknown[0]).await;
    assert!(matches!(not_parked, Err(ViewError::NotParked(_))), "{not_parked:?}");
    let waiting = discard(&clinic, refused[1]).await;
    assert!(matches!(waiting, Err(ViewError::NotParked(_))), "{waiting:?}");

    discard(&clinic, refused[0]).await.unwrap();
    assert_eq!(parked(&clinic).await.len(), 2 * 2, "its changes are of nothing that a view holds");
    discard(&clinic, unknown[1]).await.unwrap();
    let left = parked(&clinic).await;
    assert!(left.iter().all(|row| row.position == unknown[2] && row.cause.is_some()), "{left:?}");
    discard(&clinic, unknown[2]).await.unwrap();
    assert_eq!(parked(&clinic).await, []);
    book(&clinic, 12, None).await;
    clinic.wait_for_views().await.unwrap();
    assert_as_rebuilt(&clinic).await;
    engine.stop().await;
    for model in ReadModel::ALL {
        let ids = ids(&clinic, model).await;
        assert!(!ids.contains(booked[6].as_str()) && ids.contains(booked[1].as_str()));
    }
    let trial = clinic.rebuild().dry_run(&ReadModel::ALL, &|_| {}).await.unwrap();
    assert_eq!((trial.failings.failing, trial.failings.waiting), (0, 0), "{trial:?}");
    let client = clinic.database.connect().await.unwrap();
    let sql = "SELECT count(*) FROM control.discarded_events WHERE actor = 'cli:tester' AND reason = 'nobody can read it'";
    assert_eq!(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discarded_catalog_change_stays_discarded_after_a_restart() {
    let clinic = idle_clinic().await;
    let service = ServiceId::parse("srv_body_care").unwrap();
    let retime = async |duration: u32| {
        let retimed = ServiceRetimed { service: service.clone(), duration, buffer: 5 };
        clinic.commands.change_catalog(CatalogCommand::RetimeService(retimed), desk()).await.unwrap();
    };
    retime(40).await;
    let client = clinic.database.connect().await.unwrap();
    let sql = "SELECT max(position) FROM event_log.events WHERE stream = 'catalog-main'";
    let unknown: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    rename(&clinic, unknown, "ServiceTeleported").await;
    let shown = r#"SELECT "durationMinutes" FROM dynamic_1.services WHERE id = 'srv_body_care'"#;
    let duration = async || client.query_one(shown, &[]).await.unwrap().get::<_, i32>(0);
    let before = duration().await;
    let engine = RunningEngine::start(&clinic, "first");
    retime(50).await;
    clinic.wait_for_views().await.unwrap();
    assert_eq!((duration().await, parked(&clinic).await.len()), (before, 4));
    discard(&clinic, unknown).await.unwrap();
    assert_eq!((duration().await, parked(&clinic).await.len()), (50, 0));
    engine.stop().await;
    let engine = RunningEngine::start(&clinic, "second");
    book(&clinic, 1, None).await;
    clinic.wait_for_views().await.unwrap();
    assert_as_rebuilt(&clinic).await;
    let verdict = daybook_projections::verify(&*clinic.log, &clinic.vault, &clinic.pool).await.unwrap();
    assert!(verdict.agrees(), "{verdict:?}");
    engine.stop().await;
}

/// Events that a running rebuild has already read, or that a kept generation contains, must not return.
#[tokio::test(flavor = "multi_thread")]
async fn neither_a_running_rebuild_nor_a_kept_generation_restores_a_discarded_event() {
    let clinic = idle_clinic().await;
    let engine = RunningEngine::start(&clinic, "first");
    let booked = book(&clinic, 0, None).await;
    clinic.wait_for_views().await.unwrap();
    clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
    let first = Generation { model: ReadModel::Legacy, number: 1 };
    engine.stop().await;
    let unknown = events_of(&clinic, &booked).await[0];
    rename(&clinic, unknown, "ReservationTeleported").await;
    let stopped = clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await;
    assert!(matches!(stopped, Err(ViewError::Event { .. })), "{stopped:?}");
    let served = discard(&clinic, unknown).await;
    assert!(matches!(served, Err(ViewError::AlreadyApplied { .. })), "{served:?}");

    let client = clinic.database.connect().await.unwrap();
    client.batch_execute("DROP SCHEMA legacy_2 CASCADE; DROP SCHEMA dynamic_2 CASCADE").await.unwrap();
    let stopped = clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await;
    assert!(matches!(stopped, Err(ViewError::Event { .. })), "{stopped:?}");
    client.execute("SELECT pg_advisory_lock($1)", &[&REBUILD_LOCK]).await.unwrap();
    let busy = discard(&clinic, unknown).await;
    assert!(matches!(busy, Err(ViewError::RebuildUnderWay)), "{busy:?}");
    client.execute("SELECT pg_advisory_unlock($1)", &[&REBUILD_LOCK]).await.unwrap();
    discard(&clinic, unknown).await.unwrap();
    let older = clinic.rebuild().promote_again(first, &|_| {}).await;
    assert!(
        matches!(older, Err(ViewError::OlderThanDiscard(generation)) if generation == first),
        "{older:?}"
    );
    clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
    assert!(ids(&clinic, ReadModel::Legacy).await.is_empty());
}

/// A service that one view lacks: the other view already shows its booking.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_applied_by_a_live_view_cannot_be_discarded() {
    let clinic = idle_clinic().await;
    let booked = book(&clinic, 0, None).await;
    let client = clinic.database.connect().await.unwrap();
    let sql = "ALTER TABLE dynamic_1.reservations ADD CHECK (\"serviceId\" <> 'srv_body_care')";
    client.batch_execute(sql).await.unwrap();
    let engine = RunningEngine::start(&clinic, "first");
    clinic.wait_for_views().await.unwrap();
    let found = parked(&clinic).await;
    let [row] = &*found else { panic!("{found:?}") };
    assert_eq!((row.generation.as_str(), row.held_up.as_str()), ("dynamic_1", booked.as_str()));
    let refused = discard(&clinic, row.position).await;
    assert!(
        matches!(&refused, Err(ViewError::AlreadyApplied { generation, .. }) if generation.to_string() == "legacy_1"),
        "{refused:?}"
    );
    assert_eq!(parked(&clinic).await, found);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discarded_event_is_found_by_stream_and_revision_in_another_log() {
    let clinic = idle_clinic().await;
    let mut positions = Vec::new();
    for patient in 0..2 {
        let booked = book(&clinic, patient, None).await;
        positions.push(events_of(&clinic, &booked).await[0]);
    }
    let mut client = clinic.pool.get().await.unwrap();
    // Each has the position of the other here.
    let sql = "INSERT INTO control.discarded_events
                   (commit_position, prepare_position, stream, revision, kind, held_up, cause, actor, reason)
               SELECT $2, $2, stream, revision, kind, stream, 'a test', 'cli:tester', 'a test'
               FROM event_log.events WHERE position = $1";
    for (of, other) in [(positions[0], positions[1]), (positions[1], positions[0])] {
        assert_eq!(client.execute(sql, &[&of, &other]).await.unwrap(), 1);
    }
    let transaction = client.transaction().await.unwrap();
    parked::renumber_discarded(&transaction, &*clinic.log).await.unwrap();
    transaction.commit().await.unwrap();
    let sql = "SELECT count(*) FROM control.discarded_events d JOIN event_log.events e
               ON (e.position, e.position, e.stream, e.revision)
                = (d.commit_position, d.prepare_position, d.stream, d.revision)";
    assert_eq!(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 2);
    client.execute("UPDATE control.discarded_events SET revision = 99", &[]).await.unwrap();
    let transaction = client.transaction().await.unwrap();
    assert!(parked::renumber_discarded(&transaction, &*clinic.log).await.is_err());
}
