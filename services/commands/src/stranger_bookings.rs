//! The open bookings of strangers, counted over all days, so that a new one can be refused.
//!
//! A day schedule decides alone about its day. What is counted over days is counted here, in memory: from the day schedules in
//! the log at first, and then by following them. A request is counted before it is decided, so a burst stays within its bounds;
//! two processes can exceed them together by what they accept within [`PAUSE`]. Nothing here appends.

mod index;
mod own_events;
mod tries;

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use daybook_domain::schedule::event::{ScheduleEffect, Stranger};
use daybook_domain::schedule::{
    DaySchedule, ExceededBounds, MAX_DAYS_AHEAD, Rejection, ScheduleEvent, StrangerRequest,
};
use daybook_domain::time::ClinicNow;
use daybook_domain::{Event, PatientFingerprint, RequestFingerprint, ReservationId, SubjectId};
use daybook_event_log::{Backoff, Category, EventLog, Filter, Position, Revision, StreamName};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::task::JoinHandle;

use crate::commands::BookingOutcome;
use crate::decoder::EventDecoder;
use crate::error::CommandError;
use index::{Index, OpenBooking};
use own_events::OwnEvents;
use tries::{Disclosure, Tries, Try};

/// Day schedules that are read at the same time.
const PARALLEL_READS: usize = 16;

/// Most events that are read at once.
const CHUNK: usize = 1024;

/// The first and the longest delay before a retry of following.
const DELAYS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Time between two reads of the log. Reading after each commit would cost as much as the commit.
const PAUSE: Duration = Duration::from_millis(100);

/// How much strangers may book. 0 stands for no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrangerBounds {
    /// Open bookings of one patient, who is a phone number and a birth date.
    pub per_patient: u32,
    /// Open bookings from one network.
    pub per_network: u32,
    /// Open bookings of all strangers.
    pub in_all: u32,
    /// Tries of one phone number at once; two a day come back.
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

impl fmt::Display for StrangerBounds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { per_patient, per_network, in_all, per_number, may_overlap } = self;
        let overlap = if *may_overlap { "yes" } else { "no" };
        write!(
            formatter,
            "patient={per_patient},network={per_network},all={in_all},number={per_number},overlap={overlap}"
        )
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
    own_events: Mutex<OwnEvents>,
    tries: Mutex<Tries>,
}

/// A request to be counted.
pub(crate) struct Asked<'a> {
    pub(crate) reservation: &'a ReservationId,
    pub(crate) subject: SubjectId,
    pub(crate) patient: PatientFingerprint,
    pub(crate) stranger: Stranger,
    pub(crate) date: NaiveDate,
    pub(crate) fingerprint: RequestFingerprint,
    /// Whether an idempotency key names the reservation.
    pub(crate) is_keyed: bool,
}

/// A request that is counted until its decision is known. It stops counting when this is dropped, unless it was recorded.
pub(crate) struct Counted<'a> {
    counts: &'a Counts,
    /// None if a bound is exceeded.
    reservation: Option<ReservationId>,
    asked: Try,
    disclosed: Disclosure,
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
        decoder: EventDecoder,
        bounds: StrangerBounds,
        now: ClinicNow,
    ) -> Result<Self, CommandError> {
        // Following starts here, so there is no gap; what is read twice has the same effect.
        let after = log.head().await?;
        let index = read_days(&*log, &decoder, now.today()).await?;
        let tries = Mutex::new(Tries::new(bounds.per_number));
        let own_events = Mutex::new(OwnEvents::after(after));
        let counts = Arc::new(Counts { index: Mutex::new(index), own_events, tries });
        let follower = tokio::spawn(follow(log, decoder, Arc::clone(&counts), after));
        Ok(Self { bounds, counts, follower })
    }

    /// A change that this process appended has closed a booking. Its place is free at once, not when following gets there.
    pub(crate) fn close(&self, reservation: &ReservationId) {
        self.counts.index().remove(reservation);
    }

    /// Counts a request, and says which bounds a new booking would exceed.
    ///
    /// # Errors
    /// If too many other requests came with its key: then even the right one gets no answer.
    pub(crate) fn count(
        &self,
        asked: &Asked<'_>,
        now: ClinicNow,
    ) -> Result<(StrangerRequest, Counted<'_>), Rejection> {
        let Asked { reservation, subject, patient, stranger, date, fingerprint, is_keyed } = *asked;
        let named = is_keyed.then(|| reservation.clone());
        let asked = Try { subject, patient, fingerprint, named };
        let tried = self.counts.tries().begin(&asked, now.instant, Instant::now());
        let mut counted =
            Counted { counts: &self.counts, reservation: None, asked, disclosed: Disclosure::Nothing };
        if let Some(reached) = tried.key {
            return Err(Rejection::BoundReached(reached));
        }
        // Until the decision is known.
        counted.disclosed = Disclosure::Failure;
        let booking = OpenBooking { date, patient, network: stranger.network };
        let exceeded = self.counts.index().enter(reservation, booking, &self.bounds, now);
        let exceeded = ExceededBounds { number: tried.number, ..exceeded };
        if exceeded.common.is_none() && exceeded.patient.is_none() {
            counted.reservation = Some(reservation.clone());
        }
        let request = StrangerRequest { recorded: stranger, exceeded, may_overlap: self.bounds.may_overlap };
        Ok((request, counted))
    }
}

impl Counted<'_> {
    /// The decision is known.
    pub(crate) fn decided(mut self, outcome: &Result<BookingOutcome, CommandError>) {
        self.disclosed = match outcome {
            // Its key and its fingerprint prove that the client knows all of it.
            Ok(outcome) if outcome.repeated && self.asked.named.is_some() => Disclosure::Nothing,
            Ok(_) | Err(CommandError::Unanswered(_)) => Disclosure::Bookings,
            Err(CommandError::Rejected(Rejection::KeyReused)) => Disclosure::OtherRequest,
            Err(CommandError::Rejected(rejection)) if rejection.depends_on_patient() => Disclosure::Bookings,
            Err(CommandError::Rejected(_)) => Disclosure::Nothing,
            Err(_) => Disclosure::Failure,
        };
        let new = outcome.as_ref().ok().filter(|outcome| !outcome.repeated);
        if let Some((reservation, new)) = self.reservation.as_ref().zip(new) {
            self.counts.index().record(reservation);
            self.counts.own_events().insert(new.position);
        }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if let Some(reservation) = &self.reservation {
            self.counts.index().release(reservation);
        }
        self.counts.tries().end(&self.asked, self.disclosed, Instant::now());
    }
}

impl Counts {
    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn own_events(&self) -> MutexGuard<'_, OwnEvents> {
        self.own_events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
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

async fn read_days(
    log: &dyn EventLog,
    decoder: &EventDecoder,
    today: NaiveDate,
) -> Result<Index, CommandError> {
    let dates = today.iter_days().take(1 + MAX_DAYS_AHEAD as usize);
    let mut days = stream::iter(dates).map(|date| read_day(log, decoder, date)).buffered(PARALLEL_READS);
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

async fn read_day(
    log: &dyn EventLog,
    decoder: &EventDecoder,
    date: NaiveDate,
) -> Result<DaySchedule, CommandError> {
    let mut schedule = DaySchedule::empty(date);
    let mut events = log.read_stream(&StreamName::page(date), Revision::FIRST).await?;
    while let Some(recorded) = events.try_next().await? {
        // An event that cannot be decoded stops the commands of its day, and is reported there.
        if let Ok(Some((Event::Schedule(event), _))) = decoder.decode(&recorded).await {
            schedule.evolve(&event);
        }
    }
    Ok(schedule)
}

/// Follows until the task is aborted, and reconnects after errors.
async fn follow(log: Arc<dyn EventLog>, decoder: EventDecoder, counts: Arc<Counts>, mut after: Position) {
    let mut backoff = Backoff::between(DELAYS.0, DELAYS.1);
    loop {
        let before = after;
        if let Err(error) = follow_once(&*log, &decoder, &counts, &mut after).await {
            tracing::warn!(%after, %error, "lost the connection to the day schedules; reconnecting");
        }
        if after > before {
            backoff.reset();
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

async fn follow_once(
    log: &dyn EventLog,
    decoder: &EventDecoder,
    counts: &Counts,
    after: &mut Position,
) -> Result<(), CommandError> {
    let mut events = log.follow(*after, &Filter::categories([Category::Daybook])).await?.ready_chunks(CHUNK);
    while let Some(chunk) = events.next().await {
        for recorded in chunk {
            let recorded = recorded?;
            let is_counted = counts.own_events().pass(&recorded);
            if !is_counted && let Ok(Some((Event::Schedule(event), _))) = decoder.decode(&recorded).await {
                counts.ingest(&event);
            }
            *after = recorded.position;
        }
        tokio::time::sleep(PAUSE).await;
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
        assert_eq!(changed.to_string().parse(), Ok(changed));
        for wrong in ["", "patient", "patient=-1", "patient=x", "overlap=true", "day=3"] {
            assert_eq!(wrong.parse::<StrangerBounds>(), Err(InvalidStrangerBounds), "{wrong}");
        }
    }
}
