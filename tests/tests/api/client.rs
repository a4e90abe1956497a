//! An HTTP client for the tests: requests that most of them send, and the response.

use chrono::TimeDelta;
use daybook_api::Role;
use daybook_event_log::Position;
use daybook_tests::app::{App, token};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// A JSON response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) json: Value,
}

impl Response {
    pub(crate) fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn position(&self) -> Position {
        self.header("daybook-position").parse().unwrap()
    }

    /// Asserts that the status is 200.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.json);
        self
    }
}

/// Sends a request and asserts that the response is JSON.
pub(crate) async fn send(request: RequestBuilder) -> Response {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    assert!(headers["content-type"].to_str().unwrap().starts_with("application/json"), "{status}");
    Response { status, headers, json: response.json().await.unwrap() }
}

/// The booking form of an old client.
pub(crate) fn form() -> Value {
    json!({
        "patient_name": "홍길동", "phone": "010-1234-5678", "birth_date": "1990-01-01", "gender": "FEMALE",
        "treatment_type": "FIRST_VISIT", "service": "WRINKLE_BOTOX", "preferred_date": "2026-12-01",
        "preferred_time": "10:00", "email": "hong@example.com", "notes": "주차 가능한가요?"
    })
}

/// The form with some fields replaced. Null removes a field.
pub(crate) fn form_with(fields: Value) -> Value {
    let mut form = form();
    for (field, value) in fields.as_object().unwrap() {
        form[field] = value.clone();
    }
    form.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    form
}

/// Adds a token, so that the response of a public route names the view that answered.
pub(crate) fn observed(request: RequestBuilder) -> RequestBuilder {
    request.bearer_auth(token("observer", Role::Editor).unwrap())
}

/// Sends a booking form.
pub(crate) async fn book(app: &App, form: &Value) -> Response {
    send(app.post("/api/public/reservations").json(form)).await
}

/// A request of a member of staff.
pub(crate) fn staff_request(app: &App, role: Role, method: Method, path: &str) -> RequestBuilder {
    app.request(method, path).bearer_auth(token("desk@clinic.example", role).unwrap())
}

/// Sends a GET request as an administrator.
pub(crate) async fn get(app: &App, path: &str) -> Response {
    send(staff_request(app, Role::Admin, Method::GET, path)).await
}

/// Sends JSON as an administrator.
pub(crate) async fn send_json(app: &App, method: Method, path: &str, body: &Value) -> Response {
    send(staff_request(app, Role::Admin, method, path).json(body)).await
}

/// Sets the rollout percentage.
pub(crate) async fn set_share(app: &App, percent: f64) -> Response {
    let body = json!({"action": "set", "dynamicPercentage": percent, "reason": "test"});
    send_json(app, Method::POST, "/api/admin/read-model", &body).await.ok()
}

/// The application with all reads routed to one model.
pub(crate) async fn app_on(model: &str) -> App {
    let app = daybook_tests::app::spawn_app().await.unwrap();
    if model == "dynamic" {
        set_share(&app, 100.0).await;
    }
    app
}

/// The same, once its views keep up: they have applied an event since the start, and the application knows it.
pub(crate) async fn app_in_step(model: &str) -> App {
    let app = app_on(model).await;
    for percent in [50.0, if model == "dynamic" { 100.0 } else { 0.0 }] {
        set_share(&app, percent).await;
    }
    let head = app.clinic.log.head().await.unwrap().to_string();
    let request = staff_request(&app, Role::Admin, Method::GET, "/api/reservations");
    let wait = || send(request.try_clone().unwrap().header("daybook-at-least", &head));
    while wait().await.status != 200 {}
    app
}

/// The application for a clinic without an engine, whose views do not advance. Its clock is ahead by `ahead`.
pub(crate) async fn app_that_falls_behind(ahead: TimeDelta) -> App {
    let clinic = daybook_tests::clinic::Clinic::without_views().await.unwrap();
    clinic.rebuild().missing().await.unwrap().expect("the views of a new clinic");
    App::with_clinic(clinic, ahead).await.unwrap()
}

/// The id of the reservation in a response.
pub(crate) fn reservation_id(response: &Response) -> String {
    response.json["reservation"]["id"].as_str().unwrap().to_owned()
}
