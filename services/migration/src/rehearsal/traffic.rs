//! Traffic: reads of existing reservations, days and patients, with occasional bookings.
//!
//! Each read is routed once, as a client's is, and answered by that generation. Then both views answer the same question and
//! are compared. The report must never show patient data.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::shadow::{Outcome, Question, ReadDifference, SampledReservation};
use chrono::DateTime;
use daybook_domain::ReadModel;
use daybook_domain::routing::RoutedSubject;
use daybook_projections::describe;
use daybook_projections::query::ListFilter;
use futures_util::future::join_all;
use serde::Serialize;

use super::booking::{Booking, book};
use super::environment::RehearsalEnvironment;
use super::{Load, RehearsalError};

const READS_PER_BOOKING: u64 = 10;

/// Maximum number of differences and of failures in a report; all are counted.
const MAX_REPORTED: usize = 10;

/// Maximum number of reservations in an answer.
const PAGE_SIZE: i64 = 100;

/// How long the views may take to reach the same position.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);

const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The results of some traffic.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Traffic {
    /// Reads that the legacy view answered, including those of new bookings.
    pub by_legacy: u64,
    /// Reads that the dynamic view answered, including those of new bookings.
    pub by_dynamic: u64,
    /// Failed reads and bookings.
    pub failed: u64,
    /// Reads whose answer lacked an existing reservation.
    pub missing: u64,
    pub booked: u64,
    /// Bookings that found no free time.
    pub refused: u64,
    /// Reads that both views answered at the same position.
    pub compared: u64,
    /// Compared reads with different answers.
    pub mismatched: u64,
    /// Reads that were not compared because the views did not reach the same position.
    pub apart: u64,
    pub differences: Vec<ReadDifference>,
    pub failures: Vec<String>,
}

impl Traffic {
    fn count_answer(&mut self, model: ReadModel) {
        match model {
            ReadModel::Legacy => self.by_legacy += 1,
            ReadModel::Dynamic => self.by_dynamic += 1,
        }
    }

    fn record_failure(&mut self, error: &RehearsalError) {
        self.failed += 1;
        self.failures.push(describe(error));
        self.failures.truncate(MAX_REPORTED);
    }

    fn merge(mut self, other: Self) -> Self {
        self.by_legacy += other.by_legacy;
        self.by_dynamic += other.by_dynamic;
        self.failed += other.failed;
        self.missing += other.missing;
        self.booked += other.booked;
        self.refused += other.refused;
        self.compared += other.compared;
        self.mismatched += other.mismatched;
        self.apart += other.apart;
        self.differences.extend(other.differences);
        self.differences.truncate(MAX_REPORTED);
        self.failures.extend(other.failures);
        self.failures.truncate(MAX_REPORTED);
        self
    }

    /// Whether every request succeeded, was complete, and was compared without a difference.
    pub const fn is_clean(&self) -> bool {
        self.failed == 0 && self.missing == 0 && self.mismatched == 0 && self.apart == 0
    }
}

/// Sends the traffic of one stage. `counter` numbers the reads of the whole rehearsal; `progress` receives each number.
pub(super) async fn send(
    environment: &RehearsalEnvironment,
    load: Load,
    counter: &AtomicU64,
    progress: &(dyn Fn(u64) + Sync),
) -> Traffic {
    let left = AtomicU64::new(load.reads);
    let readers = (0..load.readers).map(|_| async {
        let mut traffic = Traffic::default();
        while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            let number = counter.fetch_add(1, Ordering::Relaxed);
            if number.is_multiple_of(READS_PER_BOOKING) {
                send_booking(environment, &mut traffic).await;
            }
            if let Err(error) = send_read(environment, number, &mut traffic).await {
                traffic.record_failure(&error);
            }
            progress(number + 1);
        }
        traffic
    });
    join_all(readers).await.into_iter().fold(Traffic::default(), Traffic::merge)
}

async fn send_booking(environment: &RehearsalEnvironment, traffic: &mut Traffic) {
    match book(environment).await {
        Ok(Booking::Shown(model)) => {
            traffic.booked += 1;
            traffic.count_answer(model);
        }
        Ok(Booking::NotShown) => {
            traffic.booked += 1;
            traffic.missing += 1;
        }
        Ok(Booking::Refused) => traffic.refused += 1,
        Err(error) => traffic.record_failure(&error),
    }
}

async fn send_read(
    environment: &RehearsalEnvironment,
    number: u64,
    traffic: &mut Traffic,
) -> Result<(), RehearsalError> {
    let Some(sample) = environment.pick(number) else { return Ok(()) };
    let question = question(&sample, number);
    let (model, is_present) = answer(environment, &sample, &question).await?;
    traffic.count_answer(model);
    traffic.missing += u64::from(!is_present);
    compare(environment, &question, traffic).await
}

/// The question of a read: the reservation, the list of its day, its patient's reservations, or the data of free times.
fn question(sample: &SampledReservation, number: u64) -> Question {
    match number % 4 {
        0 => Question::Reservation(sample.reservation.clone()),
        1 => Question::DayList(ListFilter {
            date: Some(sample.date),
            limit: PAGE_SIZE,
            ..ListFilter::default()
        }),
        2 => Question::Patient {
            subjects: vec![sample.subject],
            since: DateTime::UNIX_EPOCH.naive_utc(),
            most: PAGE_SIZE,
        },
        _ => Question::Days { from: sample.date, to: sample.date },
    }
}

/// Answers as the service would. Returns the model that answered and whether the answer contains the reservation.
async fn answer(
    environment: &RehearsalEnvironment,
    sample: &SampledReservation,
    question: &Question,
) -> Result<(ReadModel, bool), RehearsalError> {
    let patient = RoutedSubject::patient(sample.subject);
    let route = environment.router.choose(Some(&patient))?;
    let (queries, generation, id) = (&environment.queries, route.generation, sample.reservation.as_str());
    let is_present = match question {
        Question::Reservation(id) => queries.reservation(generation, id).await?.value.is_some(),
        Question::DayList(filter) => {
            let page = queries.list(generation, filter).await?.value;
            page.total > PAGE_SIZE || page.items.iter().any(|reservation| reservation.id == id)
        }
        Question::Patient { subjects, since, most } => {
            let found = queries.reservations_of(generation, subjects, *since, *most).await?.value;
            found.len() as i64 == PAGE_SIZE || found.iter().any(|reservation| reservation.id == id)
        }
        Question::Days { from, to } => {
            let days = queries.days(generation, *from, *to).await?.value;
            days.sheets.get(from).is_some_and(|sheet| sheet.book.booking(&sample.reservation).is_some())
        }
    };
    Ok((route.model(), is_present))
}

/// Compares the answers of both views, unless one of them is retired.
async fn compare(
    environment: &RehearsalEnvironment,
    question: &Question,
    traffic: &mut Traffic,
) -> Result<(), RehearsalError> {
    let since = Instant::now();
    loop {
        match environment.shadow.compare(question).await? {
            Outcome::Compared(compared) => {
                traffic.compared += 1;
                traffic.mismatched += u64::from(!compared.differences.is_empty());
                traffic.differences.extend(compared.differences);
                traffic.differences.truncate(MAX_REPORTED);
                return Ok(());
            }
            Outcome::Alone => return Ok(()),
            Outcome::Apart if since.elapsed() > SETTLE_TIMEOUT => {
                traffic.apart += 1;
                return Ok(());
            }
            Outcome::Apart => tokio::time::sleep(POLL_INTERVAL).await,
        }
    }
}
