//! Discarding: an event is left out of every view, and what waited behind it is taken in.

use daybook_commands::ReservationChange;
use daybook_domain::catalog::{CatalogCommand, ServiceRetimed};
use daybook_domain::{Actor, ReadModel, ServiceId};
use daybook_event_log::Position;
use daybook_projections::parked::{self, Discard, RetryReport};
use daybook_projections::{Generation, ViewError};
use daybook_tests::clinic::{Clinic, desk};

use super::damage::*;

/// The number of the lock that a rebuild holds.
const REBUILD_LOCK: i64 = i64::from_be_bytes(*b"dayview\x02");

pub(super) async fn discard(clinic: &Clinic, position: i64) -> Result<Vec<RetryReport>, ViewError> {
    let position = Position::from_parts(position, position).unwrap();
    let discard = Discard { actor: Actor::named("cli:tester"), reason: "nobody can read it".into() };
    parked::discard(&*clinic.log, &fresh_vault(clinic.pool.clone()), &clinic.pool, position, &discard).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_is_taken_in_and_a_rebuild_leaves_the_same_out() {
    let clinic = idle_clinic().await;
    let mut booked = Vec::new();
    for patient in 0..10 {
        booked.push(book(&clinic, patient, (patient == 6).then_some("a\u{0}b")).await);
        change(&clinic, patient, &booked[patient as usize], ReservationChange::Confirm).await;
        change(&clinic, patient, &booked[patient as usize], ReservationChange::WriteAdminNote("ok".into()))
            .await;
    }
    let (refused, odd) = (events_of(&clinic, &booked[6]).await, events_of(&clinic, &booked[1]).await);
    // Two of one reservation fail, one behind the other.
    rename(&clinic, odd[1], "ReservationTeleported").await;
    rename(&clinic, odd[2], "ReservationTeleported").await;
    let keeper = Keeper::start(&clinic, "first");
    clinic.settled().await.unwrap();
    assert_eq!(parked(&clinic).await.len(), 2 * 5);
    let sound = discard(&clinic, odd[0]).await;
    assert!(matches!(sound, Err(ViewError::NotParked(_))), "{sound:?}");
    let waiting = discard(&clinic, refused[1]).await;
    assert!(matches!(waiting, Err(ViewError::NotParked(_))), "{waiting:?}");

    discard(&clinic, refused[0]).await.unwrap();
    assert_eq!(parked(&clinic).await.len(), 2 * 2, "its changes are of nothing that a view holds");
    discard(&clinic, odd[1]).await.unwrap();
    let left = parked(&clinic).await;
    assert!(left.iter().all(|row| row.position == odd[2] && row.cause.is_some()), "{left:?}");
    discard(&clinic, odd[2]).await.unwrap();
    assert_eq!(parked(&clinic).await, []);
    book(&clinic, 12, None).await;
    clinic.settled().await.unwrap();
    assert_as_rebuilt(&clinic).await;
    keeper.stop().await;
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
async fn a_change_of_the_catalog_that_was_discarded_stays_out_after_a_restart() {
    let clinic = idle_clinic().await;
    let service = ServiceId::parse("srv_body_care").unwrap();
    let retime = async |duration: u32| {
        let retimed = ServiceRetimed { service: service.clone(), duration, buffer: 5 };
        clinic.commands.change_catalog(CatalogCommand::RetimeService(retimed), desk()).await.unwrap();
    };
    retime(40).await;
    let client = clinic.database.connect().await.unwrap();
    let sql = "SELECT max(position) FROM event_log.events WHERE stream = 'catalog-main'";
    let odd: i64 = client.query_one(sql, &[]).await.unwrap().get(0);
    rename(&clinic, odd, "ServiceTeleported").await;
    let shown = r#"SELECT "durationMinutes" FROM dynamic_1.services WHERE id = 'srv_body_care'"#;
    let duration = async || client.query_one(shown, &[]).await.unwrap().get::<_, i32>(0);
    let before = duration().await;
    let keeper = Keeper::start(&clinic, "first");
    retime(50).await;
    clinic.settled().await.unwrap();
    assert_eq!((duration().await, parked(&clinic).await.len()), (before, 4));
    discard(&clinic, odd).await.unwrap();
    assert_eq!((duration().await, parked(&clinic).await.len()), (50, 0));
    keeper.stop().await;
    let keeper = Keeper::start(&clinic, "second");
    book(&clinic, 1, None).await;
    clinic.settled().await.unwrap();
    assert_as_rebuilt(&clinic).await;
    let verdict = daybook_projections::verify(&*clinic.log, &clinic.vault, &clinic.pool).await.unwrap();
    assert!(verdict.agrees(), "{verdict:?}");
    keeper.stop().await;
}

/// What a rebuild under way has read already, and what a kept generation holds, must not come back.
#[tokio::test(flavor = "multi_thread")]
async fn neither_a_rebuild_under_way_nor_a_kept_generation_brings_back_what_was_discarded() {
    let clinic = idle_clinic().await;
    let keeper = Keeper::start(&clinic, "first");
    let booked = book(&clinic, 0, None).await;
    clinic.settled().await.unwrap();
    clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
    let first = Generation { model: ReadModel::Legacy, number: 1 };
    keeper.stop().await;
    let odd = events_of(&clinic, &booked).await[0];
    rename(&clinic, odd, "ReservationTeleported").await;
    let stopped = clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await;
    assert!(matches!(stopped, Err(ViewError::Event { .. })), "{stopped:?}");
    let served = discard(&clinic, odd).await;
    assert!(matches!(served, Err(ViewError::AlreadyApplied { .. })), "{served:?}");

    let client = clinic.database.connect().await.unwrap();
    client.batch_execute("DROP SCHEMA legacy_2 CASCADE; DROP SCHEMA dynamic_2 CASCADE").await.unwrap();
    let stopped = clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await;
    assert!(matches!(stopped, Err(ViewError::Event { .. })), "{stopped:?}");
    client.execute("SELECT pg_advisory_lock($1)", &[&REBUILD_LOCK]).await.unwrap();
    let busy = discard(&clinic, odd).await;
    assert!(matches!(busy, Err(ViewError::RebuildUnderWay)), "{busy:?}");
    client.execute("SELECT pg_advisory_unlock($1)", &[&REBUILD_LOCK]).await.unwrap();
    discard(&clinic, odd).await.unwrap();
    let older = clinic.rebuild().promote_again(first, &|_| {}).await;
    assert!(
        matches!(older, Err(ViewError::OlderThanDiscard(generation)) if generation == first),
        "{older:?}"
    );
    clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
    assert!(ids(&clinic, ReadModel::Legacy).await.is_empty());
}

/// A service that one view lacks: its booking serves in the other one already.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_a_live_view_holds_is_not_discarded() {
    let clinic = idle_clinic().await;
    let booked = book(&clinic, 0, None).await;
    let client = clinic.database.connect().await.unwrap();
    let sql = "ALTER TABLE dynamic_1.reservations ADD CHECK (\"serviceId\" <> 'srv_body_care')";
    client.batch_execute(sql).await.unwrap();
    let keeper = Keeper::start(&clinic, "first");
    clinic.settled().await.unwrap();
    let found = parked(&clinic).await;
    let [row] = &*found else { panic!("{found:?}") };
    assert_eq!((row.generation.as_str(), row.held_up.as_str()), ("dynamic_1", booked.as_str()));
    let refused = discard(&clinic, row.position).await;
    assert!(
        matches!(&refused, Err(ViewError::AlreadyApplied { generation, .. }) if generation.to_string() == "legacy_1"),
        "{refused:?}"
    );
    assert_eq!(parked(&clinic).await, found);
    keeper.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_discarded_is_found_by_its_stream_where_positions_are_those_of_another_log() {
    let clinic = idle_clinic().await;
    let mut positions = Vec::new();
    for patient in 0..2 {
        let booked = book(&clinic, patient, None).await;
        positions.push(events_of(&clinic, &booked).await[0]);
    }
    let mut client = clinic.pool.get().await.unwrap();
    // Each where the other one is here.
    let sql = "INSERT INTO control.discarded_events
                   (commit_position, prepare_position, stream, revision, kind, held_up, cause, actor, reason)
               SELECT $2, $2, stream, revision, kind, stream, 'a test', 'cli:tester', 'a test'
               FROM event_log.events WHERE position = $1";
    for (of, elsewhere) in [(positions[0], positions[1]), (positions[1], positions[0])] {
        assert_eq!(client.execute(sql, &[&of, &elsewhere]).await.unwrap(), 1);
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
