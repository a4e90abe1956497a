//! What is the same for every request: its id, its headers, its methods.

use daybook_tests::app::spawn_app;
use reqwest::Method;

use crate::told::told;

#[tokio::test(flavor = "multi_thread")]
async fn a_requests_id_is_the_callers_uuid_or_a_fresh_one() {
    let app = spawn_app().await.unwrap();
    let given = "0192f0a0-0000-7000-8000-000000000001";
    for header in ["X-Request-Id", "X-Correlation-Id"] {
        let answer = told(app.get("/livez").header(header, given)).await.ok();
        assert_eq!(answer.header("x-request-id"), given);
    }
    let fresh = told(app.get("/livez").header("X-Request-Id", "010-1234-5678")).await.ok();
    assert_eq!(fresh.header("x-request-id").len(), 36);
    let refused = told(app.get("/nothing").header("X-Request-Id", given)).await;
    assert_eq!((refused.status.as_u16(), &refused.json["requestId"]), (404, &given.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_forbids_sniffing_and_storing() {
    let app = spawn_app().await.unwrap();
    for path in ["/api/public/services", "/api/reservations", "/nothing", "/livez"] {
        let answer = told(app.get(path)).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_is_told_the_right_ones() {
    let app = spawn_app().await.unwrap();
    for (method, path, allowed) in [
        (Method::GET, "/api/public/reservations", "POST"),
        (Method::DELETE, "/api/reservations/x", "GET, PATCH"),
        (Method::POST, "/livez", "GET"),
    ] {
        let refused = told(app.request(method, path)).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (405, "METHOD_NOT_ALLOWED"), "{path}");
        assert_eq!(refused.header("allow"), allowed);
    }
}
