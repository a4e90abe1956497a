//! The parts that are the same for every request: id, headers, methods.

use daybook_tests::app::spawn_app;
use reqwest::Method;

use crate::client::send;

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
    for (method, path, allowed) in [
        (Method::GET, "/api/public/reservations", "POST"),
        (Method::DELETE, "/api/reservations/x", "GET, PATCH"),
        (Method::POST, "/livez", "GET"),
    ] {
        let refused = send(app.request(method, path)).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (405, "METHOD_NOT_ALLOWED"), "{path}");
        assert_eq!(refused.header("allow"), allowed);
    }
}
