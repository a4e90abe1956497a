//! What an answer told, and the requests that most tests make.

use chrono::TimeDelta;
use daybook_api::Role;
use daybook_event_log::Position;
use daybook_tests::app::{App, token};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// An answer.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) json: Value,
}

impl Told {
    pub(crate) fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn position(&self) -> Position {
        self.header("daybook-position").parse().unwrap()
    }

    /// The same, once it is known to have gone well.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.json);
        self
    }
}

/// Sends a request, whose answer has to be JSON.
pub(crate) async fn told(request: RequestBuilder) -> Told {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    assert!(headers["content-type"].to_str().unwrap().starts_with("application/json"), "{status}");
    Told { status, headers, json: answer.json().await.unwrap() }
}

/// The form that a booking client sends.
pub(crate) fn form() -> Value {
    json!({
        "patient_name": "홍길동", "phone": "010-1234-5678", "birth_date": "1990-01-01", "gender": "FEMALE",
        "treatment_type": "FIRST_VISIT", "service": "WRINKLE_BOTOX", "preferred_date": "2026-12-01",
        "preferred_time": "10:00", "email": "hong@example.com", "notes": "주차 가능한가요?"
    })
}

/// The form with other values in some fields; null takes a field out.
pub(crate) fn form_with(fields: Value) -> Value {
    let mut form = form();
    for (field, value) in fields.as_object().unwrap() {
        form[field] = value.clone();
    }
    form.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    form
}

/// Books.
pub(crate) async fn book(app: &App, form: &Value) -> Told {
    told(app.post("/api/public/reservations").json(form)).await
}

/// A request of a member of staff.
pub(crate) fn staff(app: &App, role: Role, method: Method, path: &str) -> RequestBuilder {
    app.request(method, path).bearer_auth(token("desk@clinic.example", role).unwrap())
}

/// A GET by an administrator.
pub(crate) async fn look(app: &App, path: &str) -> Told {
    told(staff(app, Role::Admin, Method::GET, path)).await
}

/// Sends JSON as an administrator.
pub(crate) async fn tell(app: &App, method: Method, path: &str, body: &Value) -> Told {
    told(staff(app, Role::Admin, method, path).json(body)).await
}

/// Sets the dynamic share.
pub(crate) async fn set_share(app: &App, percent: f64) -> Told {
    let body = json!({"action": "set", "dynamicPercentage": percent, "reason": "test"});
    tell(app, Method::POST, "/api/admin/read-model", &body).await.ok()
}

/// The application, routed to one of the models.
pub(crate) async fn app_on(model: &str) -> App {
    let app = daybook_tests::app::spawn_app().await.unwrap();
    if model == "dynamic" {
        set_share(&app, 100.0).await;
    }
    app
}

/// The application over a clinic without an engine, whose views stand still, with a clock so far ahead.
pub(crate) async fn app_that_falls_behind(ahead: TimeDelta) -> App {
    let clinic = daybook_tests::clinic::Clinic::without_views().await.unwrap();
    clinic.rebuild().missing().await.unwrap().expect("the views of a new clinic");
    App::with_clinic(clinic, ahead).await.unwrap()
}

/// The id of the reservation in an answer.
pub(crate) fn id(told: &Told) -> String {
    told.json["reservation"]["id"].as_str().unwrap().to_owned()
}
