//! The allowed values at every HTTP entrance: all wrong fields are named at once with their ranges, and nothing that a view
//! cannot hold, or a screen acts on, is appended.

use daybook_tests::app::App;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{
    Response, app_on, book, form, form_with, get, reservation_id, send, send_json, staff_request,
};

const HOURS: &str = "/api/admin/clinic-hours";
const SERVICES: &str = "/api/admin/services";

/// Texts that show nothing, or on which a screen acts.
const INVISIBLE: [&str; 9] = [
    "a\u{0}b",
    "a\u{1b}[2J",
    "\u{202e}gnp.exe",
    "a\u{2066}b",
    "\u{200b}",
    "\u{feff}",
    "\u{3164}",
    "\u{ad}",
    "a\u{9b}b",
];

async fn set_hours(app: &App, body: Value) -> Response {
    send_json(app, Method::PUT, HOURS, &body).await
}

/// The faults of a refused request as `field: rule`, and the shape that all of them have.
#[track_caller]
fn faults(refused: &Response) -> Vec<String> {
    assert_eq!(refused.status, 400, "{}", refused.json);
    let faults = refused.json["details"]["fields"].as_array().unwrap();
    let text = |fault: &Value| {
        format!("{}: {}", fault["field"].as_str().unwrap(), fault["rule"].as_str().unwrap_or("-"))
    };
    faults.iter().map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_name_every_wrong_field_with_its_range_in_both_languages() {
    let app = app_on("legacy").await;
    let wrong = json!({"dayOfWeek": 1, "slots": [
        {"period": "MORNING", "startTime": "09:00", "endTime": "12:00", "maxConcurrent": 101, "slotInterval": 0,
         "effectiveFrom": "0000-01-01"},
        {"period": "AFTERNOON", "startTime": "14:00", "endTime": "14:00", "effectiveFrom": "2026-12-02",
         "effectiveUntil": "2026-12-01"}]});
    let request = staff_request(&app, daybook_api::Role::Admin, Method::PUT, HOURS);
    let english = send(request.header("accept-language", "en").json(&wrong)).await;
    assert_eq!(
        faults(&english),
        [
            "slots[0].slotInterval: 5 to 240 minutes",
            "slots[0].maxConcurrent: 1 to 100",
            "slots[0].effectiveFrom: 1900-01-01 to 2199-12-31",
            "slots[1].endTime: later than the start",
            "slots[1].effectiveUntil: not before effectiveFrom",
        ]
    );
    insta::assert_json_snapshot!("hours_in_english", english.json, {".requestId" => "[id]"});
    let korean = set_hours(&app, wrong).await;
    insta::assert_json_snapshot!("hours_in_korean", korean.json["message"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_copied_with_their_ids_are_refused_and_without_them_they_get_new_ones() {
    let app = app_on("dynamic").await;
    let slots = get(&app, HOURS).await.ok().json["slots"].as_array().unwrap().clone();
    let copied = |keep_id: bool| -> Vec<Value> {
        let monday = slots.iter().filter(|slot| slot["dayOfWeek"] == 1).cloned();
        let copy = |mut slot: Value| {
            let fields = slot.as_object_mut().unwrap();
            fields.retain(|field, _| {
                !matches!(field.as_str(), "dayOfWeek" | "totalMinutes") && (keep_id || field != "id")
            });
            slot
        };
        monday.map(copy).collect()
    };
    let refused = set_hours(&app, json!({"dayOfWeek": 0, "slots": copied(true)})).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (409, "SLOT_ID_TAKEN"), "{}", refused.json);
    assert_eq!((&refused.json["id"], &refused.json["dayOfWeek"]), (&json!("cts_mon_morning"), &json!(1)));
    let morning = json!({"id": "twice", "period": "MORNING", "startTime": "09:00", "endTime": "10:00"});
    let noon = json!({"id": "twice", "period": "MORNING", "startTime": "11:00", "endTime": "12:00"});
    let refused = set_hours(&app, json!({"dayOfWeek": 0, "slots": [morning, noon]})).await;
    assert_eq!(refused.code(), "SLOT_ID_TAKEN");
    // A new slot never gets an id that another one has.
    let named = json!({"id": "cts_0_1", "period": "MORNING", "startTime": "07:00", "endTime": "08:00"});
    let mut wanted = copied(false);
    wanted.push(named);
    let set = set_hours(&app, json!({"dayOfWeek": 0, "slots": wanted})).await.ok();
    let ids: Vec<&str> =
        set.json["slots"].as_array().unwrap().iter().filter_map(|slot| slot["id"].as_str()).collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!((ids.len(), unique.len()), (14, 14));
    app.clinic.wait_for_views().await.unwrap();
    let sunday = "/api/public/reservations/time-slots?service=WRINKLE_BOTOX&date=2026-12-06";
    assert!(!send(app.get(sunday)).await.ok().json["slots"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_outside_the_calendar_are_refused() {
    let app = app_on("legacy").await;
    let head = app.clinic.log.head().await.unwrap();
    for date in
        ["0000-01-01", "1899-12-31", "2200-01-01", "9999-12-31", "-0001-01-01", "+12026-01-01", "2026-1-1"]
    {
        for field in ["effectiveFrom", "effectiveUntil"] {
            let slot = json!({"period": "MORNING", "startTime": "09:00", "endTime": "12:00", field: date});
            let refused = set_hours(&app, json!({"dayOfWeek": 2, "slots": [slot]})).await;
            assert_eq!(faults(&refused), [format!("slots[0].{field}: 1900-01-01 to 2199-12-31")], "{date}");
        }
        let closure = json!({"date": date, "startTime": "09:00", "endTime": "10:00"});
        let refused = send_json(&app, Method::POST, "/api/admin/manual-close", &closure).await;
        assert_eq!(faults(&refused), ["date: 1900-01-01 to 2199-12-31"], "{date}");
    }
    assert_eq!(app.clinic.log.head().await.unwrap(), head);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_names_every_wrong_field_and_a_price_fits_its_column() {
    let app = app_on("legacy").await;
    let head = app.clinic.log.head().await.unwrap();
    let service = |price: Value| json!({"code": "PREMIUM_CARE", "name": "프리미엄", "durationMinutes": 30, "basePrice": price});
    for price in [
        json!(3_000_000_000_u32),
        json!(2_147_483_648_u32),
        json!(-1),
        json!(0.5),
        json!(1e30),
        json!(u64::MAX),
    ] {
        let refused = send_json(&app, Method::POST, SERVICES, &service(price)).await;
        assert_eq!(
            (refused.code(), faults(&refused)),
            ("INVALID_FIELD", vec!["basePrice: 0 to 2147483647 won".to_owned()])
        );
        let fault = &refused.json["details"]["fields"][0];
        assert_eq!((&fault["min"], &fault["max"]), (&json!(0), &json!(2_147_483_647)));
    }
    let wrong = json!({"code": "premium", "name": "x", "durationMinutes": 5, "bufferMinutes": 61, "basePrice": "free",
        "category": "\u{200b}", "legacyServiceType": "TELEPORT", "id": "a b"});
    let refused = send_json(&app, Method::POST, SERVICES, &wrong).await;
    assert_eq!(
        faults(&refused),
        [
            "code: 2 to 50 characters of A-Z and _",
            "name: 2 to 100 visible characters on one line",
            "durationMinutes: 10 to 480 minutes",
            "id: 1 to 64 characters of a-z, A-Z, 0-9, '-', '_' and '.'",
            "legacyServiceType: a service of the old system",
            "category: 1 to 100 visible characters on one line",
            "bufferMinutes: 0 to 60 minutes",
            "basePrice: 0 to 2147483647 won",
        ]
    );
    let change = json!({"id": "srv_skin_care", "durationMinutes": 481, "bufferMinutes": 4_294_967_296_u64});
    let refused = send_json(&app, Method::PATCH, SERVICES, &change).await;
    assert_eq!(faults(&refused), ["durationMinutes: 10 to 480 minutes", "bufferMinutes: 0 to 60 minutes"]);
    let limit = json!({"serviceId": "srv_skin_care", "dailyLimit": 1001, "dailyLimitMinutes": 1441});
    let refused = send_json(&app, Method::PATCH, "/api/admin/service-limits", &limit).await;
    assert_eq!(faults(&refused), ["dailyLimit: 0 to 1000", "dailyLimitMinutes: 0 to 1440 minutes"]);
    assert_eq!(app.clinic.log.head().await.unwrap(), head);
    send_json(&app, Method::POST, SERVICES, &service(json!(2_147_483_647))).await.ok();
    app.clinic.wait_for_views().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_form_names_missing_and_wrong_fields_together() {
    let app = app_on("legacy").await;
    let wrong = form_with(
        json!({"patient_name": "\u{200b}", "phone": null, "gender": "x", "birth_date": "2030-01-01",
        "email": "a\u{202e}@b.kr", "service": "NONE", "notes": "\u{1b}"}),
    );
    let refused = book(&app, &wrong).await;
    assert_eq!((refused.code(), &refused.json["fields"]), ("MISSING_FIELDS", &json!(["phone"])));
    assert_eq!(
        faults(&refused),
        [
            "patient_name: 1 to 100 visible characters on one line",
            "phone: required",
            "birth_date: 1900-01-01 to 2026-11-20",
            "gender: MALE or FEMALE",
            "service: a service of the list",
            "email: an address such as name@example.com",
            "notes: 0 to 2000 visible characters on any number of lines",
        ]
    );
    let message = refused.json["message"].as_str().unwrap();
    assert!(message.contains("다음 항목을 입력해 주세요: phone"), "{message}");
    let check = json!({"phone": "call me", "birth_date": "2030-01-01"});
    let refused = send(app.post("/api/public/reservations/check").json(&check)).await;
    assert_eq!(
        faults(&refused),
        ["phone: a phone number such as 010-1234-5678", "birth_date: 1900-01-01 to 2026-11-20"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn invisible_texts_are_refused_at_every_entrance() {
    let app = app_on("legacy").await;
    let booked = book(&app, &form()).await.ok();
    let reservation = format!("/api/reservations/{}", reservation_id(&booked));
    app.clinic.wait_for_views().await.unwrap();
    let head = app.clinic.log.head().await.unwrap();
    let slot = json!({"date": "2026-12-01", "startTime": "09:00"});
    let service = json!({"code": "NEW_CARE", "name": "새 시술", "durationMinutes": 30});
    let (post, patch) = (Method::POST, Method::PATCH);
    for text in INVISIBLE {
        for field in ["patient_name", "notes", "preferred_time"] {
            let refused = book(&app, &form_with(json!({field: text}))).await;
            assert_eq!((refused.code(), &refused.json["field"]), ("INVALID_TEXT", &json!(field)), "{text:?}");
        }
        let entrances = [
            (&patch, reservation.as_str(), json!({}), "adminNotes"),
            (&patch, reservation.as_str(), json!({"status": "CANCELLED"}), "reason"),
            (&post, "/api/admin/manual-close", slot.clone(), "reason"),
            (&post, SERVICES, service.clone(), "name"),
            (&post, SERVICES, service.clone(), "nameEn"),
            (&post, SERVICES, service.clone(), "description"),
            (&post, SERVICES, service.clone(), "category"),
            (&patch, SERVICES, json!({"id": "srv_skin_care"}), "name"),
            (
                &patch,
                "/api/admin/service-limits",
                json!({"serviceId": "srv_skin_care", "dailyLimit": 3}),
                "reason",
            ),
            (&post, "/api/admin/read-model", json!({"action": "rollback"}), "reason"),
            (&post, "/api/admin/migration", json!({"action": "rollback"}), "reason"),
        ];
        for (method, path, mut body, field) in entrances {
            body[field] = json!(text);
            let refused = send_json(&app, method.clone(), path, &body).await;
            assert_eq!(
                (refused.code(), &refused.json["field"]),
                ("INVALID_TEXT", &json!(field)),
                "{path} {text:?}"
            );
        }
    }
    assert_eq!(app.clinic.log.head().await.unwrap(), head, "nothing was appended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_treatment_never_starts_at_the_end_of_a_day_not_even_of_a_past_one() {
    let app = app_on("legacy").await;
    let booked = book(&app, &form()).await.ok();
    let reservation = format!("/api/reservations/{}", reservation_id(&booked));
    app.clinic.wait_for_views().await.unwrap();
    for time in ["24:00", "00:30"] {
        let refused = send_json(&app, Method::PATCH, &reservation, &json!({"timeSlotStart": time})).await;
        assert_eq!(refused.code(), "OUTSIDE_CLINIC_HOURS", "{time}: {}", refused.json);
    }
}
