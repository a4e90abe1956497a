//! Invalid input is refused with a 4xx, a code and a helpful text. It never causes a 5xx or an append.

use daybook_tests::app::{App, spawn_app};
use serde_json::{Value, json};

use crate::client::{Response, form, form_with, send};

const BOOKING: &str = "/api/public/reservations";

async fn post_booking(app: &App, body: impl Into<reqwest::Body>) -> Response {
    send(app.post(BOOKING).header("content-type", "application/json").body(body)).await
}

/// Sends a body and asserts that it is refused with this status and code, in both languages, and that nothing is appended.
async fn refused(app: &App, body: Vec<u8>, status: u16, code: &str) -> Value {
    let head = app.clinic.log.head().await.unwrap();
    let korean = post_booking(app, body.clone()).await;
    let english = app.post(BOOKING).header("accept-language", "en").body(body);
    let english = send(english).await;
    assert_eq!((korean.status.as_u16(), korean.code()), (status, code), "{}", korean.json);
    assert_eq!((english.status.as_u16(), english.code()), (status, code), "{}", english.json);
    for text in ["error", "message"] {
        assert!(!korean.json[text].as_str().unwrap().is_empty(), "{}", korean.json);
    }
    assert_ne!(korean.json["message"], english.json["message"]);
    assert_eq!(app.clinic.log.head().await.unwrap(), head, "{code}: nothing is appended");
    korean.json
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_a_json_object_is_refused() {
    let app = spawn_app().await.unwrap();
    let mut with_invalid_utf8 = form().to_string().into_bytes();
    let at = with_invalid_utf8.iter().position(|byte| *byte > 127).unwrap();
    with_invalid_utf8[at] = 0xff;
    let doubled = form().to_string().replacen('{', "{\"phone\":\"010-0000-0000\",", 1);
    let doubled_unknown = form().to_string().replacen('{', "{\"x\":1,\"x\":1,", 1);
    for body in [
        b"".to_vec(),
        b"{".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"\"text\"".to_vec(),
        format!("{} ", form()).replacen('}', "", 1).into_bytes(),
        format!("{}{}", form(), form()).into_bytes(),
        with_invalid_utf8,
        doubled.into_bytes(),
        doubled_unknown.into_bytes(),
        "[".repeat(50_000).into_bytes(),
    ] {
        refused(&app, body, 400, "INVALID_JSON").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_the_wrong_type_are_refused() {
    let app = spawn_app().await.unwrap();
    for (field, wrong) in [
        ("patient_name", json!(1)),
        ("phone", json!(1_012_345_678)),
        ("birth_date", json!(["1990-01-01"])),
        ("preferred_time", json!(true)),
        ("notes", json!({"text": "x"})),
        ("email", json!(0.5)),
    ] {
        let response =
            refused(&app, form_with(json!({field: wrong})).to_string().into(), 400, "INVALID_JSON").await;
        assert_eq!(response["field"], field);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_missing_fields_are_named() {
    let app = spawn_app().await.unwrap();
    let empty = refused(&app, b"{}".to_vec(), 400, "MISSING_FIELDS").await;
    insta::assert_json_snapshot!(empty, {".requestId" => "[id]"});
    let blank = form_with(json!({"patient_name": "  ", "phone": ""}));
    let blank = refused(&app, blank.to_string().into(), 400, "MISSING_FIELDS").await;
    assert_eq!(blank["fields"], json!(["patient_name", "phone"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_is_validated() {
    let app = spawn_app().await.unwrap();
    for (fields, code) in [
        (json!({"preferred_date": "2027-02-30"}), "INVALID_DATE_FORMAT"),
        (json!({"preferred_date": "01.12.2026"}), "INVALID_DATE_FORMAT"),
        (json!({"preferred_date": "2026-12-1"}), "INVALID_DATE_FORMAT"),
        (json!({"birth_date": "1990-13-01"}), "INVALID_DATE_FORMAT"),
        (json!({"birth_date": "2030-01-01"}), "INVALID_DATE_FORMAT"),
        (json!({"birth_date": "1800-01-01"}), "INVALID_DATE_FORMAT"),
        (json!({"phone": "call me"}), "INVALID_PHONE"),
        (json!({"phone": "010"}), "INVALID_PHONE"),
        (json!({"phone": format!("010-1234-5678{}", "-".repeat(500))}), "INVALID_PHONE"),
        (json!({"email": "nobody"}), "INVALID_EMAIL"),
        (json!({"email": "a@b"}), "INVALID_EMAIL"),
        (json!({"gender": "female"}), "INVALID_GENDER"),
        (json!({"treatment_type": "SECOND"}), "INVALID_TREATMENT_TYPE"),
        (json!({"service": "UNHEARD_OF"}), "UNKNOWN_SERVICE"),
        (json!({"service": "'; DROP TABLE services; --"}), "UNKNOWN_SERVICE"),
        (json!({"patient_name": "김".repeat(101)}), "INVALID_TEXT"),
        (json!({"patient_name": "김\u{0}"}), "INVALID_TEXT"),
        (json!({"notes": "x".repeat(2001)}), "INVALID_TEXT"),
        (json!({"notes": "\u{7}"}), "INVALID_TEXT"),
        (json!({"preferred_time": "시".repeat(201)}), "INVALID_TEXT"),
        (json!({"time_slot_start": "9시"}), "INVALID_TIME"),
        (json!({"preferred_time": null, "period": "EVENING"}), "INVALID_PERIOD"),
    ] {
        refused(&app, form_with(fields).to_string().into(), 400, code).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_or_time_outside_the_bookable_range_is_refused() {
    let app = spawn_app().await.unwrap();
    for (fields, code) in [
        (json!({"preferred_date": "2026-11-19"}), "DATE_IN_PAST"),
        (json!({"preferred_date": "2027-11-22"}), "DATE_TOO_FAR"),
        (json!({"preferred_date": "9999-12-31"}), "DATE_TOO_FAR"),
        (json!({"preferred_date": "0000-01-01"}), "DATE_IN_PAST"),
        (json!({"preferred_date": "2026-11-20", "preferred_time": "09:30"}), "TIME_IN_PAST"),
        (json!({"preferred_date": "2026-12-06"}), "NO_CLINIC_HOURS"),
        (json!({"preferred_time": "08:30"}), "OUTSIDE_CLINIC_HOURS"),
        (json!({"preferred_time": "13:00"}), "OUTSIDE_CLINIC_HOURS"),
        (
            json!({"preferred_date": "2026-12-05", "preferred_time": null, "period": "AFTERNOON"}),
            "OUTSIDE_CLINIC_HOURS",
        ),
    ] {
        refused(&app, form_with(fields).to_string().into(), 400, code).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused() {
    let app = spawn_app().await.unwrap();
    for bytes in [65 * 1024, 1024 * 1024] {
        let body = form_with(json!({"notes": "x".repeat(bytes)})).to_string().into_bytes();
        refused(&app, body, 413, "PAYLOAD_TOO_LARGE").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_header_is_refused_by_name() {
    let app = spawn_app().await.unwrap();
    for (header, value, rule) in [
        ("Idempotency-Key", "two words".to_owned(), "1 to 200 characters of visible ASCII"),
        ("Idempotency-Key", "x".repeat(201), "1 to 200 characters of visible ASCII"),
        ("Daybook-Client", "x".repeat(101), "1 to 100 characters of visible ASCII"),
        ("Daybook-At-Least", "soon".to_owned(), "the Daybook-Position of a response"),
    ] {
        let head = app.clinic.log.head().await.unwrap();
        let refused = send(app.post(BOOKING).header(header, value).json(&form())).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "INVALID_HEADER"));
        assert_eq!((&refused.json["header"], &refused.json["rule"]), (&json!(header), &json!(rule)));
        assert_eq!(app.clinic.log.head().await.unwrap(), head);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_are_validated() {
    let app = spawn_app().await.unwrap();
    let public = "/api/public";
    for (path, status, code) in [
        ("reservations/time-slots", 400, "MISSING_FIELDS"),
        ("reservations/time-slots?service=SKIN_CARE", 400, "MISSING_FIELDS"),
        ("reservations/time-slots?service=SKIN_CARE&date=2027-02-30", 400, "INVALID_DATE"),
        ("reservations/time-slots?service=SKIN_CARE&date=2036-02-01", 400, "DATE_TOO_FAR"),
        ("reservations/time-slots?service=SKIN_CARE&date=2026-12-06", 400, "NO_CLINIC_HOURS"),
        ("reservations/time-slots?service=NONE&date=2026-12-01", 404, "SERVICE_NOT_FOUND"),
        ("reservations/time-slots?service=A&service=B&date=2026-12-01", 400, "INVALID_QUERY"),
        ("reservations/availability?date=2026-12-01", 400, "MISSING_FIELDS"),
        ("reservations/availability?date=x&serviceType=SKIN_CARE", 400, "INVALID_DATE"),
        (
            "reservations/availability?date=2026-12-01&serviceType=SKIN_CARE&service=NONE",
            400,
            "INVALID_FIELD",
        ),
        ("reservation-status?year=2026", 400, "MISSING_FIELDS"),
        ("reservation-status?year=2026&month=13", 400, "INVALID_DATE"),
        ("reservation-status?year=1&month=1", 400, "INVALID_DATE"),
        ("services?code=NONE", 404, "SERVICE_NOT_FOUND"),
        ("services?active=maybe", 400, "INVALID_QUERY"),
        ("nothing-here", 404, "ROUTE_NOT_FOUND"),
    ] {
        let refused = send(app.get(&format!("{public}/{path}"))).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (status, code), "{path}: {}", refused.json);
    }
    for path in ["time-slots?date=x", "availability?date=x"] {
        let refused = send(app.get(&format!("{public}/reservations/{path}"))).await;
        assert_eq!(
            refused.json["details"]["fields"].as_array().map(Vec::len),
            Some(2),
            "all at once: {}",
            refused.json
        );
    }
}
