//! Live views: what fails is parked once, its own wait, nobody else does.

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
use crate::history::{Dice, live, live_through};

/// A text that PostgreSQL does not take.
const REFUSED: &str = "a\u{0}b";

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_in_waits_with_its_own_and_everybody_else_is_shown() {
    let clinic = idle_clinic().await;
    let mut booked = Vec::new();
    for patient in 0..12 {
        let notes = (patient == 4).then_some(REFUSED);
        booked.push(book(&clinic, patient, notes).await);
    }
    for (patient, id) in (0..).zip(&booked) {
        change(&clinic, patient, id, ReservationChange::Confirm).await;
        change(&clinic, patient, id, ReservationChange::WriteAdminNote(format!("{patient}"))).await;
    }
    let mut expected = Vec::new();
    for (patient, why) in [(2, "unknown to this release"), (3, "was never kept here"), (4, "SQLSTATE 22P05")]
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
    let keeper = Keeper::start(&clinic, "first");
    clinic.settled().await.unwrap();
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
            // The note of the second is sealed with the same key: it fails by itself as well.
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
    go_on_after_a_restart_and_a_takeover(&clinic, keeper, &booked, &found).await;
    let refused =
        parked::retry(&*clinic.log, &fresh_vault(clinic.pool.clone()), &clinic.pool, &RetryScope::All).await;
    assert!(matches!(refused, Err(ViewError::Event { .. })), "{refused:?}");
}

/// What is parked already is known to whoever comes next: later events wait too, and nothing is parked twice.
async fn go_on_after_a_restart_and_a_takeover(
    clinic: &Clinic,
    keeper: Keeper,
    booked: &[daybook_domain::ReservationId],
    before: &[Row],
) {
    // Only where the write side can still read the page.
    let patients = [3, 4, 9];
    keeper.stop().await;
    for patient in patients {
        change(clinic, patient, &booked[patient as usize], ReservationChange::Complete).await;
    }
    let (second, third) = (Keeper::start(clinic, "second"), Keeper::start(clinic, "third"));
    clinic.settled().await.unwrap();
    second.stop().await;
    change(clinic, 4, &booked[4], ReservationChange::WriteAdminNote("once more".into())).await;
    clinic.settled().await.unwrap();
    third.stop().await;
    let after = parked(clinic).await;
    for generation in ["legacy_1", "dynamic_1"] {
        let mut wanted = positions(before, generation);
        wanted.push(*events_of(clinic, &booked[3]).await.last().unwrap());
        wanted.extend(events_of(clinic, &booked[4]).await.split_off(3));
        wanted.sort_unstable();
        assert_eq!(positions(&after, generation), wanted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_neighbours_of_a_refused_value_are_applied_once() {
    let clinic = idle_clinic().await;
    for patient in 0..40 {
        let notes = (patient % 13 == 7).then_some(REFUSED);
        let id = book(&clinic, patient, notes).await;
        change(&clinic, patient, &id, ReservationChange::Confirm).await;
    }
    // One batch holds all of them.
    let keeper = Keeper::start(&clinic, "first");
    clinic.settled().await.unwrap();
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
    keeper.stop().await;
}

/// A page holds an event of which not even the reservation can be read.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_held_up_where_it_cannot_be_told_whose_an_event_is() {
    let clinic = idle_clinic().await;
    let early = book(&clinic, 0, None).await;
    let sql = "INSERT INTO event_log.events (position, revision, event_id, stream, kind, payload, metadata)
               SELECT max(position) + 1, (SELECT max(revision) + 1 FROM event_log.events WHERE stream = $1), gen_random_uuid(),
                      $1, $2, $3::text::json, (SELECT metadata FROM event_log.events LIMIT 1)
               FROM event_log.events RETURNING position";
    let client = clinic.database.connect().await.unwrap();
    let stream = format!("daybook-{}", page(0));
    let confirmed = format!(r#"{{"reservation":"{early}"}}"#);
    let mut planted: Vec<i64> = Vec::new();
    for (kind, payload) in
        [("PageTurned", r#"["홍길동"]"#), ("PageTurned", "{}"), ("ReservationConfirmed", &confirmed)]
    {
        planted.push(client.query_one(sql, &[&stream, &kind, &payload]).await.unwrap().get(0));
    }
    let other = book(&clinic, 8, None).await;
    let keeper = Keeper::start(&clinic, "first");
    clinic.settled().await.unwrap();
    let found = parked(&clinic).await;
    assert_eq!(positions(&found, "legacy_1"), planted);
    assert!(found.iter().all(|row| row.held_up == stream), "{found:?}");
    assert!(!format!("{found:?}").contains("홍길동"), "{found:?}");
    for model in ReadModel::ALL {
        assert_eq!(ids(&clinic, model).await, [early.to_string(), other.to_string()].into());
    }
    keeper.stop().await;
}

/// Keys that cannot be reached, and tables that cannot be written, are tried again until they can be.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_events_fault_is_tried_again_and_parks_nothing() {
    let clinic = idle_clinic().await;
    live_through(&clinic, &mut Dice::new(31), 60).await;
    let before = stand(&clinic).await;
    let mut nowhere = tokio_postgres::Config::new();
    nowhere.host("127.0.0.1").port(1).user("nobody").connect_timeout(Duration::from_secs(1));
    let keyless = fresh_vault(create_pool(&nowhere, PoolSize(1)).unwrap());
    let keeper = Keeper::with_vault(&clinic, "keyless", keyless);
    leads_anew(&clinic).await;
    keeper.stop().await;
    assert_eq!((stand(&clinic).await, parked(&clinic).await), (before.clone(), vec![]));

    // Nor is one to blame where a batch is taken in in parts: the dynamic view comes first, and refuses a value.
    book(&clinic, 50, Some(REFUSED)).await;
    let client = clinic.database.connect().await.unwrap();
    let away = "ALTER TABLE legacy_1.reservations RENAME COLUMN minutes TO away";
    client.batch_execute(away).await.unwrap();
    let keeper = Keeper::start(&clinic, "first");
    leads_anew(&clinic).await;
    assert_eq!((stand(&clinic).await, parked(&clinic).await), (before, vec![]));
    let back = "ALTER TABLE legacy_1.reservations RENAME COLUMN away TO minutes";
    client.batch_execute(back).await.unwrap();
    clinic.settled().await.unwrap();
    assert_eq!(parked(&clinic).await.len(), 2);
    keeper.stop().await;
}

/// Where the live generations stand.
async fn stand(clinic: &Clinic) -> Vec<Position> {
    let live = generation::live(&clinic.pool.get().await.unwrap()).await.unwrap();
    live.iter().map(|standing| standing.position).collect()
}

/// Waits until whoever leads has failed and begun again, more than once.
async fn leads_anew(clinic: &Clinic) {
    let deadline = Instant::now() + PATIENCE;
    let client = clinic.pool.get().await.unwrap();
    let epoch = async || leader::current(&client).await.unwrap().map(|leader| leader.epoch);
    let mut seen = BTreeSet::from([epoch().await]);
    while seen.len() < 4 {
        assert!(Instant::now() < deadline, "nobody has begun again");
        tokio::time::sleep(Duration::from_millis(10)).await;
        seen.insert(epoch().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_lost_in_the_middle_of_batches_park_nothing() {
    let clinic = idle_clinic().await;
    let keepers = ["first", "second"].map(|host| Keeper::start(&clinic, host));
    let mut dice = Dice::new(32);
    let client = clinic.database.connect().await.unwrap();
    for _ in 0..6 {
        book_some(&clinic, &mut dice).await;
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database =
                   (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()";
        client.execute(sql, &[]).await.unwrap();
    }
    clinic.settled().await.unwrap();
    assert_eq!(parked(&clinic).await, []);
    assert_as_rebuilt(&clinic).await;
    for keeper in keepers {
        keeper.stop().await;
    }
}

async fn book_some(clinic: &Clinic, dice: &mut Dice) {
    for _ in 0..5 {
        let patient = 100 + dice.roll(60);
        let wanted =
            daybook_tests::clinic::request(patient, "srv_body_care", "2026-12-30", "오전", ReadModel::Legacy);
        // A day that is full refuses: that is no matter here.
        drop(clinic.commands.request(wanted, daybook_tests::clinic::desk()).await);
    }
}
