//! Web pages of other origins: those on the list read and book, others neither.

use daybook_api::{AllowedOrigins, Settings};
use daybook_tests::app::{App, spawn_app};
use daybook_tests::clinic::Clinic;
use reqwest::{Method, RequestBuilder};

use crate::client::{form, send};

const BOOK: &str = "/api/public/reservations";
const PAGE: &str = "https://booking.example";
const FOREIGN: &str = "https://foreign.example";

async fn app_with_list() -> App {
    let clinic = Clinic::open().await.unwrap();
    let allowed_origins: AllowedOrigins = PAGE.parse().unwrap();
    App::with_settings(clinic, |settings| Settings { allowed_origins, ..settings }).await.unwrap()
}

fn preflight(app: &App, origin: &str, path: &str) -> RequestBuilder {
    let request = app.request(Method::OPTIONS, path).header("origin", origin);
    request
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,idempotency-key,x-request-id")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_page_books_and_reads_the_answer_and_its_headers() {
    let app = app_with_list().await;
    let allowed = preflight(&app, PAGE, BOOK).send().await.unwrap();
    assert_eq!(allowed.headers()["access-control-allow-origin"], PAGE);
    assert!(allowed.headers()["access-control-allow-methods"].to_str().unwrap().contains("POST"));
    assert!(!allowed.headers().contains_key("access-control-allow-credentials"));
    let booked = send(app.post(BOOK).header("origin", PAGE).json(&form())).await.ok();
    assert_eq!(booked.header("access-control-allow-origin"), PAGE);
    assert!(booked.header("access-control-expose-headers").contains("daybook-position"));
    assert!(booked.header("vary").to_ascii_lowercase().contains("origin"));
    // Problems too, or the page could not show them.
    let full = send(app.post(BOOK).header("origin", PAGE).json(&form())).await;
    assert_eq!((full.status.as_u16(), full.header("access-control-allow-origin")), (409, PAGE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_not_listed_neither_reads_nor_books() {
    let app = app_with_list().await;
    let head = app.clinic.log.head().await.unwrap();
    for origin in [FOREIGN, "null", "https://booking.example.foreign.example", "http://booking.example"] {
        let refused = preflight(&app, origin, BOOK).send().await.unwrap();
        assert!(!refused.headers().contains_key("access-control-allow-origin"), "{origin}");
        for path in [BOOK, "/api/public/reservation%73", "/api/public/reservations/check"] {
            // As a browser sends it without asking first.
            let body = form().to_string();
            let refused =
                send(app.post(path).header("origin", origin).header("content-type", "text/plain").body(body));
            let refused = refused.await;
            assert_eq!(
                (refused.status.as_u16(), refused.code()),
                (403, "ORIGIN_NOT_ALLOWED"),
                "{origin} {path}"
            );
        }
    }
    assert_eq!(app.clinic.log.head().await.unwrap(), head);
    let own = format!("http://{}", app.address());
    send(app.post(BOOK).header("origin", own).json(&form())).await.ok();
    // Routes of staff are for no page of another origin.
    let refused = preflight(&app, PAGE, "/api/reservations").send().await.unwrap();
    assert!(!refused.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_list_no_page_is_refused_and_none_may_read() {
    let app = spawn_app().await.unwrap();
    let booked = app.post(BOOK).header("origin", FOREIGN).json(&form()).send().await.unwrap();
    assert_eq!(booked.status(), 200);
    assert!(!booked.headers().contains_key("access-control-allow-origin"));
}
