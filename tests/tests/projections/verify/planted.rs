//! Faults planted into the tables of the views, as a bug in a projector would cause them.

use chrono::NaiveDate;
use daybook_commands::ReservationChange;
use daybook_domain::ReadModel;
use daybook_event_log::StreamName;
use daybook_projections::{Days, MAX_DIFFERENCES};
use daybook_tests::bench::history;
use daybook_tests::clinic::{Clinic, desk, request};

use super::{assert_written_by, events_of, full, generation, quick, sides};

/// A service that no test removes from the catalog, with a high daily limit.
const SERVICE: &str = "srv_wrinkle_botox";
const DAY: &str = "2026-12-10";

/// A clinic whose views contain bookings of this many patients on one day.
async fn clinic_with_bookings(patients: u32) -> Clinic {
    let clinic = Clinic::open().await.unwrap();
    for patient in 0..patients {
        let new_reservation = request(patient, SERVICE, DAY, "오전", ReadModel::Legacy);
        let _ = clinic.commands.request(new_reservation, desk()).await;
    }
    clinic.wait_for_views().await.unwrap();
    clinic
}

fn day() -> NaiveDate {
    DAY.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_wrong_field_in_10_000_reservations_is_found_with_its_event() {
    let clinic = Clinic::without_views().await.unwrap();
    let history = history::write(&clinic, 10_000).await.unwrap();
    clinic.rebuild().missing().await.unwrap();
    clinic.start_engine();
    clinic.wait_for_views().await.unwrap();
    assert!(full(&clinic).await.agrees());

    // One in ten of these was requested, confirmed and noted.
    let id = &history.reservations[5005];
    let client = clinic.database.connect().await.unwrap();
    let bug = format!(
        "CREATE FUNCTION bug() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN NEW.status := 'NO_SHOW'; RETURN NEW; END $$;
         CREATE TRIGGER bug BEFORE INSERT OR UPDATE ON dynamic_1.reservations
             FOR EACH ROW WHEN (NEW.id = '{}') EXECUTE FUNCTION bug()",
        id.as_str()
    );
    client.batch_execute(&bug).await.unwrap();
    let find = r#"SELECT "preferredDate" FROM legacy_1.reservations WHERE id = $1"#;
    let date: NaiveDate = client.query_one(find, &[&id.as_str()]).await.unwrap().get(0);
    let note = || ReservationChange::WriteAdminNote("비밀 메모".to_owned());
    clinic.commands.change(date, id.clone(), None, note(), desk()).await.unwrap();
    clinic.wait_for_views().await.unwrap();

    let verdict = full(&clinic).await;
    assert!(!verdict.agrees(), "{verdict:?}");
    assert_eq!(verdict.reservations["legacy_1"], 10_000);
    assert_eq!((verdict.differing, verdict.differences.len()), (1, 1));
    let named = Days { total: 1, first: vec![date] };
    assert_eq!((&verdict.differing_days, &verdict.wrong_digests), (&named, &named));
    let difference = &verdict.differences[0];
    assert_eq!((difference.reservation.as_str(), difference.date), (id.as_str(), date));
    assert_eq!(difference.wrong, [generation("dynamic_1")]);
    assert_eq!(difference.fields.len(), 1);
    let [legacy, dynamic] = sides(difference, "status");
    assert_eq!((legacy.value.as_str(), legacy.replayed.as_str()), ("CONFIRMED", "CONFIRMED"));
    assert_eq!((dynamic.value.as_str(), dynamic.replayed.as_str()), ("NO_SHOW", "CONFIRMED"));
    let events = events_of(&clinic, &StreamName::page(date), id.as_str()).await;
    let confirmed = events.iter().rfind(|event| &*event.event_type == "ReservationConfirmed").unwrap();
    assert_written_by(legacy.written_by.as_ref(), confirmed);
    assert_written_by(dynamic.written_by.as_ref(), confirmed);
    assert!(!format!("{verdict:?}").contains("비밀"));

    // The row is wrong, but its stored digest is still that of the right row, so only a full comparison finds it. The
    // next update computes the digest from the wrong row.
    assert!(quick(&clinic).await.agrees());
    clinic.commands.change(date, id.clone(), None, note(), desk()).await.unwrap();
    clinic.wait_for_views().await.unwrap();
    let quick = quick(&clinic).await;
    assert_eq!((quick.differing, &quick.differing_days), (1, &named), "{quick:?}");
    assert_eq!(quick.differences[0].reservation, id.as_str());
    assert_eq!(quick.differences[0].wrong, [generation("dynamic_1")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_field_is_found_without_showing_patient_details() {
    let clinic = clinic_with_bookings(20).await;
    let client = clinic.database.connect().await.unwrap();
    let changed = client
        .query_one(
            r#"UPDATE dynamic_1.reservations SET status = 'CONFIRMED', "patientName" = 'Somebody Else'
               WHERE id = (SELECT min(id) FROM dynamic_1.reservations) RETURNING id"#,
            &[],
        )
        .await
        .unwrap();
    let verdict = full(&clinic).await;
    assert!(!verdict.agrees() && !verdict.wrong_digests.is_empty());
    assert_eq!(verdict.differing, 1);
    let difference = &verdict.differences[0];
    assert_eq!(difference.reservation, changed.get::<_, String>(0));
    let [legacy, dynamic] = sides(difference, "status");
    assert_eq!((legacy.value.as_str(), dynamic.value.as_str()), ("PENDING", "CONFIRMED"));
    let [legacy, dynamic] = sides(difference, "patient_name");
    for side in [legacy, dynamic] {
        assert_eq!((side.value.as_str(), side.replayed.as_str()), ("(not shown)", "(not shown)"));
        assert_eq!(side.written_by.as_ref().map(|event| &*event.kind), Some("ReservationRequested"));
    }
    for report in [format!("{verdict:?}"), serde_json::to_string(&verdict).unwrap()] {
        assert!(
            !report.contains("Somebody") && !report.contains('홍') && !report.contains("주차"),
            "{report}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_missing_in_one_view_is_found_with_its_first_event() {
    let clinic = clinic_with_bookings(1).await;
    let client = clinic.database.connect().await.unwrap();
    let gone = client.query_one("DELETE FROM legacy_1.reservations RETURNING id", &[]).await.unwrap();
    let id: String = gone.get(0);
    let verdict = full(&clinic).await;
    assert_eq!((verdict.differing, verdict.agrees()), (1, false));
    let difference = &verdict.differences[0];
    assert_eq!((difference.date, difference.wrong.as_slice()), (day(), &[generation("legacy_1")][..]));
    let [legacy, dynamic] = sides(difference, "reservation");
    assert_eq!((legacy.value.as_str(), legacy.replayed.as_str()), ("missing", "there"));
    assert_eq!((dynamic.value.as_str(), dynamic.replayed.as_str()), ("there", "there"));
    let events = events_of(&clinic, &StreamName::page(day()), &id).await;
    assert_written_by(legacy.written_by.as_ref(), &events[0]);
    assert_written_by(dynamic.written_by.as_ref(), &events[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_without_an_event_is_attributed_to_the_view_that_has_it() {
    let clinic = clinic_with_bookings(1).await;
    let client = clinic.database.connect().await.unwrap();
    let invent =
        "INSERT INTO legacy_1.reservations SELECT (jsonb_populate_record(r, '{\"id\":\"res_invented\"}')).*
                  FROM legacy_1.reservations r";
    client.batch_execute(invent).await.unwrap();
    let verdict = full(&clinic).await;
    let difference = &verdict.differences[0];
    assert_eq!((verdict.differing, difference.reservation.as_str()), (1, "res_invented"));
    assert_eq!(difference.wrong, [generation("legacy_1")]);
    let [legacy, dynamic] = sides(difference, "reservation");
    assert_eq!((legacy.value.as_str(), legacy.replayed.as_str()), ("there", "missing"));
    assert!(legacy.written_by.is_none() && dynamic.written_by.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn details_not_erased_in_one_view_are_found_with_the_event_that_forgot_the_patient() {
    let clinic = clinic_with_bookings(2).await;
    let client = clinic.database.connect().await.unwrap();
    let keep = "CREATE TABLE kept AS SELECT id, \"patientName\", notes FROM legacy_1.reservations";
    client.batch_execute(keep).await.unwrap();
    let forgotten = request(0, SERVICE, DAY, "오전", ReadModel::Legacy).phone;
    clinic.commands.forget(&forgotten, desk()).await.unwrap();
    clinic.wait_for_views().await.unwrap();
    let undo = r#"UPDATE legacy_1.reservations r SET "patientName" = k."patientName", notes = k.notes
                  FROM kept k WHERE k.id = r.id"#;
    client.batch_execute(undo).await.unwrap();
    let verdict = full(&clinic).await;
    assert_eq!(verdict.differing, 1, "{verdict:?}");
    let difference = &verdict.differences[0];
    assert_eq!(difference.wrong, [generation("legacy_1")]);
    for field in ["patient_name", "notes"] {
        let by = sides(difference, field)[0].written_by.as_ref().unwrap();
        assert_eq!((&*by.kind, by.stream.page_date()), ("SubjectForgotten", None));
    }
    assert!(!format!("{verdict:?}").contains('홍'));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_stored_digest_is_found_although_all_rows_are_right() {
    let clinic = clinic_with_bookings(5).await;
    let client = clinic.database.connect().await.unwrap();
    let damage = "UPDATE dynamic_1.day_digests SET digest = gen_random_uuid()";
    client.batch_execute(damage).await.unwrap();
    let named = Days { total: 1, first: vec![day()] };
    let full = full(&clinic).await;
    assert!(!full.agrees() && full.differing == 0 && full.differing_days.is_empty(), "{full:?}");
    assert_eq!(full.wrong_digests, named);
    let quick = quick(&clinic).await;
    assert!(!quick.agrees() && quick.differing == 0, "{quick:?}");
    assert_eq!((quick.differing_days, quick.wrong_digests), (named.clone(), named));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_differences_are_listed_up_to_a_limit_and_counted_in_full() {
    let clinic = Clinic::without_views().await.unwrap();
    history::write(&clinic, 2_000).await.unwrap();
    clinic.rebuild().missing().await.unwrap();
    let client = clinic.database.connect().await.unwrap();
    client.batch_execute("UPDATE dynamic_1.reservations SET version = version + 1").await.unwrap();
    let verdict = full(&clinic).await;
    assert_eq!((verdict.differing, verdict.differences.len()), (2_000, MAX_DIFFERENCES));
    assert_eq!((verdict.differing_days.total, verdict.differing_days.first.len()), (25, 20));
    for difference in &verdict.differences {
        let [legacy, dynamic] = sides(difference, "version");
        assert_eq!(difference.wrong, [generation("dynamic_1")]);
        assert_eq!(legacy.value, dynamic.replayed);
    }
}
