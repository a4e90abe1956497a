//! Shadow reads and windows: the results of both views at one position are compared, and only differences are reported.

use std::time::Duration;

use daybook_domain::routing::{Durations, ModelReadStats};
use daybook_domain::{ReadModel, ReservationId, SubjectId};
use daybook_migration::read_stats::{ReadStatsStore, Window};
use daybook_migration::shadow::{KEEP_DIFFERENCES, Outcome, Question, ReadDifference, ReadTrial, Shadow};
use daybook_projections::query::ListFilter;
use daybook_tests::clinic::Clinic;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::history::{TestRng, run_random_steps};

/// Steps of a history: enough for all kinds of reservations that the views show differently.
const STEPS: usize = 400;

/// Number of comparisons of a view with itself.
const COMPARES: u64 = 20_000;

async fn clinic() -> (Clinic, Shadow, Client) {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(7), STEPS).await;
    clinic.wait_for_views().await.unwrap();
    let shadow = Shadow::new(clinic.pool.clone());
    let client = clinic.database.connect().await.unwrap();
    (clinic, shadow, client)
}

/// All queries that this history allows.
async fn questions(client: &Client) -> Vec<Question> {
    let rows =
        client.query(r#"SELECT id, subject, "preferredDate" FROM legacy_1.reservations"#, &[]).await.unwrap();
    let since = chrono::NaiveDateTime::default();
    let mut questions = Vec::new();
    for row in rows {
        let (id, subject): (&str, Uuid) = (row.get(0), row.get(1));
        let subject = SubjectId::from_bytes(*subject.as_bytes());
        let date: chrono::NaiveDate = row.get(2);
        questions.push(Question::Reservation(ReservationId::parse(id).unwrap()));
        questions.push(Question::Patient { subjects: vec![subject], since, most: 200 });
        let list = ListFilter { date: Some(date), limit: 100, ..ListFilter::default() };
        questions.push(Question::list(&list).unwrap());
        let by_service = ListFilter { service_code: Some("SKIN_CARE".to_owned()), ..list };
        questions.push(Question::list(&by_service).unwrap());
        questions.push(Question::Days { from: date, to: date });
    }
    questions
}

async fn differences(shadow: &Shadow, question: &Question) -> Vec<ReadDifference> {
    let outcome = shadow.compare(question).await.unwrap();
    let Outcome::Compared(compared) = outcome else { panic!("{outcome:?}") };
    compared.differences
}

fn counts(trial: &ReadTrial) -> (u64, u64) {
    (trial.compared, trial.mismatched)
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_views_answer_every_query_alike_and_a_view_equals_itself() {
    let (_clinic, shadow, client) = clinic().await;
    let questions = questions(&client).await;
    assert!(questions.len() > 200, "{}", questions.len());
    for question in &questions {
        assert_eq!(differences(&shadow, question).await, [], "{question:?}");
    }
    for model in ReadModel::ALL {
        let trial = shadow.self_test(model, COMPARES, |_| {}).await.unwrap();
        assert_eq!((counts(&trial), &*trial.differences), ((COMPARES, 0), &[][..]));
    }
    let all = shadow.sample(COMPARES, |_| {}).await.unwrap();
    assert_eq!(counts(&all), (questions.len() as u64 / 5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_finds_its_planted_fault_without_naming_a_patient() {
    let (_clinic, shadow, client) = clinic().await;
    let sql = r#"SELECT id, subject, "preferredDate" FROM dynamic_1.reservations
        WHERE "timeSlotStart" IS NOT NULL AND status <> 'NO_SHOW' AND "patientName" <> $1 ORDER BY id LIMIT 1"#;
    let row = client.query_one(sql, &[&daybook_projections::ERASED]).await.unwrap();
    let (id, subject, date): (String, Uuid, chrono::NaiveDate) = (row.get(0), row.get(1), row.get(2));
    let own = ReservationId::parse(id.as_str()).unwrap();
    let subject = SubjectId::from_bytes(*subject.as_bytes());
    let list = ListFilter { date: Some(date), limit: 100, ..ListFilter::default() };
    let since = chrono::NaiveDateTime::default();
    let (by_id, by_day) = (Question::Reservation(own), Question::list(&list).unwrap());
    let by_patient = Question::Patient { subjects: vec![subject], since, most: 200 };
    let by_times = Question::Days { from: date, to: date };
    // The planted fault, the field that shows it, whether its value may be shown, and whether free times depend on it.
    let faults = [
        ("status = 'NO_SHOW'", "status", true, true),
        (r#""timeSlotStart" = '05:55'"#, "time", true, true),
        (r#""estimatedDuration" = 7"#, "minutes", true, true),
        (r#""patientName" = '임꺽정'"#, "patient_name", false, false),
        ("notes = '임꺽정에게 전화'", "notes", false, false),
    ];
    for (planted, field, is_shown, concerns_times) in faults {
        let mut questions = vec![&by_id, &by_day, &by_patient];
        questions.extend(concerns_times.then_some(&by_times));
        let kept = "CREATE TABLE control.kept AS SELECT * FROM dynamic_1.reservations WHERE id = $1";
        client.execute(&kept.replace("$1", &format!("'{id}'")), &[]).await.unwrap();
        client
            .execute(&format!("UPDATE dynamic_1.reservations SET {planted} WHERE id = $1"), &[&id])
            .await
            .unwrap();
        for question in questions {
            let found = differences(&shadow, question).await;
            assert_eq!(found.len(), 1, "{question:?}: {found:?}");
            assert_eq!((found[0].reservation.as_deref(), &*found[0].field), (Some(&*id), field));
            assert_eq!(found[0].sides[0] != found[0].sides[1], is_shown, "{found:?}");
            assert!(!format!("{found:?}").contains("임꺽정"), "{found:?}");
        }
        assert_eq!(counts(&shadow.sample(COMPARES, |_| {}).await.unwrap()).1, 1);
        assert_eq!(counts(&shadow.self_test(ReadModel::Dynamic, 1_000, |_| {}).await.unwrap()), (1_000, 0));
        client
            .batch_execute(&format!(
                "DELETE FROM dynamic_1.reservations WHERE id = '{id}';
                 INSERT INTO dynamic_1.reservations SELECT * FROM control.kept; DROP TABLE control.kept"
            ))
            .await
            .unwrap();
        assert_eq!(differences(&shadow, &by_id).await, []);
    }
    client.execute("DELETE FROM dynamic_1.reservations WHERE id = $1", &[&id]).await.unwrap();
    let found = differences(&shadow, &by_id).await;
    assert_eq!(
        (&*found[0].field, found[0].sides.each_ref().map(|side| &**side)),
        ("reservation", ["there", "missing"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn views_at_different_positions_are_not_compared() {
    let (clinic, shadow, client) = clinic().await;
    let question = questions(&client).await.remove(0);
    clinic.stop_engine();
    let back = "UPDATE control.checkpoints SET commit_position = commit_position - 1 WHERE model = 'dynamic'";
    client.execute(back, &[]).await.unwrap();
    assert!(matches!(shadow.compare(&question).await.unwrap(), Outcome::Apart));
    client
        .execute("UPDATE control.generations SET state = 'kept' WHERE model = 'legacy'", &[])
        .await
        .unwrap();
    assert!(matches!(shadow.compare(&question).await.unwrap(), Outcome::Alone));
}

#[tokio::test(flavor = "multi_thread")]
async fn differences_are_bounded_by_age_and_number() {
    let (_clinic, shadow, client) = clinic().await;
    let fill = "INSERT INTO control.shadow_differences (found_at, route, field, legacy, dynamic, position)
        SELECT now() - $2::int * interval '1 day' - n * interval '1 ms', '/', 'status', 'a', 'b', 1
        FROM generate_series(1, $1::bigint) AS n";
    client.execute(fill, &[&(KEEP_DIFFERENCES + 500), &0]).await.unwrap();
    client.execute(fill, &[&500_i64, &365]).await.unwrap();
    shadow.prune().await.unwrap();
    let sql = "SELECT count(*), min(found_at) > now() - interval '1 hour' FROM control.shadow_differences";
    let row = client.query_one(sql, &[]).await.unwrap();
    assert!((KEEP_DIFFERENCES..=KEEP_DIFFERENCES + 1).contains(&row.get(0)), "{}", row.get::<_, i64>(0));
    assert!(row.get::<_, bool>(1));
}

fn window(model: ReadModel, requests: u64, failed: u64) -> Window {
    let durations = Durations::from_counts([requests]);
    let sum = ModelReadStats { requests, failed, durations, compared: 1, ..ModelReadStats::default() };
    Window { model, sum, by_share: requests }
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_of_all_processes_are_summed_and_those_before_a_change_are_excluded() {
    let clinic = Clinic::without_views().await.unwrap();
    let watch = ReadStatsStore::new(clinic.pool.clone());
    let (length, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
    let processes = [Uuid::now_v7(), Uuid::now_v7()];
    let write = async |process: Uuid, requests: u64| {
        let seen = [window(ReadModel::Legacy, requests, 0), window(ReadModel::Dynamic, requests * 2, 1)];
        watch.write(process, length, &seen).await.unwrap();
    };
    let client = clinic.database.connect().await.unwrap();
    write(processes[0], 1000).await;
    // Moves them a minute into the past.
    let earlier = "UPDATE control.read_windows SET ended_at = ended_at - interval '1 min', started_at = started_at - interval '1 min'";
    client.batch_execute(earlier).await.unwrap();
    write(processes[0], 100).await;
    write(processes[1], 10).await;
    let seen = watch.recent(length, hour).await.unwrap();
    let requests = |seen: &daybook_domain::routing::ReadStats| {
        (seen.legacy.requests, seen.dynamic.requests, seen.windows)
    };
    assert_eq!((requests(&seen.last), requests(&seen.longer)), ((110, 220, 2), (1110, 2220, 3)));
    assert_eq!((seen.last.dynamic.failed, seen.longer.dynamic.compared), (2, 3));
    assert_eq!(seen.longer.dynamic.durations.counts(), [2220]);
    // Reads have been routed this way for 90 seconds.
    let since = watch.recent(length, Duration::from_secs(90)).await.unwrap();
    assert_eq!(requests(&since.longer), (110, 220, 2));
    assert_eq!(requests(&watch.recent(length, Duration::ZERO).await.unwrap().longer), (0, 0, 0));

    client
        .batch_execute("UPDATE control.read_windows SET ended_at = ended_at - interval '61 days'")
        .await
        .unwrap();
    write(processes[1], 1).await;
    watch.prune().await.unwrap();
    let left: i64 = client.query_one("SELECT count(*) FROM control.read_windows", &[]).await.unwrap().get(0);
    assert_eq!(left, 2);
}
