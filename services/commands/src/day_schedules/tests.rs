//! Day schedules on a log in memory: seats, groups in one append, conflicts, and lost answers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod discarded;
mod late;

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use daybook_domain::catalog::{CatalogCommand, first_services};
use daybook_domain::hours::{ClinicHoursSet, first_hours};
use daybook_domain::requested_time::ParsedTime;
use daybook_domain::schedule::{Rejection, RequestReservation, ReservationChange, ScheduleEvent};
use daybook_domain::time::DayOfWeek;
use daybook_domain::{
    Actor, Event, KeyId, PatientFingerprint, RuleSet, Sealed, ServiceId, Status, SubjectId,
};
use daybook_event_log::memory::MemoryLog;
use daybook_event_log::port::MAX_APPEND_BYTES;
use daybook_event_log::{
    AppendError, Appended, Connection, Expected, Filter, NewEvent, ReadError, RecordedStream, Revision,
    StreamName, decode,
};
use futures_util::TryStreamExt;
use futures_util::future::join_all;
use uuid::Uuid;

use super::*;

/// A time before all dates of these tests.
#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> DateTime<Utc> {
        "2026-11-20T01:00:00Z".parse().unwrap()
    }
}

fn monday() -> NaiveDate {
    "2026-11-30".parse().unwrap()
}

/// The day schedules of one process, for a clinic with its first services and hours.
async fn process(log: Arc<dyn EventLog>) -> Arc<DaySchedules> {
    process_without(log, EventDecoder::default()).await
}

/// The same, leaving out what the decoder leaves out.
async fn process_without(log: Arc<dyn EventLog>, decoder: EventDecoder) -> Arc<DaySchedules> {
    let catalog = Arc::new(CachedAggregate::with(decoder.clone()));
    let hours = Arc::new(CachedAggregate::with(decoder.clone()));
    let origin = Origin::from_actor(Actor::system());
    catalog.initialize(&*log, first_services(), &origin, Fixed.now()).await.unwrap();
    hours.initialize(&*log, first_hours(), &origin, Fixed.now()).await.unwrap();
    let routing = Arc::new(CachedAggregate::new());
    let (zone, clock) = (ClinicZone::SEOUL, Arc::new(Fixed));
    let context = WorkerContext { log, catalog, hours, routing, zone, clock, decoder };
    Arc::new(DaySchedules::new(Arc::new(context)))
}

fn id(number: u32) -> ReservationId {
    ReservationId::parse(format!("r{number}")).unwrap()
}

fn batch(number: u32, commands: Vec<ScheduleCommand>) -> CommandBatch {
    let origin = Origin::from_actor(Actor::public());
    CommandBatch { commands, new_key: None, shown: Shown::Booking(id(number)), origin }
}

fn request_of_size(number: u32, start: &str, bytes: usize) -> CommandBatch {
    let request = RequestReservation {
        reservation: id(number),
        subject: SubjectId::from_bytes([number as u8; 16]),
        details: Sealed { key: KeyId(Uuid::nil()), ciphertext: "x".repeat(bytes).into() },
        service: ServiceId::parse("srv_other_consultation").unwrap(),
        requested_time: None,
        parsed_time: ParsedTime::At(start.parse().unwrap()),
        rules: RuleSet::Dynamic,
        fingerprint: None,
        is_keyed: false,
        stated_period: None,
        patient: PatientFingerprint::from_bytes([0; 16]),
        stranger: None,
    };
    batch(number, vec![ScheduleCommand::Request(request)])
}

fn request(number: u32, start: &str) -> CommandBatch {
    request_of_size(number, start, 8)
}

fn change(number: u32, change: ReservationChange) -> ScheduleCommand {
    ScheduleCommand::Change { reservation: id(number), expected_version: None, change }
}

fn cancel(number: u32) -> CommandBatch {
    batch(number, vec![change(number, ReservationChange::Cancel { reason: None })])
}

fn status(outcome: &BatchOutcome) -> Status {
    outcome.booking.as_ref().unwrap().status
}

async fn events(log: &dyn EventLog, date: NaiveDate) -> Vec<ScheduleEvent> {
    let read = log.read_stream(&StreamName::page(date), Revision::FIRST).await.unwrap();
    let recorded: Vec<_> = read.try_collect().await.unwrap();
    let schedule_event = |recorded| {
        let Event::Schedule(event) = decode(&recorded).unwrap().0 else {
            panic!("not an event of a day schedule")
        };
        event
    };
    recorded.into_iter().map(schedule_event).collect()
}

#[tokio::test]
async fn of_200_requests_for_one_seat_one_succeeds() {
    let log = Arc::new(MemoryLog::new());
    let schedules = process(log.clone()).await;
    let requests = (0..200).map(|number| schedules.execute(monday(), request(number, "10:00")));
    let results = join_all(requests).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let taken =
        |result: &&BatchResult| matches!(result, Err(CommandError::Rejected(Rejection::SlotTaken { .. })));
    assert_eq!(results.iter().filter(taken).count(), 199);
    assert_eq!(events(&*log, monday()).await.len(), 1);
}

#[tokio::test]
async fn two_processes_never_book_one_seat_twice() {
    let log = Arc::new(MemoryLog::new());
    let processes = [process(log.clone()).await, process(log.clone()).await];
    let starts = ["09:00", "09:30", "10:00", "10:30", "14:00", "14:30", "15:00", "15:30"];
    let requests = (0..160u32).map(|number| {
        let schedules = Arc::clone(&processes[number as usize % 2]);
        let start = starts[number as usize / 2 % starts.len()];
        async move { schedules.execute(monday(), request(number, start)).await.is_ok() }
    });
    let accepted = join_all(requests).await.into_iter().filter(|accepted| *accepted).count();
    let recorded = events(&*log, monday()).await;
    assert_eq!((accepted, recorded.len()), (starts.len(), starts.len()));
}

#[tokio::test]
async fn a_rejection_is_never_based_on_stale_state() {
    let log = Arc::new(MemoryLog::new());
    let (one, other) = (process(log.clone()).await, process(log.clone()).await);
    one.execute(monday(), request(1, "10:00")).await.unwrap();
    assert!(one.execute(monday(), request(2, "10:00")).await.is_err());
    assert_eq!(status(&other.execute(monday(), cancel(1)).await.unwrap()), Status::Cancelled);
    let outcome = one.execute(monday(), request(2, "10:00")).await.expect("the seat is free again");
    assert_eq!(status(&outcome), Status::Pending);
}

#[tokio::test]
async fn a_repeated_batch_appends_nothing_and_has_the_same_outcome() {
    let log = Arc::new(MemoryLog::new());
    let (one, other) = (process(log.clone()).await, process(log.clone()).await);
    let first = one.execute(monday(), request(1, "10:00")).await.unwrap();
    for schedules in [one, other] {
        let again = schedules.execute(monday(), request(1, "10:00")).await.unwrap();
        assert!(again.repeated && !first.repeated);
        assert_eq!((again.position, again.booking), (first.position, first.booking.clone()));
    }
    assert_eq!(events(&*log, monday()).await.len(), 1);
}

#[tokio::test]
async fn a_batch_succeeds_as_a_whole_or_not_at_all() {
    let log = Arc::new(MemoryLog::new());
    let schedules = process(log.clone()).await;
    schedules.execute(monday(), request(1, "10:00")).await.unwrap();
    let reschedule = |start: &str| {
        change(1, ReservationChange::Reschedule { start: start.parse().unwrap(), rules: RuleSet::Dynamic })
    };
    let confirm = change(1, ReservationChange::Confirm);
    let refused = schedules.execute(monday(), batch(1, vec![confirm.clone(), reschedule("13:00")])).await;
    assert!(matches!(refused, Err(CommandError::Rejected(_))), "{refused:?}");
    assert_eq!(events(&*log, monday()).await.len(), 1);
    let outcome = schedules.execute(monday(), batch(1, vec![confirm, reschedule("11:00")])).await.unwrap();
    assert_eq!((status(&outcome), outcome.booking.unwrap().version), (Status::Confirmed, 3));
}

#[tokio::test]
async fn each_batch_of_a_group_gets_its_own_version() {
    let log = Arc::new(MemoryLog::new());
    let schedules = process(log.clone()).await;
    let confirm = batch(1, vec![change(1, ReservationChange::Confirm)]);
    let requests = [request(1, "10:00"), confirm, cancel(1)].map(|batch| schedules.execute(monday(), batch));
    let versions: Vec<u32> =
        join_all(requests).await.into_iter().map(|result| result.unwrap().booking.unwrap().version).collect();
    assert_eq!(versions, [1, 2, 3]);
}

#[tokio::test]
async fn a_group_too_large_for_one_append_is_split() {
    let log = Arc::new(MemoryLog::new());
    let schedules = process(log.clone()).await;
    let starts = ["09:00", "09:30", "10:00", "10:30", "11:00"];
    let requests = (0..).zip(starts).map(|(number, start)| {
        schedules.execute(monday(), request_of_size(number, start, MAX_APPEND_BYTES / 2 - 10_000))
    });
    assert!(join_all(requests).await.iter().all(Result::is_ok));
    let too_large = schedules.execute(monday(), request_of_size(9, "14:00", MAX_APPEND_BYTES)).await;
    assert!(matches!(too_large, Err(CommandError::TooLarge(_))), "{too_large:?}");
    assert_eq!(events(&*log, monday()).await.len(), starts.len());
}

#[tokio::test]
async fn the_number_of_workers_is_limited_and_a_dropped_schedule_is_read_again() {
    let log = Arc::new(MemoryLog::new());
    let schedules = process(log.clone()).await;
    schedules.execute(monday(), request(1, "10:00")).await.unwrap();
    for date in monday().iter_days().skip(1).take(MAX_WORKERS + 10) {
        schedules.read(date, DaySchedule::len).await.unwrap();
    }
    assert_eq!(schedules.workers.lock().unwrap().by_date.len(), MAX_WORKERS);
    assert!(!schedules.workers.lock().unwrap().by_date.contains_key(&monday()));
    assert_eq!(schedules.read(monday(), DaySchedule::len).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_ends() {
    let log = Arc::new(MemoryLog::new());
    let schedules = process(log.clone()).await;
    schedules.execute(monday(), request(1, "10:00")).await.unwrap();
    let messages = schedules.worker(monday());
    timeout(Duration::from_secs(3600), messages.closed()).await.expect("the worker ends");
    assert_eq!(schedules.read(monday(), DaySchedule::len).await.unwrap(), 1, "a new worker starts");
}

#[tokio::test]
async fn a_process_that_does_not_know_the_hours_were_closed_sells_nothing() {
    let log = Arc::new(MemoryLog::new());
    let schedules = process(log.clone()).await;
    schedules.execute(monday(), request(1, "10:00")).await.unwrap();
    let hours = CachedAggregate::<Hours>::new();
    let closed = ClinicHoursSet { day_of_week: DayOfWeek::from_date(monday()), slots: vec![] };
    hours.change(&*log, vec![closed], &Origin::from_actor(Actor::system()), Fixed.now()).await.unwrap();
    // Nothing follows the log here, so this process learns of it only by the conflict.
    let refused = schedules.execute(monday(), request(2, "11:00")).await;
    assert!(matches!(refused, Err(CommandError::Rejected(Rejection::ClinicClosed))), "{refused:?}");
}

#[tokio::test]
async fn a_process_that_does_not_know_a_service_was_switched_off_sells_nothing() {
    let log = Arc::new(MemoryLog::new());
    let schedules = process(log.clone()).await;
    schedules.execute(monday(), request(1, "10:00")).await.unwrap();
    let catalog = CachedAggregate::<Catalog>::new();
    let off = CatalogCommand::DeactivateService(ServiceId::parse("srv_other_consultation").unwrap());
    catalog.change(&*log, vec![off], &Origin::from_actor(Actor::system()), Fixed.now()).await.unwrap();
    let refused = schedules.execute(monday(), request(2, "11:00")).await;
    assert!(matches!(refused, Err(CommandError::Rejected(Rejection::ServiceInactive))), "{refused:?}");
}

/// A log that appends but loses a number of answers.
#[derive(Debug)]
struct LosingAnswers {
    log: MemoryLog,
    to_lose: AtomicU32,
}

#[async_trait]
impl EventLog for LosingAnswers {
    async fn append(
        &self,
        stream: &StreamName,
        expected: Expected,
        events: Vec<NewEvent>,
    ) -> Result<Appended, AppendError> {
        let answer = self.log.append(stream, expected, events).await?;
        let lose = self.to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if lose.is_ok() { Err(AppendError::Unknown("lost".into())) } else { Ok(answer) }
    }

    async fn read_stream(&self, stream: &StreamName, from: Revision) -> Result<RecordedStream, ReadError> {
        self.log.read_stream(stream, from).await
    }

    async fn read_all(&self, after: Position, filter: &Filter) -> Result<RecordedStream, ReadError> {
        self.log.read_all(after, filter).await
    }

    async fn follow(&self, after: Position, filter: &Filter) -> Result<RecordedStream, ReadError> {
        self.log.follow(after, filter).await
    }

    async fn head(&self) -> Result<Position, ReadError> {
        self.log.head().await
    }

    fn connection(&self) -> Connection {
        self.log.connection()
    }

    async fn check_writable(&self) -> Result<(), ReadError> {
        self.log.check_writable().await
    }
}

#[tokio::test(start_paused = true)]
async fn an_append_with_a_lost_answer_is_repeated_with_the_same_ids() {
    let log = Arc::new(LosingAnswers { log: MemoryLog::new(), to_lose: AtomicU32::new(0) });
    let schedules = process(log.clone()).await;
    log.to_lose.store(2, Ordering::SeqCst);
    let outcome = schedules.execute(monday(), request(1, "10:00")).await.unwrap();
    assert!(!outcome.repeated);
    assert_eq!(events(&*log, monday()).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_any_answer_the_result_is_unknown_and_the_schedule_is_read_again() {
    let log = Arc::new(LosingAnswers { log: MemoryLog::new(), to_lose: AtomicU32::new(0) });
    let schedules = process(log.clone()).await;
    log.to_lose.store(u32::MAX, Ordering::SeqCst);
    let unanswered = schedules.execute(monday(), request(1, "10:00")).await;
    assert!(matches!(unanswered, Err(CommandError::Unanswered(_))), "{unanswered:?}");
    log.to_lose.store(0, Ordering::SeqCst);
    let again = schedules.execute(monday(), request(1, "10:00")).await.unwrap();
    assert!(again.repeated, "it was recorded");
}
