//! A stream with an event that nobody can decode: what depends on it is answered 503 with the way out, and the rest works.

use std::fmt::Debug;

use daybook_event_log::{EventId, EventType, Expected, NewEvent, Revision, StreamName};
use daybook_tests::app::App;
use futures_util::TryStreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Response, app_on, book, form, form_with, get, reservation_id, send_json};

const CLOSE: &str = "/api/admin/manual-close";

/// Appends an event behind a stream's last one. Returns its position.
async fn plant(app: &App, stream: &StreamName, event_type: &'static str, payload: &str) -> String {
    let events = app.clinic.log.read_stream(stream, Revision::FIRST).await.unwrap();
    let last = events.try_collect::<Vec<_>>().await.unwrap().pop().unwrap();
    let event = NewEvent {
        id: EventId(Uuid::now_v7()),
        event_type: EventType::named(event_type),
        payload: payload.as_bytes().to_vec().into(),
        metadata: last.metadata.clone(),
    };
    let appended = app.clinic.log.append(stream, Expected::Exact(last.revision), vec![event]).await.unwrap();
    appended.position.to_string()
}

#[track_caller]
fn assert_names_the_event(refused: &Response, position: &str, what: impl Debug) {
    assert_eq!((refused.status.as_u16(), refused.code()), (503, "UNREADABLE_EVENT"), "{what:?}");
    assert_eq!(refused.json["position"], position, "{what:?}");
    // The commands are for the operator, whom the log and `daybook status` tell them.
    let message = refused.json["message"].as_str().unwrap();
    assert!(message.contains(position) && !message.contains("daybook"), "{what:?}: {message}");
    assert!(!refused.json.to_string().contains("홍길동"), "{what:?}: {}", refused.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_with_an_event_that_cannot_be_decoded_is_answered_with_its_position() {
    let app = app_on("legacy").await;
    let id = reservation_id(&book(&app, &form()).await.ok());
    app.clinic.wait_for_views().await.unwrap();
    let day = StreamName::page("2026-12-01".parse().unwrap());
    let position = plant(&app, &day, "ReservationTeleported", r#"{"patient_name":"홍길동"}"#).await;
    app.clinic.wait_for_views().await.unwrap();

    let closure = json!({"date": "2026-12-01", "period": "MORNING"});
    let check = json!({"date": "2026-12-01", "period": "MORNING", "action": "check-conflict"});
    let of_the_day: [(Method, &str, Value); 3] = [
        (Method::PATCH, &format!("/api/reservations/{id}"), json!({"status": "CONFIRMED"})),
        (Method::POST, CLOSE, closure),
        (Method::POST, CLOSE, check),
    ];
    assert_names_the_event(&book(&app, &form()).await, &position, "book");
    for (method, path, body) in of_the_day {
        let refused = send_json(&app, method, path, &body).await;
        assert_names_the_event(&refused, &position, &body);
    }
    for path in ["/api/reservations?date=2026-12-01", &format!("/api/reservations/{id}")] {
        get(&app, path).await.ok();
    }
    get(&app, &format!("{CLOSE}?date=2026-12-01")).await.ok();
    get(&app, "/api/public/reservations/time-slots?date=2026-12-01&service=SKIN_CARE").await.ok();
    book(&app, &form_with(json!({"preferred_date": "2026-12-02"}))).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_that_no_release_has_accepted_stop_bookings_and_no_read() {
    for (stream, event_type, payload) in [
        (
            StreamName::hours(),
            "ClinicHoursSet",
            r#"{"day_of_week":2,"slots":[{"id":"t","period":"MORNING","start":"09:00","end":"12:00","slot_interval":0,
               "max_concurrent":4294967295,"service":null,"effective_from":null,"effective_until":null}]}"#,
        ),
        (
            StreamName::catalog(),
            "ServiceRetimed",
            r#"{"service":"srv_skin_care","duration":4294967295,"buffer":4294967295}"#,
        ),
    ] {
        let app = app_on("dynamic").await;
        let position = plant(&app, &stream, event_type, payload).await;
        app.clinic.wait_for_views().await.unwrap();
        assert_names_the_event(&book(&app, &form()).await, &position, event_type);
        for path in [
            "/api/public/reservations/time-slots?date=2026-12-01&service=SKIN_CARE",
            "/api/public/reservations/availability?date=2026-12-01&service=SKIN_CARE",
            "/api/reservations?date=2026-12-01",
        ] {
            get(&app, path).await.ok();
        }
    }
}

/// Ranges of dates came later than dates.
#[tokio::test(flavor = "multi_thread")]
async fn hours_that_an_earlier_release_accepted_are_read_and_booked() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        let payload = r#"{"day_of_week":2,"slots":[{"id":"t","period":"MORNING","start":"09:00","end":"12:00","slot_interval":30,
            "max_concurrent":1,"service":null,"effective_from":"0001-01-01","effective_until":"9999-12-31"}]}"#;
        plant(&app, &StreamName::hours(), "ClinicHoursSet", payload).await;
        app.clinic.wait_for_views().await.unwrap();
        let listed =
            get(&app, "/api/public/reservations/time-slots?date=2026-12-01&service=SKIN_CARE").await.ok();
        assert_eq!(listed.json["metadata"]["totalSlots"], 4, "{model}: {}", listed.json);
        book(&app, &form()).await.ok();
    }
}
