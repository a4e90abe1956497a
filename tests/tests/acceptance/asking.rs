//! Requests as booking clients send them, what was answered, and waiting for what has to become true.

use std::fmt::Debug;
use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc, Weekday};
use daybook_tests::process::Service;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::Instant;

/// The address that takes bookings.
pub(crate) const RESERVATIONS: &str = "/api/public/reservations";

/// An export of the old system that is part of the tree.
pub(crate) const EXPORT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/legacy_reservations.csv");

/// Reservations of the export.
pub(crate) const EXPORTED: usize = 200;

/// How long anything may take to become true.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked whether it has.
const PAUSE: Duration = Duration::from_millis(10);

/// How long an answer may take.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Headers `Daybook-Read-Model` and `Daybook-Generation`; empty where there are none.
    pub(crate) model: String,
    pub(crate) generation: String,
    pub(crate) position: String,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn id(&self) -> &str {
        self.body["reservation"]["id"].as_str().expect("the id of a reservation")
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

/// A client that keeps its connections.
pub(crate) fn client() -> Client {
    Client::builder().timeout(ANSWER_PATIENCE).build().unwrap()
}

/// Sends a request, and takes the whole answer in.
pub(crate) async fn ask(request: RequestBuilder) -> reqwest::Result<Answer> {
    let answer = request.send().await?;
    let header =
        |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let (model, generation) = (header("daybook-read-model"), header("daybook-generation"));
    let (status, position) = (answer.status().as_u16(), header("daybook-position"));
    let body = serde_json::from_slice(&answer.bytes().await?).unwrap_or(Value::Null);
    Ok(Answer { status, model, generation, position, body })
}

/// Reads an address of a service.
pub(crate) async fn read(client: &Client, service: &Service, path: &str) -> reqwest::Result<Answer> {
    ask(client.get(service.url(path))).await
}

/// The form of an invented patient; patients of different numbers have different phone numbers.
pub(crate) fn form(patient: usize, service: &str, day: NaiveDate, time: &str) -> Value {
    json!({
        "patient_name": format!("Patient {patient}"),
        "phone": format!("010-{:04}-{:04}", 3000 + patient / 10_000, patient % 10_000),
        "birth_date": "1987-06-05", "gender": "FEMALE", "treatment_type": "FIRST_VISIT",
        "service": service, "preferred_date": day, "preferred_time": time,
    })
}

/// The day of the clinic: in Seoul, whatever the zone of the machine.
fn today() -> NaiveDate {
    let now: DateTime<Utc> = Utc::now();
    (now + TimeDelta::hours(9)).date_naive()
}

/// The working days ahead, from a week from now: Monday to Friday, when the hours are 09–12 and 14–18.
pub(crate) fn working_day(number: usize) -> NaiveDate {
    let is_working = |day: &NaiveDate| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
    (today() + TimeDelta::days(7)).iter_days().filter(is_working).nth(number).unwrap()
}

/// Waits until something is true; fails with the last thing seen where that takes too long.
pub(crate) async fn until<T: Debug>(what: &str, look: impl AsyncFnMut() -> Result<T, String>) -> T {
    within(PATIENCE, what, look).await
}

/// The same with a limit of its own.
pub(crate) async fn within<T: Debug>(
    patience: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => assert!(Instant::now() < deadline, "waited {patience:?} for {what}: {seen}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}
