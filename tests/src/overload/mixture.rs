//! The requests of the load: bookings, free times and lookups of strangers; bookings and lists of the desk.
//!
//! Each booking is of another patient, each request of a stranger from another address, so that no limit on strangers counts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::ensure;
use chrono::{Datelike, NaiveDate, TimeDelta, Utc, Weekday};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::process::Service;

/// Working days over which bookings are spread.
const DAYS: usize = 230;

/// Starts of an hour within clinic hours.
const STARTS: [&str; 7] = ["09:00", "10:00", "11:00", "14:00", "15:00", "16:00", "17:00"];

/// Services of at most an hour.
const SERVICES: [&str; 4] = ["WRINKLE_BOTOX", "VOLUME_LIFTING", "REMOVAL_PROCEDURE", "BODY_CARE"];

/// Bookings at the same time, and bookings of one service on a day: more than the load needs.
const SEATS: u32 = 100;
const DAILY_LIMIT: u32 = 1000;

/// One request.
pub(super) struct Request {
    pub(super) bytes: Vec<u8>,
    pub(super) is_booking: bool,
}

/// Who sends requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    Strangers,
    FrontDesk,
}

/// Makes requests.
#[derive(Debug, Clone)]
pub(super) struct Mixture {
    pub(super) address: SocketAddr,
    sender: Sender,
    token: Arc<str>,
    days: Arc<[NaiveDate]>,
    next: Arc<AtomicUsize>,
}

impl Mixture {
    /// Requests of strangers.
    pub(super) fn new(address: SocketAddr, token: &str) -> Self {
        let works = |day: &NaiveDate| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
        let days = (Utc::now() + TimeDelta::days(7)).date_naive().iter_days().filter(works).take(DAYS);
        let (sender, days) = (Sender::Strangers, days.collect());
        Self { address, sender, token: token.into(), days, next: Arc::default() }
    }

    /// Requests of the desk, for other patients than those of the strangers.
    pub(super) fn of_desk(&self) -> Self {
        Self { sender: Sender::FrontDesk, ..self.clone() }
    }

    /// The next request: of ten of strangers three bookings, five for free times, two lookups; of the desk, half are bookings
    /// and half are lists.
    pub(super) fn next(&self) -> Request {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let day = self.days.get(number % DAYS).copied().unwrap_or_default();
        let service = SERVICES[number / DAYS % SERVICES.len()];
        let free_times = || format!("/api/public/reservations/time-slots?service={service}&date={day}");
        let (bytes, is_booking) = match (self.sender, number % 10) {
            (Sender::Strangers, 0..3) | (Sender::FrontDesk, 0..5) => {
                (self.booking(number, day, service), true)
            }
            (Sender::Strangers, 3..8) => (self.read(number, &free_times()), false),
            (Sender::Strangers, _) => {
                let body = json!({"phone": phone(number), "birth_date": "1951-02-03"});
                (self.post(number, "/api/public/reservations/check", "", &body), false)
            }
            (Sender::FrontDesk, _) => (self.read(number, &format!("/api/reservations?date={day}")), false),
        };
        Request { bytes, is_booking }
    }

    fn booking(&self, number: usize, day: NaiveDate, service: &str) -> Vec<u8> {
        let form = json!({
            "patient_name": format!("Patient {number}"), "phone": phone(number), "birth_date": "1987-06-05",
            "gender": "FEMALE", "treatment_type": "FIRST_VISIT", "service": service, "preferred_date": day,
            "preferred_time": STARTS[number / DAYS % STARTS.len()],
        });
        let key = format!("idempotency-key: overload-{number}\r\n");
        self.post(number, "/api/public/reservations", &key, &form)
    }

    fn post(&self, number: usize, path: &str, header_lines: &str, body: &Value) -> Vec<u8> {
        let (Self { address, .. }, body) = (self, body.to_string());
        let (sender, length) = (self.sender_line(number), body.len());
        format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\n{sender}\r\n{header_lines}\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }

    fn read(&self, number: usize, path: &str) -> Vec<u8> {
        let sender = self.sender_line(number);
        format!("GET {path} HTTP/1.1\r\nhost: {}\r\n{sender}\r\n\r\n", self.address).into_bytes()
    }

    fn sender_line(&self, number: usize) -> String {
        match self.sender {
            Sender::Strangers => format!("x-forwarded-for: {}", network(number)),
            Sender::FrontDesk => format!("authorization: Bearer {}", self.token),
        }
    }
}

/// A phone number of its own for each request.
fn phone(number: usize) -> String {
    format!("010-{:04}-{:04}", 2000 + number / 10_000 % 8000, number % 10_000)
}

/// An address of its own for each request, of a range that is set apart for benchmarks.
fn network(number: usize) -> String {
    format!("198.{}.{}.{}", 18 + number / 65_536 % 2, number / 256 % 256, number % 256)
}

/// Gives the clinic enough seats for the load.
pub(super) async fn prepare(service: &Service, token: &str) -> anyhow::Result<()> {
    let client = Client::new();
    let set = async |method: Method, path: &str, body: Value| {
        let request = client.request(method, service.url(path)).bearer_auth(token).json(&body);
        let response = request.send().await?;
        let status = response.status();
        ensure!(status.is_success(), "{path}: {status} {}", response.text().await?);
        Ok(())
    };
    for day in 1..=5 {
        let slot = |period, start, end| json!({"period": period, "startTime": start, "endTime": end, "maxConcurrent": SEATS});
        let slots = [slot("MORNING", "09:00", "12:00"), slot("AFTERNOON", "14:00", "18:00")];
        set(Method::PUT, "/api/admin/clinic-hours", json!({"dayOfWeek": day, "slots": slots})).await?;
    }
    for service_type in SERVICES {
        let limit = json!({"serviceType": service_type, "dailyLimit": DAILY_LIMIT});
        set(Method::PATCH, "/api/admin/service-limits", limit).await?;
    }
    Ok(())
}
