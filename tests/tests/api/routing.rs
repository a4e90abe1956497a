//! Routing: chosen once per request, the same for one subject, changed only with a reason. Clients always see their own
//! bookings.

use std::collections::BTreeSet;

use daybook_api::Role;
use daybook_domain::ReadModel;
use daybook_domain::routing::{LogPlace, RoutingCommand, ViewRetired};
use daybook_tests::app::App;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{
    app_on, book, form, form_with, get, observed, reservation_id, send, send_json, set_share, staff_request,
};

const READ_MODEL: &str = "/api/admin/read-model";

async fn model_of(app: &App, client: &str) -> String {
    let response =
        send(observed(app.get("/api/public/services").header("Daybook-Client", client))).await.ok();
    response.header("daybook-read-model").to_owned()
}

async fn dynamic_clients(app: &App) -> BTreeSet<u32> {
    let mut clients = BTreeSet::new();
    for n in 0..60 {
        if model_of(app, &format!("client-{n}")).await == "dynamic" {
            clients.insert(n);
        }
    }
    clients
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_names_its_model_generation_and_position() {
    for model in ["legacy", "dynamic"] {
        let app = app_on(model).await;
        let position = app.clinic.wait_for_views().await.unwrap();
        for path in [
            "/api/public/services",
            "/api/public/reservations/time-slots?service=SKIN_CARE&date=2026-12-01",
            "/api/public/reservations/availability?serviceType=SKIN_CARE&date=2026-12-01",
            "/api/public/reservation-status?year=2026&month=12",
            "/api/public/reservations/check?phone=01012345678&birth_date=1990-01-01",
            "/api/reservations",
            "/api/admin/manual-close?date=2026-12-01",
        ] {
            let response = get(&app, path).await.ok();
            assert_eq!(response.header("daybook-read-model"), model, "{path}");
            assert_eq!(response.header("daybook-generation"), format!("{model}_1"), "{path}");
            assert_eq!(response.position(), position, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_does_not_learn_which_view_answers() {
    let app = app_on("dynamic").await;
    let booked = book(&app, &form()).await.ok();
    assert!(!booked.header("daybook-position").is_empty(), "clients read their own writes by the position");
    for request in [
        app.get("/api/public/services"),
        app.get("/api/public/services").bearer_auth("forged"),
        app.get("/api/public/reservation-status?year=2026&month=12").header("Daybook-Client", "kiosk-1"),
        app.get("/api/public/reservations/check?phone=01012345678&birth_date=1990-01-01"),
        app.post("/api/public/reservations").json(&form_with(json!({"preferred_time": "11:00"}))),
        app.post("/api/public/reservations").json(&json!({})),
    ] {
        let response = send(request).await;
        let shown = (response.header("daybook-read-model"), response.header("daybook-generation"));
        assert_eq!(shown, ("", ""), "{}", response.json);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_gets_one_model_and_a_higher_percentage_only_adds_clients() {
    let app = app_on("legacy").await;
    assert!(dynamic_clients(&app).await.is_empty());
    set_share(&app, 25.0).await;
    let quarter = dynamic_clients(&app).await;
    assert!(!quarter.is_empty() && quarter.len() < 40, "{quarter:?}");
    assert_eq!(dynamic_clients(&app).await, quarter);
    set_share(&app, 60.0).await;
    let more = dynamic_clients(&app).await;
    assert!(quarter.is_subset(&more) && quarter.len() < more.len());
    assert_eq!(
        send(observed(app.get("/api/public/services"))).await.header("daybook-read-model"),
        "legacy",
        "no subject"
    );
    set_share(&app, 100.0).await;
    assert_eq!(send(observed(app.get("/api/public/services"))).await.header("daybook-read-model"), "dynamic");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_reads_its_own_booking_at_once_on_either_model_and_across_routing_changes() {
    let app = app_on("legacy").await;
    for (n, share) in [0.0, 100.0, 25.0, 100.0, 0.0].into_iter().enumerate() {
        let mut form = form();
        form["preferred_date"] = json!(format!("2026-12-{:02}", 8 + n));
        let booked = book(&app, &form).await.ok();
        set_share(&app, share).await;
        let request = staff_request(
            &app,
            Role::Editor,
            Method::GET,
            &format!("/api/reservations/{}", reservation_id(&booked)),
        );
        let seen = send(request.header("Daybook-At-Least", booked.header("daybook-position"))).await.ok();
        assert!(seen.position() >= booked.position());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_no_view_reaches_is_refused_after_a_limited_wait() {
    let app = app_on("legacy").await;
    let refused = send(app.get("/api/public/services").header("Daybook-At-Least", "999999999")).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (503, "VIEW_BEHIND"));
    assert_eq!(refused.header("retry-after"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_routing_change_needs_a_reason_and_is_in_force_when_the_response_arrives() {
    let app = app_on("legacy").await;
    let before = get(&app, READ_MODEL).await.ok();
    insta::assert_json_snapshot!("read_model", before.json, {
        ".routed" => "[counts]", ".models[].position" => "[position]", ".models[].head" => "[position]",
    });
    let set = json!({"action": "set", "dynamicPercentage": 12.5, "reason": "first clinic"});
    let set = send_json(&app, Method::POST, READ_MODEL, &set).await.ok();
    assert_eq!((&set.json["dynamicPercentage"], &set.json["inForce"]), (&json!(12.5), &json!(true)));
    let back = send_json(&app, Method::POST, READ_MODEL, &json!({"action": "rollback", "reason": "errors"}))
        .await
        .ok();
    assert_eq!((&back.json["rolledBack"], &back.json["dynamicPercentage"]), (&json!(true), &json!(12.5)));
    assert!(dynamic_clients(&app).await.is_empty());
    let head = app.clinic.log.head().await.unwrap();
    for (body, code) in [
        (json!({"action": "set", "dynamicPercentage": 50}), "REASON_REQUIRED"),
        (json!({"action": "rollback", "reason": "  "}), "REASON_REQUIRED"),
        (json!({"action": "set", "reason": "x"}), "MISSING_FIELDS"),
        (json!({"action": "set", "dynamicPercentage": 101, "reason": "x"}), "INVALID_PERCENTAGE"),
        (json!({"action": "set", "dynamicPercentage": "50", "reason": "x"}), "INVALID_PERCENTAGE"),
        (json!({"action": "explode", "reason": "x"}), "INVALID_ACTION"),
        (json!({"reason": "x"}), "MISSING_FIELDS"),
    ] {
        let refused = send_json(&app, Method::POST, READ_MODEL, &body).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, code), "{body}");
    }
    assert_eq!(app.clinic.log.head().await.unwrap(), head);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_never_return_to_a_retired_view_and_no_check_expects_it() {
    let app = app_on("legacy").await;
    app.clinic.wait_for_views().await.unwrap();
    let counts_legacy = async || {
        let text = app.metrics().await.unwrap();
        text.contains(r#"daybook_view_position{model="legacy"}"#)
    };
    assert!(counts_legacy().await);
    set_share(&app, 100.0).await;
    let retired = ViewRetired {
        model: ReadModel::Legacy,
        generation: 1,
        position: LogPlace { commit: 1, prepare: 1 },
        reservations: 0,
        digest: "00".into(),
        rules_version: 1,
        declared: vec![],
        reason: "nobody reads it".into(),
    };
    let retire = RoutingCommand::RetireView(retired);
    app.clinic.commands.change_routing(retire, daybook_tests::clinic::desk()).await.unwrap();
    for body in [
        json!({"action": "set", "dynamicPercentage": 99, "reason": "x"}),
        json!({"action": "rollback", "reason": "x"}),
    ] {
        let refused = send_json(&app, Method::POST, READ_MODEL, &body).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (409, "VIEW_RETIRED"), "{body}");
        let message = refused.json["message"].as_str().unwrap();
        assert!(message.contains("daybook projection restore legacy"), "{message}");
    }
    let shown = set_share(&app, 100.0).await;
    assert_eq!((&shown.json["retired"], &shown.json["inForce"]), (&json!(["legacy"]), &json!(true)));
    let checks = send(app.get("/readyz")).await.ok().json["checks"].clone();
    assert!(checks.get("legacy").is_none() && checks["dynamic"]["ok"] == true, "{checks}");
    assert!(!counts_legacy().await, "a retired view has no position");
    // The dynamic rule set refuses this start time; the legacy one would accept it.
    let refused = book(&app, &form_with(json!({ "preferred_time": "11:30" }))).await;
    assert_eq!(refused.code(), "TIME_SLOT_TOO_SHORT");
}

#[tokio::test(flavor = "multi_thread")]
async fn routing_changes_under_load_fail_no_request_and_mix_no_models() {
    let app = std::sync::Arc::new(app_on("legacy").await);
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|n| {
            let (app, stop) = (app.clone(), stop.clone());
            tokio::spawn(async move {
                let mut answered = 0_u32;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let path = "/api/public/services";
                    let seen =
                        send(observed(app.get(path).header("Daybook-Client", format!("c{n}")))).await.ok();
                    let (model, generation) =
                        (seen.header("daybook-read-model"), seen.header("daybook-generation"));
                    assert_eq!(generation, format!("{model}_1"));
                    answered += 1;
                }
                answered
            })
        })
        .collect();
    for share in [25.0, 100.0, 0.0, 60.0, 100.0, 5.0] {
        set_share(&app, share).await;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_that_decided_is_recorded_with_the_booking() {
    use futures_util::StreamExt;
    let app = app_on("dynamic").await;
    let booked = send(observed(app.post("/api/public/reservations").json(&form()))).await.ok();
    assert_eq!(booked.header("daybook-read-model"), "dynamic");
    let page = daybook_event_log::StreamName::page("2026-12-01".parse().unwrap());
    let mut events = app.clinic.log.read_stream(&page, daybook_event_log::Revision::FIRST).await.unwrap();
    let event = events.next().await.unwrap().unwrap();
    let metadata: Value = serde_json::from_slice(&event.metadata).unwrap();
    assert_eq!(metadata["read_model"], "dynamic");
    assert_eq!(metadata["actor"], "public");
    assert_eq!(metadata["$correlationId"], booked.header("x-request-id"));
}
