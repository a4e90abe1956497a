//! Events that no view can hold, or that fail for a reason that nobody foresaw: each is parked alone, whatever the error
//! and the batch, and a rebuild treats it as the live views do. An outage parks nothing.

use daybook_domain::ReadModel;
use daybook_event_log::Position;
use daybook_projections::{ViewError, generation};
use daybook_tests::clinic::{Clinic, PATIENCE};
use tokio::time::Instant;

use super::damage::*;
use super::discarding::discard;
use crate::history::{contents, live};

/// Appends an event as an earlier release did, without asking the write side. Returns its position.
async fn plant(clinic: &Clinic, stream: &str, kind: &str, payload: &str) -> i64 {
    let sql = "INSERT INTO event_log.events (position, revision, event_id, stream, kind, payload, metadata)
               SELECT max(position) + 1,
                      (SELECT coalesce(max(revision) + 1, 0) FROM event_log.events WHERE stream = $1),
                      gen_random_uuid(), $1, $2, $3::text::json, (SELECT metadata FROM event_log.events LIMIT 1)
               FROM event_log.events RETURNING position";
    let client = clinic.database.connect().await.unwrap();
    client.query_one(sql, &[&stream, &kind, &payload]).await.unwrap().get(0)
}

fn opening_hours(id: &str, start: &str, end: &str, from: &str) -> String {
    format!(
        r#"{{"id":"{id}","period":"MORNING","start":"{start}","end":"{end}","slot_interval":30,"max_concurrent":1,
            "service":null,"effective_from":{from},"effective_until":null}}"#
    )
}

async fn plant_hours(clinic: &Clinic, day: u8, slots: &[String]) -> i64 {
    let payload = format!(r#"{{"day_of_week":{day},"slots":[{}]}}"#, slots.join(","));
    plant(clinic, "hours-main", "ClinicHoursSet", &payload).await
}

async fn plant_service(clinic: &Clinic, code: &str, price: u32) -> i64 {
    let id = format!("srv_{}", code.to_lowercase());
    let payload = format!(
        r#"{{"service":"{id}","code":"{code}","legacy":null,"name":"이름","name_en":null,"description":null,"category":null,
            "duration":30,"buffer":5,"base_price":{price},"display_order":9}}"#
    );
    plant(clinic, "catalog-main", "ServiceDefined", &payload).await
}

async fn plant_closure(clinic: &Clinic, date: &str, id: &str, reason: &str) -> i64 {
    let payload = format!(
        r#"{{"closure":"{id}","date":"{date}","start":"14:00","end":"15:00","service":null,"reason":{reason}}}"#
    );
    plant(clinic, "daybook-2026-12-28", "TimeClosed", &payload).await
}

/// The positions of the failed events of one generation. Those that only wait are left out.
async fn failed(clinic: &Clinic, generation: &str) -> Vec<i64> {
    let rows = parked(clinic).await;
    let failed = rows.iter().filter(|row| row.generation == generation && row.cause.is_some());
    failed.map(|row| row.position).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_no_view_can_hold_are_parked_and_bookings_and_rebuilds_go_on() {
    let clinic = idle_clinic().await;
    let first = opening_hours("slot_a", "09:00", "12:00", "null");
    let second = opening_hours("slot_a", "14:00", "18:00", "null");
    let poison = [
        plant_closure(&clinic, "0000-01-01", "c_zero", "null").await,
        plant_closure(&clinic, "-0004-01-01", "c_negative", "null").await,
        plant_closure(&clinic, "+12026-01-01", "c_five_digits", "null").await,
        plant_closure(&clinic, "2026-12-28", "c_nul", r#""a\u0000b""#).await,
        plant_hours(&clinic, 0, &[first, second]).await,
    ];
    let price = plant_service(&clinic, "PREMIUM_CARE", 3_000_000_000).await;
    let sound = plant_closure(&clinic, "2026-12-28", "c_sound", "null").await;
    let booked = book(&clinic, 1, None).await;
    let engine = RunningEngine::start(&clinic, "first");
    clinic.wait_for_views().await.unwrap();
    assert_eq!(failed(&clinic, "legacy_1").await, poison, "it has no row of a service without an enum value");
    assert_eq!(failed(&clinic, "dynamic_1").await, [&poison[..], &[price]].concat());
    assert!(!parked(&clinic).await.iter().any(|row| row.position == sound));
    for model in ReadModel::ALL {
        assert!(ids(&clinic, model).await.contains(booked.as_str()), "{model}");
    }

    let before = shown(&clinic).await;
    let report = clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
    assert_eq!((report.parked.failing, report.parked.waiting), (6, 0), "{report:?}");
    assert!(!report.compared, "the views lack different events");
    assert_eq!(shown(&clinic).await, before);
    assert_eq!(failed(&clinic, "legacy_2").await, poison);
    for position in [&poison[..], &[price]].concat() {
        clinic
            .rebuild()
            .discard(
                Position::from_parts(position, position).unwrap(),
                &super::discarding::decision(),
                &|_| {},
            )
            .await
            .unwrap();
    }
    assert_eq!(parked(&clinic).await, []);
    let report = clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
    assert_eq!((report.compared, report.parked.failing), (true, 0), "{report:?}");
    let verdict = daybook_projections::verify(&*clinic.log, &clinic.vault, &clinic.pool).await.unwrap();
    assert!(verdict.agrees() && verdict.parked.is_empty(), "{verdict:?}");
    engine.stop().await;
}

/// An earlier release accepted this time for a row of a day that was over. The two views would show different ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_at_the_end_of_a_day_is_parked_until_it_is_discarded() {
    let clinic = idle_clinic().await;
    let booked = book(&clinic, 1, None).await;
    let stream = stream_of(&clinic, booked.as_str()).await;
    let mut planted = Vec::new();
    for kind in ["ReservationRescheduled", "ReservationTimeAssigned"] {
        let payload = format!(
            r#"{{"reservation":"{booked}","placement":{{"at":{{"start":"24:00","period":"AFTERNOON"}}}}}}"#
        );
        planted.push(plant(&clinic, &stream, kind, &payload).await);
    }
    let engine = RunningEngine::start(&clinic, "first");
    clinic.wait_for_views().await.unwrap();
    for generation in ["legacy_1", "dynamic_1"] {
        assert_eq!(failed(&clinic, generation).await, planted);
    }
    for position in planted {
        let position = Position::from_parts(position, position).unwrap();
        clinic.rebuild().discard(position, &super::discarding::decision(), &|_| {}).await.unwrap();
    }
    assert_eq!(parked(&clinic).await, []);
    let report = clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
    assert_eq!((report.compared, report.parked.failing), (true, 0), "{report:?}");
    engine.stop().await;
}

async fn stream_of(clinic: &Clinic, reservation: &str) -> String {
    let client = clinic.database.connect().await.unwrap();
    let sql = "SELECT stream FROM event_log.events WHERE payload->>'reservation' = $1 LIMIT 1";
    client.query_one(sql, &[&reservation]).await.unwrap().get(0)
}

/// An event that one view alone cannot hold is parked there, and stops no rebuild: neither its own nor the other view's.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_one_view_cannot_hold_leaves_the_other_view_whole() {
    let clinic = idle_clinic().await;
    let price = plant_service(&clinic, "PREMIUM_CARE", 3_000_000_000).await;
    book(&clinic, 1, None).await;
    let engine = RunningEngine::start(&clinic, "first");
    clinic.wait_for_views().await.unwrap();
    assert_eq!(
        (failed(&clinic, "legacy_1").await, failed(&clinic, "dynamic_1").await),
        (vec![], vec![price])
    );
    let before = shown(&clinic).await;
    for models in [&[ReadModel::Legacy][..], &[ReadModel::Dynamic], &ReadModel::ALL] {
        let report = clinic.rebuild().run(models, &|_| {}).await.unwrap();
        assert_eq!(shown(&clinic).await, before, "{models:?}");
        let parks = models.contains(&ReadModel::Dynamic);
        assert_eq!(report.parked.failing, u64::from(parks), "{models:?} {report:?}");
    }
    engine.stop().await;
}

/// A later event of the same batch replaces what the view cannot hold, so PostgreSQL never sees it.
#[tokio::test(flavor = "multi_thread")]
async fn a_poison_event_is_parked_even_if_a_later_event_of_its_batch_undoes_it() {
    for together in [true, false] {
        let clinic = idle_clinic().await;
        let engine = (!together).then(|| RunningEngine::start(&clinic, "first"));
        let monday = opening_hours("cts_mon_morning", "09:00", "12:00", "null");
        let copied = plant_hours(&clinic, 0, &[monday]).await;
        if !together {
            clinic.wait_for_views().await.unwrap();
        }
        let undone = plant_hours(&clinic, 0, &[]).await;
        let engine = engine.unwrap_or_else(|| RunningEngine::start(&clinic, "first"));
        clinic.wait_for_views().await.unwrap();
        let found = parked(&clinic).await;
        assert_eq!(positions(&found, "legacy_1"), [copied, undone], "{found:?}");
        assert!(found.iter().all(|row| row.held_up == "hours-main"), "{found:?}");
        assert!(found.iter().any(|row| row.cause.as_deref().is_some_and(|cause| cause.contains("21000"))));
        assert_as_rebuilt(&clinic).await;
        assert_eq!(positions(&parked(&clinic).await, "dynamic_2"), [copied, undone]);
        let verdict = daybook_projections::verify(&*clinic.log, &clinic.vault, &clinic.pool).await.unwrap();
        assert!(verdict.agrees() && verdict.parked.len() == 2, "{verdict:?}");
        discard(&clinic, copied).await.unwrap();
        assert_eq!(parked(&clinic).await, []);
        assert_as_rebuilt(&clinic).await;
        engine.stop().await;
    }
}

/// Makes the live views refuse reservations: those of one patient, or all.
async fn refuse(clinic: &Clinic, patient: Option<u32>, code: &str) {
    let client = clinic.database.connect().await.unwrap();
    let phone = patient.map(|patient| format!("NEW.phone = '010-1000-{patient:04}'"));
    let condition = phone.unwrap_or_else(|| "true".to_owned());
    for model in ReadModel::ALL {
        let schema = live(clinic, model).await.schema();
        let name = format!("refuse_{}", code.to_lowercase());
        let ddl = format!(
            "CREATE FUNCTION {schema}.{name}() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF {condition} THEN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END IF; RETURN NEW; END $$;
             CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON {schema}.reservations
             FOR EACH ROW EXECUTE FUNCTION {schema}.{name}()"
        );
        client.batch_execute(&ddl).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_fails_again_and_again_is_parked_whatever_its_sqlstate() {
    let clinic = idle_clinic().await;
    let codes = ["P0001", "0A000", "21000", "40001", "42501", "55000", "57014", "XX000"];
    let mut booked = Vec::new();
    for (patient, code) in (0..).zip(codes) {
        refuse(&clinic, Some(patient), code).await;
    }
    for patient in 0..12 {
        booked.push(book(&clinic, patient, None).await);
    }
    let engine = RunningEngine::start(&clinic, "first");
    clinic.wait_for_views().await.unwrap();
    let found = parked(&clinic).await;
    assert_eq!(found.len(), 2 * codes.len(), "{found:?}");
    for (id, code) in booked.iter().zip(codes) {
        let is_named = |row: &Row| row.cause.as_deref().is_some_and(|cause| cause.contains(code));
        assert_eq!(
            found.iter().filter(|row| row.held_up == id.as_str() && is_named(row)).count(),
            2,
            "{code}"
        );
    }
    let others = booked[codes.len()..].iter().map(ToString::to_string).collect();
    for model in ReadModel::ALL {
        assert_eq!(ids(&clinic, model).await, others);
    }
    engine.stop().await;
}

/// However often a batch fails: an outage is no event's fault, and no view's.
#[tokio::test(flavor = "multi_thread")]
async fn views_that_an_outage_stops_park_nothing_and_catch_up_later() {
    let clinic = idle_clinic().await;
    book(&clinic, 1, None).await;
    refuse(&clinic, None, "53100").await;
    let engine = RunningEngine::start(&clinic, "first");
    wait_for_tries(&clinic, 12).await;
    assert_eq!(parked(&clinic).await, []);
    let client = clinic.database.connect().await.unwrap();
    for model in ReadModel::ALL {
        let schema = live(&clinic, model).await.schema();
        client.batch_execute(&format!("DROP FUNCTION {schema}.refuse_53100() CASCADE")).await.unwrap();
    }
    clinic.wait_for_views().await.unwrap();
    assert_eq!(parked(&clinic).await, []);
    engine.stop().await;
    assert_as_rebuilt(&clinic).await;
}

/// Waits until a leader has failed and started again this often.
async fn wait_for_tries(clinic: &Clinic, tries: usize) {
    let client = clinic.pool.get().await.unwrap();
    let mut seen = std::collections::BTreeSet::new();
    let deadline = Instant::now() + PATIENCE;
    while seen.len() <= tries {
        assert!(Instant::now() < deadline, "only {} leaders", seen.len());
        seen.extend(daybook_projections::leader::current(&client).await.unwrap().map(|leader| leader.epoch));
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// A row that nobody can read holds up its own reservation only.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_with_an_unknown_format_parks_the_events_about_it() {
    let clinic = idle_clinic().await;
    let (broken, sound) = (book(&clinic, 1, None).await, book(&clinic, 2, None).await);
    let engine = RunningEngine::start(&clinic, "first");
    clinic.wait_for_views().await.unwrap();
    let client = clinic.database.connect().await.unwrap();
    let sql = r#"UPDATE legacy_1.reservations SET "createdAt" = '10000-01-01' WHERE id = $1"#;
    client.execute(sql, &[&broken.as_str()]).await.unwrap();
    for (patient, id) in [(1, &broken), (2, &sound)] {
        change(&clinic, patient, id, daybook_commands::ReservationChange::Confirm).await;
    }
    clinic.wait_for_views().await.unwrap();
    let found = parked(&clinic).await;
    let [row] = &*found else { panic!("{found:?}") };
    assert_eq!((row.generation.as_str(), row.held_up.as_str()), ("legacy_1", broken.as_str()));
    engine.stop().await;
}

/// A first start has no view to lose: it comes up without the event. A rebuild beside a whole live view stops at it.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_parks_and_a_rebuild_beside_a_whole_view_stops() {
    let clinic = Clinic::without_views().await.unwrap();
    let poison = plant_closure(&clinic, "0000-01-01", "c_zero", "null").await;
    let booked = book(&clinic, 1, None).await;
    let built = clinic.rebuild().missing().await.unwrap().unwrap();
    assert_eq!((built.parked.failing, built.compared), (1, true), "{built:?}");
    assert_eq!(failed(&clinic, "legacy_1").await, [poison]);
    assert!(ids(&clinic, ReadModel::Dynamic).await.contains(booked.as_str()));

    let later = plant_closure(&clinic, "0000-02-02", "c_later", "null").await;
    let stopped = clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap_err();
    let ViewError::Event { position, kind, .. } = &stopped else { panic!("{stopped:?}") };
    assert_eq!((position.to_parts().0, &**kind), (later, "TimeClosed"));
    let statuses = generation::list(&clinic.pool.get().await.unwrap()).await.unwrap();
    for status in statuses.iter().filter(|status| status.generation.number > 1) {
        assert!(contents(&clinic, status.generation).await.is_empty(), "{status:?} keeps no rows");
    }
    let engine = RunningEngine::start(&clinic, "first");
    clinic.wait_for_views().await.unwrap();
    let rebuilt = clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
    assert_eq!(rebuilt.parked.failing, 2, "the live views lack it by now");
    engine.stop().await;
}
