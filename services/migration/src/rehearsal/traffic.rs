//! Traffic: reads of reservations, days and patients that are there, and a booking now and then.
//!
//! Every read goes the way of a client's: routed once, answered by that generation. What it asked is then put to both views.
//! What is told of an answer that differs shows nothing of a patient.

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

/// One booking comes on so many reads.
const READS_PER_BOOKING: u64 = 10;

/// Differences and failures that are told, at most; all are counted.
pub(super) const MAX_TOLD: usize = 10;

/// Rows of a list, and reservations of a patient, at most.
const PAGE: i64 = 100;

/// How long to wait for both views to stand at one position.
const TOGETHER_PATIENCE: Duration = Duration::from_secs(5);

/// Pause between two looks.
const TOGETHER_PAUSE: Duration = Duration::from_millis(5);

/// What became of some traffic.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Traffic {
    /// Reads that the legacy view answered, those of new bookings with them.
    pub by_legacy: u64,
    /// Reads that the dynamic view answered, those of new bookings with them.
    pub by_dynamic: u64,
    /// Reads and bookings that failed.
    pub failed: u64,
    /// Reads whose answer lacked a reservation that is there.
    pub missing: u64,
    /// Bookings that were made.
    pub booked: u64,
    /// Bookings that found no time, because the clinic is full.
    pub refused: u64,
    /// Reads that were put to both views at one position.
    pub compared: u64,
    /// Those of them that were answered differently.
    pub mismatched: u64,
    /// Reads that could not be compared, because the views did not meet.
    pub apart: u64,
    /// The first differences.
    pub differences: Vec<ReadDifference>,
    /// The first failures.
    pub failures: Vec<String>,
}

impl Traffic {
    fn answered(&mut self, model: ReadModel) {
        match model {
            ReadModel::Legacy => self.by_legacy += 1,
            ReadModel::Dynamic => self.by_dynamic += 1,
        }
    }

    fn fail(&mut self, error: &RehearsalError) {
        self.failed += 1;
        self.failures.push(describe(error));
        self.failures.truncate(MAX_TOLD);
    }

    fn differ(&mut self, differences: Vec<ReadDifference>) {
        self.mismatched += u64::from(!differences.is_empty());
        self.differences.extend(differences);
        self.differences.truncate(MAX_TOLD);
    }

    fn with(mut self, other: Self) -> Self {
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
        self.differences.truncate(MAX_TOLD);
        self.failures.extend(other.failures);
        self.failures.truncate(MAX_TOLD);
        self
    }

    /// Whether every request was answered, rightly and alike.
    pub const fn is_clean(&self) -> bool {
        self.failed == 0 && self.missing == 0 && self.mismatched == 0 && self.apart == 0
    }
}

/// Sends some traffic. `turns` counts reads over the whole rehearsal; `tell` hears of each.
pub(super) async fn send(
    environment: &RehearsalEnvironment,
    load: Load,
    turns: &AtomicU64,
    tell: &(dyn Fn(u64) + Sync),
) -> Traffic {
    let left = AtomicU64::new(load.reads);
    let readers = (0..load.readers).map(|_| async {
        let mut traffic = Traffic::default();
        while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            let turn = turns.fetch_add(1, Ordering::Relaxed);
            if turn.is_multiple_of(READS_PER_BOOKING) {
                take_booking(environment, &mut traffic).await;
            }
            if let Err(error) = take_read(environment, turn, &mut traffic).await {
                traffic.fail(&error);
            }
            tell(turn + 1);
        }
        traffic
    });
    join_all(readers).await.into_iter().fold(Traffic::default(), Traffic::with)
}

async fn take_booking(environment: &RehearsalEnvironment, traffic: &mut Traffic) {
    match book(environment).await {
        Ok(Booking::Shown(model)) => {
            traffic.booked += 1;
            traffic.answered(model);
        }
        Ok(Booking::NotShown) => {
            traffic.booked += 1;
            traffic.missing += 1;
        }
        Ok(Booking::Refused) => traffic.refused += 1,
        Err(error) => traffic.fail(&error),
    }
}

async fn take_read(
    environment: &RehearsalEnvironment,
    turn: u64,
    traffic: &mut Traffic,
) -> Result<(), RehearsalError> {
    let Some(drawn) = environment.pick(turn) else { return Ok(()) };
    let question = question(&drawn, turn);
    let (model, is_there) = answer(environment, &drawn, &question).await?;
    traffic.answered(model);
    traffic.missing += u64::from(!is_there);
    compare(environment, &question, traffic).await
}

/// What a turn asks about a reservation: itself, the list of its day, what its patient sees, or what free times are drawn
/// up from.
fn question(drawn: &SampledReservation, turn: u64) -> Question {
    match turn % 4 {
        0 => Question::Reservation(drawn.reservation.clone()),
        1 => Question::DayList(ListFilter { date: Some(drawn.date), limit: PAGE, ..ListFilter::default() }),
        2 => {
            Question::Patient { subject: drawn.subject, since: DateTime::UNIX_EPOCH.naive_utc(), most: PAGE }
        }
        _ => Question::Days { from: drawn.date, to: drawn.date },
    }
}

/// Asks as a client is answered: by which model, and whether the reservation is in the answer.
async fn answer(
    environment: &RehearsalEnvironment,
    drawn: &SampledReservation,
    question: &Question,
) -> Result<(ReadModel, bool), RehearsalError> {
    let patient = RoutedSubject::patient(drawn.subject);
    let route = environment.router.choose(Some(&patient))?;
    let (queries, generation, id) = (&environment.queries, route.generation, drawn.reservation.as_str());
    let is_there = match question {
        Question::Reservation(id) => queries.reservation(generation, id).await?.value.is_some(),
        Question::DayList(filter) => {
            let page = queries.list(generation, filter).await?.value;
            page.total > PAGE || page.items.iter().any(|reservation| reservation.id == id)
        }
        Question::Patient { subject, since, most } => {
            let found = queries.reservations_of(generation, *subject, *since, *most).await?.value;
            found.len() as i64 == PAGE || found.iter().any(|reservation| reservation.id == id)
        }
        Question::Days { from, to } => {
            let days = queries.days(generation, *from, *to).await?.value;
            days.sheets.get(from).is_some_and(|sheet| sheet.book.booking(&drawn.reservation).is_some())
        }
    };
    Ok((route.model(), is_there))
}

/// Puts the question to both views; nothing is compared once one of them is retired.
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
                traffic.differ(compared.differences);
                return Ok(());
            }
            Outcome::Alone => return Ok(()),
            Outcome::Apart if since.elapsed() > TOGETHER_PATIENCE => {
                traffic.apart += 1;
                return Ok(());
            }
            Outcome::Apart => tokio::time::sleep(TOGETHER_PAUSE).await,
        }
    }
}
