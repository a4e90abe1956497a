//! Live views: a failing event is parked once, dependent events wait, and no others do.

use std::collections::BTreeSet;
use std::time::Duration;

use daybook_commands::ReservationChange;
use daybook_domain::ReadModel;
use daybook_event_log::Position;
use daybook_event_log::postgres::{PoolSize, create_pool};
use daybook_projections::parked::{self, RetryScope};
use daybook_projections::{ViewError, generation, leader};
use daybook_tests::clinic::{Clinic, PATIENCE};
use tokio::time::Instant;

use super::damage::*;
use crate::history::{TestRng, live, run_random_steps};

/// A text that PostgreSQL rejects.
const REJECTED_TEXT: &str = "a\u{0}b";

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_event_parks_its_reservation_and_no_other() {
    let clinic = idle_clinic().await;
    let mut booked = Vec::new();
    for patient in 0..12 {
        let notes = (patient == 4).then_some(REJECTED_TEXT);
        booked.push(book(&clinic, patient, notes).await);
    }
    for (patient, id) in (0..).zip(&booked) {
        change(&clinic, patient, id, ReservationChange::Confirm).await;
        change(&clinic, patient, id, ReservationChange::WriteAdminNote(format!("{patient}"))).await;
    }
    let mut expected = Vec::new();
    for (patient, why) in
        [(2, "unknown to this release"), (3, "is not in this database"), (4, "SQLSTATE 22P05")]
    {
        let events = events_of(&clinic, &booked[patient]).await;
        assert_eq!(events.len(), 3);
        match patient {
            2 => drop(rename(&clinic, events[0], "ReservationTeleported").await),
            3 => drop(LostKey::of(&clinic, events[0]).await),
            _ => {}
        }
        expected.push((booked[patient].to_string(), events, why));
    }
    let engine = RunningEngine::start(&clinic, "first");
    clinic.wait_for_views().await.unwrap();
    let found = parked(&clinic).await;
    for generation in ["legacy_1", "dynamic_1"] {
        let mut all: Vec<i64> = expected.iter().flat_map(|(_, events, _)| events.clone()).collect();
        all.sort_unstable();
        assert_eq!(positions(&found, generation), all);
        for (held_up, events, why) in &expected {
            let of = found.iter().filter(|row| row.generation == generation && row.held_up == *held_up);
            let causes: Vec<(i64, Option<&str>)> =
                of.map(|row| (row.position, row.cause.as_deref())).collect();
            assert!(causes[0].1.is_some_and(|cause| cause.contains(why)), "{causes:?}");
            assert_eq!(causes.iter().map(|(at, _)| *at).collect::<Vec<_>>(), *events);
            // The note of the second one is sealed with the same key, so it fails as well.
            assert_eq!(causes[1].1, None, "{causes:?}");
        }
    }
    let others: BTreeSet<String> = booked
        .iter()
        .enumerate()
        .filter(|(at, _)| !(2..5).contains(at))
        .map(|(_, id)| id.to_string())
        .collect();
    for model in ReadModel::ALL {
        assert_eq!(ids(&clinic, model).await, others);
    }
    assert_new_leaders_park_nothing_twice(&clinic, engine, &booked, &found).await;
    let refused =
        parked::retry(&*clinic.log, &fresh_vault(clinic.pool.clone()), &clinic.pool, &RetryScope::All).await;
    assert!(matches!(refused, Err(ViewError::Event { .. })), "{refused:?}");
}

/// A new leader knows the parked events: later dependent events wait too, and nothing is parked twice.
async fn assert_new_leaders_park_nothing_twice(
    clinic: &Clinic,
    engine: RunningEngine,
    booked: &[daybook_domain::ReservationId],
    before: &[Row],
) {
    // Only on days that the write side can still read.
    let patients = [3, 4, 9];
    engine.stop().await;
    for patient in patients {
        change(clinic, patient, &booked[patient as usize], ReservationChange::Cancel { reason: None }).await;
    }
    let (second, third) = (RunningEngine::start(clinic, "second"), RunningEngine::start(clinic, "third"));
    clinic.wait_for_views().await.unwrap();
    second.stop().await;
    change(clinic, 4, &booked[4], ReservationChange::WriteAdminNote("once more".into())).await;
    clinic.wait_for_views().await.unwrap();
    third.stop().await;
    let after = parked(clinic).await;
    for generation in ["legacy_1", "dynamic_1"] {
        let mut expected = positions(before, generation);
        expected.push(*events_of(clinic, &booked[3]).await.last().unwrap());
        expected.extend(events_of(clinic, &booked[4]).await.split_off(3));
        expected.sort_unstable();
        assert_eq!(positions(&after, generation), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_next_to_a_refused_value_are_applied_once() {
    let clinic = idle_clinic().await;
    for patient in 0..40 {
        let notes = (patient % 13 == 7).then_some(REJECTED_TEXT);
        let id = book(&clinic, patient, notes).await;
        change(&clinic, patient, &id, ReservationChange::Confirm).await;
    }
    // One batch contains all of them.
    let engine = RunningEngine::start(&clinic, "first");
    clinic.wait_for_views().await.unwrap();
    let found = parked(&clinic).await;
    assert_eq!(found.len(), 2 * 2 * 3, "{found:?}");
    let client = clinic.database.connect().await.unwrap();
    for model in ReadModel::ALL {
        let schema = live(&clinic, model).await.schema();
        let sql = format!(
            "SELECT count(*), count(*) FILTER (WHERE version = 2 AND status = 'CONFIRMED'),
                    (SELECT sum(reservations)::bigint FROM {schema}.day_digests) FROM {schema}.reservations"
        );
        let row = client.query_one(&sql, &[]).await.unwrap();
        assert_eq!([row.get::<_, i64>(0), row.get(1), row.get(2)], [37; 3], "{schema}");
    }
    let verdict =
        daybook_projections::verify(clinic.log.as_ref(), &clinic.vault, &clinic.pool).await.unwrap();
    assert!(verdict.agrees(), "{verdict:?}");
    engine.stop().await;
}

/// A day schedule contains an event of which not even the reservation can be read.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_a_readable_reservation_blocks_its_day_schedule() {
    let clinic = idle_clinic().await;
    let early = book(&clinic, 0, None).await;
    let sql = "INSERT INTO event_log.events (position, revision, event_id, stream, kind, payload, metadata)
               SELECT max(position) + 1, (SELECT max(revision) + 1 FROM event_log.events WHERE stream = $1), gen_random_uuid(),
                      $1, $2, $3::text::json, (SELECT metadata FROM event_log.events LIMIT 1)
               FROM event_log.events RETURNING position";
    let client = clinic.database.connect().await.unwrap();
    let stream = format!("daybook-{}", day_of(0));
    let confirmed = format!(r#"{{"reservation":"{early}"}}"#);
    let mut planted: Vec<i64> = Vec::new();
    for (kind, payload) in
        [("PageTurned", r#"["홍길동"]"#), ("PageTurned", "{}"), ("ReservationConfirmed", &confirmed)]
    {
        planted.push(client.query_one(sql, &[&stream, &kind, &payload]).await.unwrap().get(0));
    }
    let other = book(&clinic, 8, None).await;
    let engine = RunningEngine::start(&clinic, "first");
    clinic.wait_for_views().await.unwrap();
    let found = parked(&clinic).await;
    assert_eq!(positions(&found, "legacy_1"), planted);
    assert!(found.iter().all(|row| row.held_up == stream), "{found:?}");
    assert!(!format!("{found:?}").contains("홍길동"), "{found:?}");
    for model in ReadModel::ALL {
        assert_eq!(ids(&clinic, model).await, [early.to_string(), other.to_string()].into());
    }
    engine.stop().await;
}

/// Unreachable keys are retried until they work, and so is a view that cannot be written: see `unwritable`.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_no_event_causes_is_retried_and_parks_nothing() {
    let clinic = idle_clinic().await;
    run_random_steps(&clinic, &mut TestRng::new(31), 60).await;
    let before = live_positions(&clinic).await;
    let mut nowhere = tokio_postgres::Config::new();
    nowhere.host("127.0.0.1").port(1).user("nobody").connect_timeout(Duration::from_secs(1));
    let keyless = fresh_vault(create_pool(&nowhere, PoolSize(1)).unwrap());
    let engine = RunningEngine::with_vault(&clinic, "keyless", keyless);
    wait_for_leader_restarts(&clinic).await;
    engine.stop().await;
    assert_eq!((live_positions(&clinic).await, parked(&clinic).await), (before.clone(), vec![]));

    // A view that cannot be written parks nothing, although the batch is applied in parts: the other one rejects a value.
    book(&clinic, 50, Some(REJECTED_TEXT)).await;
    let client = clinic.database.connect().await.unwrap();
    let away = "ALTER TABLE legacy_1.reservations RENAME COLUMN minutes TO away";
    client.batch_execute(away).await.unwrap();
    let engine = RunningEngine::start(&clinic, "first");
    let head = clinic.log.head().await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    while live_positions(&clinic).await != [head, before[1]] {
        assert!(Instant::now() < deadline, "the dynamic view does not advance alone");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(parked(&clinic).await.iter().all(|row| row.generation == "dynamic_1"));
    let back = "ALTER TABLE legacy_1.reservations RENAME COLUMN away TO minutes";
    client.batch_execute(back).await.unwrap();
    clinic.wait_for_views().await.unwrap();
    assert_eq!(parked(&clinic).await.len(), 2);
    engine.stop().await;
}

/// The positions of the live generations.
async fn live_positions(clinic: &Clinic) -> Vec<Position> {
    let live = generation::live(&clinic.pool.get().await.unwrap()).await.unwrap();
    live.iter().map(|status| status.position).collect()
}

/// Waits until the leader has failed and restarted more than once.
async fn wait_for_leader_restarts(clinic: &Clinic) {
    let deadline = Instant::now() + PATIENCE;
    let client = clinic.pool.get().await.unwrap();
    let epoch = async || leader::current(&client).await.unwrap().map(|leader| leader.epoch);
    let mut seen = BTreeSet::from([epoch().await]);
    while seen.len() < 4 {
        assert!(Instant::now() < deadline, "no leader has started again");
        tokio::time::sleep(Duration::from_millis(10)).await;
        seen.insert(epoch().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_lost_within_a_batch_park_nothing() {
    let clinic = idle_clinic().await;
    let engines = ["first", "second"].map(|host| RunningEngine::start(&clinic, host));
    let mut rng = TestRng::new(32);
    let client = clinic.database.connect().await.unwrap();
    for _ in 0..6 {
        book_randomly(&clinic, &mut rng).await;
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database =
                   (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()";
        client.execute(sql, &[]).await.unwrap();
    }
    clinic.wait_for_views().await.unwrap();
    assert_eq!(parked(&clinic).await, []);
    assert_as_rebuilt(&clinic).await;
    for engine in engines {
        engine.stop().await;
    }
}

async fn book_randomly(clinic: &Clinic, rng: &mut TestRng) {
    for _ in 0..5 {
        let patient = 100 + rng.below(60);
        let expected =
            daybook_tests::clinic::request(patient, "srv_body_care", "2026-12-30", "오전", ReadModel::Legacy);
        // A full day rejects the booking, which does not matter here.
        drop(clinic.commands.request(expected, daybook_tests::clinic::desk()).await);
    }
}
