//! The open bookings of strangers, counted over all days, so that a new one can be refused.
//!
//! A day schedule decides alone about its day. What is counted over days is counted here, in memory: from the day schedules in
//! the log at first, and then by following them. A request is counted before it is decided, so a burst stays within its bounds;
//! two processes can exceed them together by what they accept within milliseconds. Nothing here appends.

mod index;

use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use daybook_domain::schedule::event::{ScheduleEffect, Stranger};
use daybook_domain::schedule::{
    BookingBound, BoundReached, DaySchedule, MAX_DAYS_AHEAD, Rejection, RoomAgain, ScheduleEvent,
    StrangerRequest,
};
use daybook_domain::time::ClinicNow;
use daybook_domain::{Event, PatientFingerprint, ReservationId, SubjectId};
use daybook_event_log::{Backoff, Category, EventLog, Filter, Position, Revision, StreamName, decode};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::task::JoinHandle;

use crate::budget::{Budgets, Rate};
use crate::commands::BookingOutcome;
use crate::error::CommandError;
use index::{Index, OpenBooking};

/// Day schedules that are read at the same time.
const PARALLEL_READS: usize = 16;

/// The first and the longest delay before a retry of following.
const DELAYS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Time until a phone number has one of its bookings back.
const NUMBER_REFILL: Duration = Duration::from_secs(12 * 60 * 60);

/// Most phone numbers that are counted at a time.
const MAX_NUMBERS: usize = 100_000;

/// How much strangers may book. 0 stands for no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrangerBounds {
    /// Open bookings of one patient, who is a phone number and a birth date.
    pub per_patient: u32,
    /// Open bookings from one network.
    pub per_network: u32,
    /// Open bookings of all strangers.
    pub in_all: u32,
    /// New bookings of one phone number at once; two a day come back.
    pub per_number: u32,
    /// Whether a patient may have two open bookings at the same time.
    pub may_overlap: bool,
}

impl StrangerBounds {
    /// No bound at all.
    pub const NONE: Self =
        Self { per_patient: 0, per_network: 0, in_all: 0, per_number: 0, may_overlap: true };
}

impl Default for StrangerBounds {
    fn default() -> Self {
        Self { per_patient: 5, per_network: 30, in_all: 50_000, per_number: 20, may_overlap: false }
    }
}

/// The text is not a list of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "bounds are a list such as patient=5,network=30,all=50000,number=20,overlap=no; 0 stands for no bound, and what is not \
     listed keeps its default"
)]
pub struct InvalidStrangerBounds;

impl FromStr for StrangerBounds {
    type Err = InvalidStrangerBounds;

    fn from_str(text: &str) -> Result<Self, InvalidStrangerBounds> {
        let mut bounds = Self::default();
        for part in text.split(',') {
            let (name, value) = part.split_once('=').ok_or(InvalidStrangerBounds)?;
            let number = || value.trim().parse().map_err(|_| InvalidStrangerBounds);
            match name.trim() {
                "patient" => bounds.per_patient = number()?,
                "network" => bounds.per_network = number()?,
                "all" => bounds.in_all = number()?,
                "number" => bounds.per_number = number()?,
                "overlap" => {
                    bounds.may_overlap = match value.trim() {
                        "yes" => true,
                        "no" => false,
                        _ => return Err(InvalidStrangerBounds),
                    }
                }
                _ => return Err(InvalidStrangerBounds),
            }
        }
        Ok(bounds)
    }
}

/// The counts. Following ends when this is dropped.
#[derive(Debug)]
pub(crate) struct StrangerBookings {
    bounds: StrangerBounds,
    counts: Arc<Counts>,
    follower: JoinHandle<()>,
}

#[derive(Debug)]
struct Counts {
    index: Mutex<Index>,
    numbers: Mutex<Budgets<SubjectId>>,
}

/// A request to be counted.
pub(crate) struct Asked<'a> {
    pub(crate) reservation: &'a ReservationId,
    pub(crate) subject: SubjectId,
    pub(crate) patient: PatientFingerprint,
    pub(crate) stranger: Stranger,
    pub(crate) date: NaiveDate,
}

/// A request that is counted until its decision is known. It stops counting when this is dropped, unless it was recorded.
pub(crate) struct Counted<'a> {
    counts: &'a Counts,
    /// None if a bound is exceeded.
    reservation: Option<ReservationId>,
    /// The number whose budget it took from.
    subject: Option<SubjectId>,
}

impl Drop for StrangerBookings {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

impl StrangerBookings {
    /// Reads the day schedules from today on, and starts to follow.
    pub(crate) async fn start(
        log: Arc<dyn EventLog>,
        bounds: StrangerBounds,
        now: ClinicNow,
    ) -> Result<Self, CommandError> {
        // Following starts here, so there is no gap; what is read twice has the same effect.
        let after = log.head().await?;
        let index = read_days(&*log, now.today()).await?;
        let rate = Rate { tokens: bounds.per_number, refill: NUMBER_REFILL };
        let numbers = Mutex::new(Budgets::new(rate, MAX_NUMBERS));
        let counts = Arc::new(Counts { index: Mutex::new(index), numbers });
        let follower = tokio::spawn(follow(log, Arc::clone(&counts), after));
        Ok(Self { bounds, counts, follower })
    }

    /// Counts a request, and says which bound a new booking would exceed.
    pub(crate) fn count(&self, asked: &Asked<'_>, now: ClinicNow) -> (StrangerRequest, Counted<'_>) {
        let wait = self.take_from_budget(asked.subject);
        let number = wait.err().map(|wait| BoundReached {
            bound: BookingBound::Number,
            room: RoomAgain::after(wait, now.instant),
        });
        let exceeded = number.or_else(|| {
            let (date, patient, network) = (asked.date, asked.patient, asked.stranger.network);
            let booking = OpenBooking { date, patient, network };
            self.counts.index().enter(asked.reservation, booking, &self.bounds, now).err()
        });
        let counted = Counted {
            counts: &self.counts,
            reservation: exceeded.is_none().then(|| asked.reservation.clone()),
            subject: (number.is_none() && self.bounds.per_number > 0).then_some(asked.subject),
        };
        let may_overlap = self.bounds.may_overlap;
        (StrangerRequest { recorded: asked.stranger, exceeded, may_overlap }, counted)
    }

    fn take_from_budget(&self, subject: SubjectId) -> Result<(), Duration> {
        if self.bounds.per_number == 0 {
            return Ok(());
        }
        let (mut numbers, now) = (self.counts.numbers(), Instant::now());
        match numbers.wait(&subject, now) {
            Some(wait) => Err(wait),
            None => {
                numbers.spend(subject, now);
                Ok(())
            }
        }
    }
}

impl Counted<'_> {
    /// The decision is known. Whatever tells a client whether the patient has a booking takes from the number's budget.
    pub(crate) fn decided(mut self, outcome: &Result<BookingOutcome, CommandError>) {
        let tells_something = match outcome {
            Ok(_) => is_new(outcome),
            Err(CommandError::Rejected(Rejection::OverlappingBooking) | CommandError::Unanswered(_)) => true,
            Err(CommandError::Rejected(Rejection::BoundReached(reached))) => {
                reached.bound == BookingBound::Patient
            }
            Err(_) => false,
        };
        if tells_something {
            self.subject = None;
        }
        if let Some(reservation) = self.reservation.as_ref().filter(|_| is_new(outcome)) {
            self.counts.index().record(reservation);
        }
    }
}

fn is_new(outcome: &Result<BookingOutcome, CommandError>) -> bool {
    outcome.as_ref().is_ok_and(|outcome| !outcome.repeated)
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if let Some(reservation) = &self.reservation {
            self.counts.index().release(reservation);
        }
        if let Some(subject) = self.subject {
            self.counts.numbers().refund(subject, Instant::now());
        }
    }
}

impl Counts {
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn numbers(&self) -> MutexGuard<'_, Budgets<SubjectId>> {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ingest(&self, event: &ScheduleEvent) {
        match event.effect() {
            ScheduleEffect::Requested(requested) => {
                if let Some((stranger, patient)) = requested.stranger.zip(requested.patient) {
                    let (date, network) = (requested.date, stranger.network);
                    self.index().follow(&requested.reservation, OpenBooking { date, patient, network });
                }
            }
            ScheduleEffect::StatusChanged(reservation, status) if !status.is_open() => {
                self.index().remove(reservation);
            }
            ScheduleEffect::StatusChanged(..)
            | ScheduleEffect::Imported(_)
            | ScheduleEffect::Reimported(_)
            | ScheduleEffect::MovedOut(_)
            | ScheduleEffect::MovedIn(_)
            | ScheduleEffect::Rescheduled(..)
            | ScheduleEffect::NoteWritten(_)
            | ScheduleEffect::Closed(_)
            | ScheduleEffect::Reopened(_) => {}
        }
    }
}

async fn read_days(log: &dyn EventLog, today: NaiveDate) -> Result<Index, CommandError> {
    let dates = today.iter_days().take(1 + MAX_DAYS_AHEAD as usize);
    let mut days = stream::iter(dates).map(|date| read_day(log, date)).buffered(PARALLEL_READS);
    let mut index = Index::default();
    while let Some(schedule) = days.try_next().await? {
        for (id, booking) in schedule.bookings().filter(|(_, booking)| booking.status.is_open()) {
            if let Some((stranger, patient)) = booking.stranger.zip(booking.patient) {
                let (date, network) = (schedule.date, stranger.network);
                index.follow(id, OpenBooking { date, patient, network });
            }
        }
    }
    Ok(index)
}

async fn read_day(log: &dyn EventLog, date: NaiveDate) -> Result<DaySchedule, CommandError> {
    let mut schedule = DaySchedule::empty(date);
    let mut events = log.read_stream(&StreamName::page(date), Revision::FIRST).await?;
    while let Some(recorded) = events.try_next().await? {
        // An event that cannot be decoded stops the commands of its day, and is reported there.
        if let Ok((Event::Schedule(event), _)) = decode(&recorded) {
            schedule.evolve(&event);
        }
    }
    Ok(schedule)
}

/// Follows until the task is aborted, and reconnects after errors.
async fn follow(log: Arc<dyn EventLog>, counts: Arc<Counts>, mut after: Position) {
    let mut backoff = Backoff::between(DELAYS.0, DELAYS.1);
    loop {
        let before = after;
        if let Err(error) = follow_once(&*log, &counts, &mut after).await {
            tracing::warn!(%after, %error, "lost the connection to the day schedules; reconnecting");
        }
        if after > before {
            backoff.reset();
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

async fn follow_once(log: &dyn EventLog, counts: &Counts, after: &mut Position) -> Result<(), CommandError> {
    let mut events = log.follow(*after, &Filter::categories([Category::Daybook])).await?;
    while let Some(recorded) = events.try_next().await? {
        if let Ok((Event::Schedule(event), _)) = decode(&recorded) {
            counts.ingest(&event);
        }
        *after = recorded.position;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn bounds_are_changed_one_by_one() {
        let changed = StrangerBounds { per_network: 0, may_overlap: true, ..StrangerBounds::default() };
        assert_eq!("network=0, overlap=yes".parse(), Ok(changed));
        for wrong in ["", "patient", "patient=-1", "patient=x", "overlap=true", "day=3"] {
            assert_eq!(wrong.parse::<StrangerBounds>(), Err(InvalidStrangerBounds), "{wrong}");
        }
    }
}
