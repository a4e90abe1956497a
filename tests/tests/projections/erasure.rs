//! Forgotten patients are erased from generations that do not advance, also after an interrupted command and beside a
//! rebuild.

use std::time::Duration;

use chrono::NaiveDate;
use daybook_domain::ReadModel;
use daybook_domain::phone::Phone;
use daybook_projections::{GenerationName, PointInTime, Role, generation, leader};
use daybook_tests::clinic::{Clinic, PATIENCE, desk, request};
use tokio::sync::watch;

/// The phone number of the patients of [`request`].
fn phone(patient: u32) -> Phone {
    Phone::parse(&format!("010-1000-{patient:04}")).unwrap()
}

async fn book(clinic: &Clinic, patient: u32, day: u32) {
    let date = NaiveDate::from_ymd_opt(2026, 12, day).unwrap().to_string();
    let new = request(patient, "srv_other_consultation", &date, "오전", ReadModel::Legacy);
    clinic.commands.request(new, desk()).await.unwrap();
}

/// Generations with a row that shows the patient's phone number, with the number of such rows.
async fn shown_in(clinic: &Clinic, patient: u32) -> Vec<(String, i64)> {
    let client = clinic.pool.get().await.unwrap();
    let phone = format!("010-1000-{patient:04}");
    let mut shown = Vec::new();
    for status in generation::list(&client).await.unwrap() {
        let schema = status.generation.schema();
        let there = "SELECT to_regclass($1 || '.reservations') IS NOT NULL";
        if client.query_one(there, &[&schema]).await.unwrap().get(0) {
            let sql = format!("SELECT count(*) FROM {schema}.reservations WHERE phone = $1");
            let rows: i64 = client.query_one(&sql, &[&phone]).await.unwrap().get(0);
            shown.extend((rows > 0).then_some((schema, rows)));
        }
    }
    shown
}

fn name(text: &str) -> GenerationName {
    text.parse().unwrap()
}

/// A command that is killed after its event has destroyed the keys: the next one, or the next start, completes it.
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_forgetting_is_completed_and_later_bookings_stay() {
    let clinic = Clinic::open().await.unwrap();
    book(&clinic, 1, 1).await;
    book(&clinic, 2, 1).await;
    let then = clinic.wait_for_views().await.unwrap();
    clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
    let until = PointInTime::Position(then);
    clinic.rebuild().past(&ReadModel::ALL, until, &name("then"), &|_| {}).await.unwrap();
    clinic.commands.forget(&phone(1), desk()).await.unwrap();
    book(&clinic, 1, 2).await;
    clinic.wait_for_views().await.unwrap();
    let copies = ["dynamic_1", "dynamic_3", "legacy_1", "legacy_3"].map(|name| (name.to_owned(), 1));
    let live = ["dynamic_2", "legacy_2"].map(|name| (name.to_owned(), 1));
    let mut all = [&copies[..], &live].concat();
    all.sort();
    assert_eq!(
        shown_in(&clinic, 1).await,
        all,
        "the copies still show it, and the live views the later booking"
    );

    let erased = clinic.rebuild().erase_forgotten().await.unwrap();
    assert_eq!((erased.reservations, erased.generations.len()), (4, 4), "{erased:?}");
    assert_eq!(shown_in(&clinic, 1).await, live);
    assert_eq!(shown_in(&clinic, 2).await.len(), 6, "nobody else is erased");
    let again = clinic.rebuild().erase_forgotten().await.unwrap();
    assert_eq!(again.reservations, 0, "{again:?}");

    // A former generation that serves again holds what was booked later, and the digests agree.
    let first = daybook_projections::Generation { model: ReadModel::Legacy, number: 1 };
    let report = clinic.rebuild().promote_again(first, &|_| {}).await.unwrap();
    assert!(report.compared, "{report:?}");
    clinic.rebuild().erase_forgotten().await.unwrap();
    let shown: Vec<String> =
        shown_in(&clinic, 1).await.into_iter().map(|(generation, _)| generation).collect();
    assert_eq!(shown, ["dynamic_2", "legacy_1", "legacy_2"], "what was booked after the forgetting");
    let verdict = daybook_projections::verify(&*clinic.log, &clinic.vault, &clinic.pool).await.unwrap();
    assert!(verdict.agrees(), "{verdict:?}");
}

/// A command is killed after its event while the service runs: the leader completes it, at once when it begins to lead and for
/// every later forgetting.
#[tokio::test(flavor = "multi_thread")]
async fn the_leader_completes_an_interrupted_forgetting() {
    let clinic = Clinic::open().await.unwrap();
    book(&clinic, 1, 1).await;
    book(&clinic, 2, 2).await;
    clinic.wait_for_views().await.unwrap();
    clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
    clinic.commands.forget(&phone(1), desk()).await.unwrap();
    clinic.wait_for_views().await.unwrap();
    let kept = ["dynamic_1", "legacy_1"].map(|name| (name.to_owned(), 1));
    assert_eq!(shown_in(&clinic, 1).await, kept);

    let role = watch::Sender::new(Some(Role::Standby));
    let completion = tokio::spawn(clinic.rebuild().complete_erasures(role.subscribe(), Duration::ZERO));
    tokio::task::yield_now().await;
    assert_eq!(shown_in(&clinic, 1).await, kept, "a standby leaves it to the leader");
    let epoch = leader::current(&clinic.pool.get().await.unwrap()).await.unwrap().unwrap().epoch;
    role.send_replace(Some(Role::Leader(epoch)));
    wait_until_erased(&clinic, 1).await;
    assert_eq!(shown_in(&clinic, 2).await.len(), 4, "nobody else is erased");
    clinic.commands.forget(&phone(2), desk()).await.unwrap();
    wait_until_erased(&clinic, 2).await;
    drop(role);
    completion.abort();
}

async fn wait_until_erased(clinic: &Clinic, patient: u32) {
    let erased = async {
        while !shown_in(clinic, patient).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, erased).await.unwrap();
}

/// A rebuild has read the keys before they are destroyed, and writes its rows afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn no_rebuild_brings_details_back_that_are_forgotten_meanwhile() {
    let clinic = Clinic::open().await.unwrap();
    let weekdays = [1, 2, 3, 4, 7, 8, 9, 10, 11, 14];
    for patient in 0..60 {
        book(&clinic, patient, weekdays[patient as usize % weekdays.len()]).await;
    }
    let then = clinic.wait_for_views().await.unwrap();
    for round in 0..10 {
        let name = name(&format!("round_{round}"));
        // Former generations are dropped at once, beside the erasure in them.
        let rebuild = clinic.rebuild().with_last_readers(Duration::ZERO);
        let until = PointInTime::Position(then);
        let building = async {
            rebuild.past(&ReadModel::ALL, until, &name, &|_| {}).await.unwrap();
            rebuild.run(&ReadModel::ALL, &|_| {}).await.unwrap();
        };
        let forgetting = async {
            for patient in round * 6..round * 6 + 6 {
                tokio::time::sleep(std::time::Duration::from_millis(40)).await;
                let forgotten = clinic.commands.forget(&phone(patient), desk()).await.unwrap();
                assert_eq!(forgotten.keys.len(), 1);
                clinic.wait_for_views().await.unwrap();
                clinic.rebuild().erase_forgotten().await.unwrap();
            }
        };
        tokio::join!(building, forgetting);
        for patient in round * 6..round * 6 + 6 {
            assert_eq!(shown_in(&clinic, patient).await, [], "patient {patient}");
        }
    }
}

/// What a killed rebuild leaves holds details that no reader sees.
#[tokio::test(flavor = "multi_thread")]
async fn tables_of_a_killed_rebuild_are_dropped() {
    let clinic = Clinic::open().await.unwrap();
    book(&clinic, 1, 1).await;
    clinic.wait_for_views().await.unwrap();
    let client = clinic.database.connect().await.unwrap();
    let sql = "CREATE SCHEMA legacy_9; CREATE TABLE legacy_9.reservations AS SELECT * FROM legacy_1.reservations;
               INSERT INTO control.generations (model, number, state, rules_version) VALUES ('legacy', 9, 'building', 1);
               INSERT INTO control.checkpoints (model, number, commit_position, prepare_position) VALUES ('legacy', 9, 0, 0)";
    client.batch_execute(sql).await.unwrap();
    clinic.commands.forget(&phone(1), desk()).await.unwrap();
    clinic.wait_for_views().await.unwrap();
    assert_eq!(shown_in(&clinic, 1).await, [("legacy_9".to_owned(), 1)]);
    clinic.rebuild().erase_forgotten().await.unwrap();
    assert_eq!(shown_in(&clinic, 1).await, []);
}
