//! The parts that are the same for every request: id, headers, methods.

use daybook_api::Role;
use daybook_tests::app::spawn_app;
use reqwest::Method;

use crate::client::{book, form, reservation_id, send, staff_request};

#[tokio::test(flavor = "multi_thread")]
async fn the_request_id_is_the_clients_uuid_or_a_new_one() {
    let app = spawn_app().await.unwrap();
    let given = "0192f0a0-0000-7000-8000-000000000001";
    for header in ["X-Request-Id", "X-Correlation-Id"] {
        let response = send(app.get("/livez").header(header, given)).await.ok();
        assert_eq!(response.header("x-request-id"), given);
    }
    let fresh = send(app.get("/livez").header("X-Request-Id", "010-1234-5678")).await.ok();
    assert_eq!(fresh.header("x-request-id").len(), 36);
    let refused = send(app.get("/nothing").header("X-Request-Id", given)).await;
    assert_eq!((refused.status.as_u16(), &refused.json["requestId"]), (404, &given.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_forbids_sniffing_and_storing() {
    let app = spawn_app().await.unwrap();
    for path in ["/api/public/services", "/api/reservations", "/nothing", "/livez"] {
        let response = send(app.get(path)).await;
        assert_eq!(response.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(response.header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_gets_the_allowed_ones() {
    let app = spawn_app().await.unwrap();
    let unknown = app.request(Method::OPTIONS, "/nothing").send().await.unwrap();
    assert!(unknown.status() == 404 && !unknown.headers().contains_key("allow"));
    for (method, path, allowed) in [
        (Method::GET, "/api/public/reservations", "POST, OPTIONS"),
        (Method::DELETE, "/api/reservations/x", "GET, HEAD, PATCH, OPTIONS"),
        (Method::POST, "/livez", "GET, HEAD, OPTIONS"),
    ] {
        let refused = send(app.request(method, path)).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (405, "METHOD_NOT_ALLOWED"), "{path}");
        assert_eq!(refused.header("allow"), allowed);
        let listed = app.request(Method::OPTIONS, path).send().await.unwrap();
        assert_eq!((listed.status().as_u16(), &listed.headers()["allow"]), (204, &allowed.parse().unwrap()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_like_get_without_a_body() {
    let app = spawn_app().await.unwrap();
    let one = format!("/api/reservations/{}", reservation_id(&book(&app, &form()).await.ok()));
    app.clinic.wait_for_views().await.unwrap();
    for path in [
        "/api/public/services",
        "/api/public/reservations/time-slots?service=SKIN_CARE&date=2026-12-01",
        "/api/public/reservations/availability?serviceType=SKIN_CARE&date=2026-12-01",
        "/api/public/reservation-status?year=2026&month=12",
        "/api/public/reservations/check?phone=010-1234-5678&birth_date=1990-01-01",
        "/api/reservations",
        one.as_str(),
        "/api/reservations/nothing",
        "/api/admin/manual-close?date=2026-12-01",
        "/api/admin/services",
        "/api/admin/service-limits",
        "/api/admin/clinic-hours",
        "/api/admin/read-model",
        "/api/admin/migration",
        "/api/admin/migration/plan?to=shadow",
        "/api/admin/guardrails",
        "/livez",
        "/readyz",
        "/metrics",
        "/nothing",
    ] {
        let ask = async |method| staff_request(&app, Role::Admin, method, path).send().await.unwrap();
        let (get, head) = (ask(Method::GET).await, ask(Method::HEAD).await);
        assert_eq!(head.status(), get.status(), "{path}");
        for header in ["content-type", "etag", "daybook-read-model"] {
            assert_eq!(head.headers().get(header), get.headers().get(header), "{path} {header}");
        }
        assert!(head.text().await.unwrap().is_empty(), "{path}");
    }
    let post = app.request(Method::HEAD, "/api/public/reservations").send().await.unwrap();
    assert_eq!((post.status().as_u16(), &post.headers()["allow"]), (405, &"POST, OPTIONS".parse().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_counts_is_sent_once() {
    let app = spawn_app().await.unwrap();
    let head = app.clinic.log.head().await.unwrap();
    let path = "/api/reservations/r1";
    for name in ["Idempotency-Key", "If-Match", "Daybook-Client", "Daybook-At-Least", "Authorization"] {
        let request =
            staff_request(&app, Role::Admin, Method::PATCH, path).header(name, "1").header(name, "1");
        let refused = send(request.json(&serde_json::json!({"status": "CONFIRMED"}))).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "INVALID_HEADER"), "{name}");
        assert_eq!((&refused.json["header"], &refused.json["rule"]), (&name.into(), &"only once".into()));
    }
    let twice =
        app.post("/api/public/reservations").header("Idempotency-Key", "a").header("Idempotency-Key", "b");
    assert_eq!(send(twice.json(&form())).await.status, 400);
    assert_eq!(app.clinic.log.head().await.unwrap(), head);
}
