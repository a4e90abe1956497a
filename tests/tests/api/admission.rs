//! A process that has too much to do refuses requests at once, with 503 and `Retry-After`, and serves the others.

use std::num::NonZeroUsize;
use std::time::Duration;

use daybook_api::Role;
use daybook_tests::app::App;
use daybook_tests::clinic::{Clinic, PATIENCE};
use reqwest::Method;
use serde_json::json;

use crate::client::{Response, book, form, form_with, send, staff_request};

const SERVICES: &str = "/api/public/services";

/// Requests that wait for their client or for a position at the same time.
const WAITING: usize = 8;

async fn app_with_one_place(wait: Duration) -> App {
    App::with_places(Clinic::open().await.unwrap(), NonZeroUsize::MIN, wait).await.unwrap()
}

#[track_caller]
fn assert_shed(response: &Response) {
    assert_eq!((response.status.as_u16(), response.code()), (503, "OVERLOADED"), "{}", response.json);
    let pause: u64 = response.header("retry-after").parse().unwrap();
    assert!((1..=3).contains(&pause), "{pause}");
}

async fn metrics(app: &App) -> String {
    app.metrics().await.unwrap()
}

/// Waits until this many requests are in progress besides that for metrics.
async fn until_in_progress(app: &App, requests: usize) {
    let line = format!("daybook_http_requests_in_flight {}", requests + 1);
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !metrics(app).await.contains(&line) {
        assert!(tokio::time::Instant::now() < deadline, "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_that_hang_shut_out_neither_bookings_nor_the_desk_nor_health_checks() {
    let app = app_with_one_place(Duration::from_millis(100)).await;
    let mut client = app.clinic.database.connect().await.unwrap();
    let locked = client.transaction().await.unwrap();
    locked.batch_execute("LOCK legacy_1.services IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let hanging = tokio::spawn(app.get(SERVICES).send());
    until_in_progress(&app, 1).await;
    for method in [Method::GET, Method::HEAD] {
        let refused = app.request(method.clone(), SERVICES).send().await.unwrap();
        assert_eq!(refused.status(), 503, "{method}");
    }
    assert_shed(&send(app.get(SERVICES)).await);
    assert_shed(&send(app.post("/api/public/reservations/chec%6b").json(&json!({}))).await);
    // Other lanes have places of their own.
    let next = form_with(json!({"preferred_date": "2026-12-03"}));
    book(&app, &next).await.ok();
    send(staff_request(&app, Role::Admin, Method::GET, "/api/admin/read-model")).await.ok();
    send(app.get("/livez")).await.ok();
    let text = metrics(&app).await;
    assert!(text.contains(r#"daybook_http_requests_shed_total{lane="public_reads"} 4"#), "{text}");
    // A refused request says nothing about the view.
    assert!(
        text.contains(r#"route="/api/public/services",method="GET",status="5xx",model="none""#),
        "{text}"
    );
    assert!(!text.contains(r#"status="5xx",model="legacy""#), "{text}");
    locked.rollback().await.unwrap();
    hanging.await.unwrap().unwrap();
    send(app.get(SERVICES)).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_wait_for_their_client_or_a_position_take_no_place() {
    let app = app_with_one_place(Duration::from_secs(2)).await;
    let mut slow = Vec::new();
    for _ in 0..WAITING {
        let mut stream = tokio::net::TcpStream::connect(app.address()).await.unwrap();
        let head = b"POST /api/public/reservations HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n{";
        tokio::io::AsyncWriteExt::write_all(&mut stream, head).await.unwrap();
        slow.push(stream);
    }
    until_in_progress(&app, WAITING).await;
    book(&app, &form()).await.ok();
    // A position of the future is waited for.
    let future = "99999999/99999999";
    let waiting: Vec<_> = (0..WAITING)
        .map(|_| tokio::spawn(app.get(SERVICES).header("daybook-at-least", future).send()))
        .collect();
    send(app.get(SERVICES)).await.ok();
    for waiting in waiting {
        waiting.await.unwrap().unwrap();
    }
}
