//! Services as staff define and change them, and as clients are offered them: what is offered can be booked, and nothing
//! else.

use chrono::NaiveDate;
use daybook_tests::app::App;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Response, app_on, book, form, form_with, get, observed, send, send_json, set_share};

const SERVICES: &str = "/api/admin/services";
const LIMITS: &str = "/api/admin/service-limits";
const HOURS: &str = "/api/admin/clinic-hours";
const CLOSE: &str = "/api/admin/manual-close";
const READ_MODEL: &str = "/api/admin/read-model";

/// A service without an old value, which only the dynamic view can show.
fn laser() -> Value {
    json!({"code": "LASER", "name": "레이저", "durationMinutes": 30, "nameEn": "Laser"})
}

async fn define(app: &App, service: Value) -> Response {
    send_json(app, Method::POST, SERVICES, &service).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_defined_again_is_the_same_one_or_refused() {
    let app = app_on("legacy").await;
    define(&app, laser()).await.ok();
    let head = app.clinic.log.head().await.unwrap();
    let again = define(&app, laser()).await.ok();
    assert_eq!((&again.json["service"]["code"], &again.json["changes"]), (&json!("LASER"), &json!([])));
    for (field, value, taken) in [
        ("durationMinutes", json!(60), "code"),
        ("name", json!("다른 이름"), "code"),
        ("basePrice", json!(1), "code"),
        ("id", json!("srv_other"), "code"),
        ("legacyServiceType", json!("SKIN_CARE"), "code"),
    ] {
        let mut other = laser();
        other[field] = value;
        let refused = define(&app, other).await;
        let seen = (refused.status.as_u16(), refused.code(), refused.json["field"].as_str());
        assert_eq!(seen, (409, "VALUE_TAKEN", Some(taken)), "{field}");
        assert!(refused.json["message"].as_str().unwrap().contains("PATCH"), "{}", refused.json);
    }
    let pair = json!({"id": "SKIN_CARE", "code": "PAIR", "name": "짝꿍", "durationMinutes": 30});
    let refused = define(&app, pair).await;
    assert_eq!((refused.code(), &refused.json["field"]), ("VALUE_TAKEN", &json!("id")));
    assert_eq!(app.clinic.log.head().await.unwrap(), head);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_at_the_same_time_neither_mix_nor_report_a_stale_state() {
    let app = app_on("legacy").await;
    let change = |number: u32| {
        let name = format!("이름 {number}");
        let body =
            json!({"id": "SKIN_CARE", "name": name, "description": name, "durationMinutes": 40 + number});
        let app = &app;
        async move { send_json(app, Method::PATCH, SERVICES, &body).await.ok() }
    };
    let answers = join_all((0..5).map(change)).await;
    let mut in_order: Vec<_> = answers.iter().map(|answer| (answer.position(), &answer.json)).collect();
    in_order.sort_by_key(|(position, _)| *position);
    let mut before = json!({"name": "피부케어", "description": null, "durationMinutes": 60});
    for (_, answer) in in_order {
        assert_eq!(answer["service"]["name"], answer["service"]["description"], "{answer}");
        for change in answer["changes"].as_array().unwrap() {
            let field = change["field"].as_str().unwrap();
            if let Some(value) = before.get_mut(field) {
                assert_eq!(change["from"], *value, "{answer}");
                *value = change["to"].clone();
            }
        }
    }
    let reason = json!({"serviceId": "SKIN_CARE", "reason": "공사"});
    let limited = send_json(&app, Method::PATCH, LIMITS, &reason).await.ok();
    assert_eq!(limited.json["changes"], json!([{"field": "reason", "from": null, "to": "공사"}]));
}

/// The services that are offered, and whether a day of one is.
async fn offer(app: &App, client: &str) -> (bool, u16) {
    let request = |path: &str| app.get(&format!("/api/public/{path}")).header("Daybook-Client", client);
    let listed = send(request("services")).await.ok();
    let codes = listed.json["services"].as_array().unwrap().iter().map(|service| service["code"].clone());
    let slots = send(request("reservations/time-slots?service=LASER&date=2026-12-01")).await;
    (codes.collect::<Vec<_>>().contains(&json!("LASER")), slots.status.as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_only_the_dynamic_view_has_is_offered_and_booked_there_alone() {
    let app = app_on("legacy").await;
    define(&app, laser()).await.ok();
    app.clinic.wait_for_views().await.unwrap();
    assert_eq!(offer(&app, "app").await, (false, 404));
    let refused = book(&app, &form_with(json!({"service": "LASER"}))).await;
    let seen = (refused.status.as_u16(), refused.code(), refused.json["field"].as_str());
    assert_eq!(seen, (400, "UNKNOWN_SERVICE", Some("service")));
    set_share(&app, 50.0).await;
    app.clinic.wait_for_views().await.unwrap();
    // Each booking has a day of its own, a Tuesday, so that none takes another one's seat.
    let mut days = "2026-12-01".parse::<NaiveDate>().unwrap().iter_weeks();
    let (mut offered_to, mut hidden_from) = (0, 0);
    for number in 0..12 {
        let client = format!("client-{number}");
        let is_offered = offer(&app, &client).await;
        let phone = format!("010-1234-{number:04}");
        let form = form_with(json!({"service": "LASER", "phone": phone, "preferred_date": days.next()}));
        let booked = app.post("/api/public/reservations").header("Daybook-Client", &client).json(&form);
        let booked = send(observed(booked)).await;
        if is_offered == (true, 200) {
            offered_to += 1;
            assert_eq!(booked.ok().header("daybook-read-model"), "dynamic", "whoever the patient is");
        } else {
            assert_eq!(is_offered, (false, 404));
            // The patient may be one whose own bookings the dynamic view answers.
            hidden_from += u32::from(booked.code() == "UNKNOWN_SERVICE");
        }
    }
    assert!(offered_to > 0 && hidden_from > 0, "{offered_to} {hidden_from}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_by_service_is_the_same_under_both_models() {
    let app = app_on("dynamic").await;
    define(&app, laser()).await.ok();
    for (service, time) in [("LASER", "09:00"), ("OTHER_CONSULTATION", "10:00"), ("SKIN_CARE", "14:00")] {
        book(&app, &form_with(json!({"service": service, "preferred_time": time}))).await.ok();
    }
    for percent in [0.0, 100.0] {
        set_share(&app, percent).await;
        app.clinic.wait_for_views().await.unwrap();
        for department in ["LASER", "srv_laser", "OTHER_CONSULTATION", "SKIN_CARE", "srv_skin_care"] {
            let listed = get(&app, &format!("/api/reservations?department={department}")).await.ok().json;
            assert_eq!(listed["pagination"]["total"], 1, "{department} at {percent} %");
        }
        let none = get(&app, "/api/reservations?department=NONE").await.ok().json;
        assert_eq!(none["pagination"]["total"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_counts_of_a_day_follow_the_rules_that_decide() {
    for (model, left) in [("legacy", false), ("dynamic", true)] {
        let app = app_on(model).await;
        let limit = json!({"serviceType": "WRINKLE_BOTOX", "dailyLimit": 1});
        send_json(&app, Method::PATCH, LIMITS, &limit).await.ok();
        book(&app, &form()).await.ok();
        app.clinic.wait_for_views().await.unwrap();
        let path = "/api/public/reservations/availability?date=2026-12-01&service=WRINKLE_BOTOX";
        let count = send(app.get(path)).await.ok().json;
        assert_eq!((&count["available"], &count["currentCount"]), (&json!(left), &json!(1)), "{model}");
        assert_eq!(count["remaining"].as_u64().unwrap() > 0, left, "{count}");
        let another = json!({"phone": "010-1111-2222", "preferred_time": "15:00"});
        assert_eq!(book(&app, &form_with(another)).await.status == 200, left, "{model}");
    }
}

/// A wrong request: its method, path and body, and the code, field and rule of its error.
type WrongRequest = (Method, &'static str, Value, &'static str, &'static str, Option<&'static str>);

fn wrong_requests() -> Vec<WrongRequest> {
    let percent = |value: Value| json!({"action": "set", "dynamicPercentage": value, "reason": "x"});
    let steps = Some("0 to 100 in steps of 0.01");
    let reason = Some("1 to 500 visible characters on one line");
    let closed = |more: Value| {
        let mut body = json!({"date": "2026-12-01", "startTime": "10:00"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let slot = json!({"period": "MORNING", "startTime": "09:00", "endTime": "10:00", "serviceId": "NONE"});
    let listed = Some("a service of the list");
    vec![
        (Method::POST, READ_MODEL, percent(json!(1e-9)), "INVALID_PERCENTAGE", "dynamicPercentage", steps),
        (Method::POST, READ_MODEL, percent(json!("5")), "INVALID_PERCENTAGE", "dynamicPercentage", steps),
        (Method::POST, READ_MODEL, percent(json!(100.01)), "INVALID_PERCENTAGE", "dynamicPercentage", steps),
        (
            Method::POST,
            READ_MODEL,
            json!({"action": "x"}),
            "INVALID_ACTION",
            "action",
            Some("one of set, rollback"),
        ),
        (Method::POST, READ_MODEL, json!({"action": "rollback"}), "REASON_REQUIRED", "reason", reason),
        (Method::PUT, SERVICES, json!({"order": [1]}), "INVALID_JSON", "order[0]", Some("a text")),
        (Method::PUT, SERVICES, json!({"order": "all"}), "INVALID_JSON", "order", Some("a list")),
        (
            Method::PUT,
            SERVICES,
            json!({"order": ["srv_skin_care"]}),
            "ORDER_INCOMPLETE",
            "order",
            Some("each service exactly once"),
        ),
        (
            Method::POST,
            CLOSE,
            closed(json!({"endTime": "10:00"})),
            "CLOSURE_EMPTY",
            "endTime",
            Some("later than the start"),
        ),
        (Method::POST, CLOSE, closed(json!({"service": "NONE"})), "UNKNOWN_SERVICE", "service", listed),
        (Method::POST, CLOSE, closed(json!({"serviceId": "NONE"})), "UNKNOWN_SERVICE", "serviceId", listed),
        (
            Method::PUT,
            HOURS,
            json!({"dayOfWeek": 0, "slots": [slot]}),
            "UNKNOWN_SERVICE",
            "slots[0].serviceId",
            listed,
        ),
        (Method::PUT, LIMITS, json!({"serviceType": "NONE"}), "SERVICE_NOT_FOUND", "serviceType", None),
        (Method::PATCH, SERVICES, json!({"id": "NONE", "name": "이름"}), "SERVICE_NOT_FOUND", "id", None),
        (
            Method::PUT,
            LIMITS,
            json!({"serviceId": "SKIN_CARE", "dailyLimit": "5"}),
            "INVALID_JSON",
            "dailyLimit",
            Some("0 to 1000"),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_about_one_field_names_it_as_the_client_wrote_it_with_its_rule() {
    let app = app_on("legacy").await;
    let head = app.clinic.log.head().await.unwrap();
    for (method, path, body, code, field, rule) in wrong_requests() {
        let refused = send_json(&app, method.clone(), path, &body).await;
        let seen = (refused.code(), refused.json["field"].as_str(), refused.json["rule"].as_str());
        assert_eq!(seen, (code, Some(field), rule), "{method} {path} {body}: {}", refused.json);
    }
    let missing = send_json(&app, Method::PUT, SERVICES, &json!({})).await;
    assert_eq!((missing.code(), &missing.json["fields"]), ("MISSING_FIELDS", &json!(["order"])));
    for field in ["service", "service_id"] {
        let form = form_with(json!({"service": null, field: "NONE"}));
        assert_eq!(book(&app, &form).await.json["field"], field);
    }
    assert_eq!(app.clinic.log.head().await.unwrap(), head);
}
