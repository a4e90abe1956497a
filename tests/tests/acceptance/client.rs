//! Sends requests as booking clients do, and waits for conditions.

use std::fmt::Debug;
use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc, Weekday};
use daybook_api::{JwtSecret, Role, StaffName, TokenOrder, TokenRules, issue_token};
use daybook_tests::app::JWT_SECRET;
use daybook_tests::process::Service;
use reqwest::header::AUTHORIZATION;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::Instant;

/// The path of booking requests.
pub(crate) const RESERVATIONS: &str = "/api/public/reservations";

/// An export of the old system in the repository.
pub(crate) const EXPORT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/legacy_reservations.csv");

/// Number of reservations in the export.
pub(crate) const EXPORT_ROWS: usize = 200;

/// The time limit for a condition to become true.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The interval at which a condition is checked.
const PAUSE: Duration = Duration::from_millis(10);

/// The time limit for a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// A response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The headers `Daybook-Read-Model` and `Daybook-Generation`; empty if absent.
    pub(crate) model: String,
    pub(crate) generation: String,
    pub(crate) position: String,
    pub(crate) body: Value,
}

impl Response {
    pub(crate) fn id(&self) -> &str {
        self.body["reservation"]["id"].as_str().expect("the response has no reservation id")
    }

    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.body);
        self
    }
}

/// A client that keeps its connections open. Its token lets it see which view answers public routes.
pub(crate) fn client() -> Client {
    let (secret, name) = (JwtSecret::parse(JWT_SECRET).unwrap(), StaffName::parse("observer").unwrap());
    let now = Utc::now();
    let order = TokenOrder::new(name, Role::Editor, now + TimeDelta::hours(1));
    let token = issue_token(&secret, &TokenRules::default(), order, now).unwrap();
    let headers = [(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())];
    Client::builder()
        .timeout(RESPONSE_TIMEOUT)
        .default_headers(headers.into_iter().collect())
        .build()
        .unwrap()
}

/// Sends a request and reads the whole response.
pub(crate) async fn send(request: RequestBuilder) -> reqwest::Result<Response> {
    let response = request.send().await?;
    let header =
        |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let (model, generation) = (header("daybook-read-model"), header("daybook-generation"));
    let (status, position) = (response.status().as_u16(), header("daybook-position"));
    let body = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
    Ok(Response { status, model, generation, position, body })
}

/// Reads a path of a service.
pub(crate) async fn get(client: &Client, service: &Service, path: &str) -> reqwest::Result<Response> {
    send(client.get(service.url(path))).await
}

/// The booking form of an invented patient. Each patient number has its own phone number.
pub(crate) fn form(patient: usize, service: &str, day: NaiveDate, time: &str) -> Value {
    json!({
        "patient_name": format!("Patient {patient}"),
        "phone": format!("010-{:04}-{:04}", 3000 + patient / 10_000, patient % 10_000),
        "birth_date": "1987-06-05", "gender": "FEMALE", "treatment_type": "FIRST_VISIT",
        "service": service, "preferred_date": day, "preferred_time": time,
    })
}

/// The clinic's current date: in Seoul, whatever the machine's time zone.
fn today() -> NaiveDate {
    let now: DateTime<Utc> = Utc::now();
    (now + TimeDelta::hours(9)).date_naive()
}

/// The working days from a week from now on: Monday to Friday, when the clinic is open 09–12 and 14–18.
pub(crate) fn working_day(number: usize) -> NaiveDate {
    let is_working = |day: &NaiveDate| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
    (today() + TimeDelta::days(7)).iter_days().filter(is_working).nth(number).unwrap()
}

/// Waits until a condition is true. After the time limit it fails with the last observed state.
pub(crate) async fn wait_until<T: Debug>(what: &str, check: impl AsyncFnMut() -> Result<T, String>) -> T {
    wait_within(PATIENCE, what, check).await
}

/// Like [`wait_until`], with its own time limit.
pub(crate) async fn wait_within<T: Debug>(
    patience: Duration,
    what: &str,
    mut check: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        match check().await {
            Ok(found) => return found,
            Err(seen) => assert!(Instant::now() < deadline, "waited {patience:?} for {what}: {seen}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
