//! Pages on a log in memory: who gets the seat, what is appended together, what survives a conflict.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use daybook_domain::catalog::first_services;
use daybook_domain::hours::first_hours;
use daybook_domain::requested_time::ParsedTime;
use daybook_domain::schedule::{Change, RequestReservation, ScheduleEvent, StatusChange};
use daybook_domain::{Actor, Event, KeyId, ReadModel, Sealed, ServiceId, Status, SubjectId};
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

/// Long before all dates of these tests.
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

/// Pages of a clinic with its first services and hours, as one process has them.
async fn process(log: Arc<dyn EventLog>) -> Arc<Pages> {
    let (catalog, hours) = (Arc::new(CachedAggregate::unread()), Arc::new(CachedAggregate::unread()));
    let origin = Origin::of(Actor::system());
    catalog.begin(&*log, first_services(), &origin, Fixed.now()).await.unwrap();
    hours.begin(&*log, first_hours(), &origin, Fixed.now()).await.unwrap();
    let routing = Arc::new(CachedAggregate::unread());
    let office =
        WorkerContext { log, catalog, hours, routing, zone: ClinicZone::SEOUL, clock: Arc::new(Fixed) };
    Arc::new(Pages::new(Arc::new(office)))
}

fn id(number: u32) -> ReservationId {
    ReservationId::parse(format!("r{number}")).unwrap()
}

fn unit(number: u32, commands: Vec<ScheduleCommand>) -> CommandBatch {
    CommandBatch { commands, new_key: None, about: Some(id(number)), origin: Origin::of(Actor::public()) }
}

fn request_of_size(number: u32, start: &str, bytes: usize) -> CommandBatch {
    let request = RequestReservation {
        reservation: id(number),
        subject: SubjectId::from_bytes([number as u8; 16]),
        details: Sealed { key: KeyId(Uuid::nil()), ciphertext: "x".repeat(bytes).into() },
        service: ServiceId::parse("srv_other_consultation").unwrap(),
        wish: None,
        understood: ParsedTime::At(start.parse().unwrap()),
        judge: ReadModel::Dynamic,
    };
    unit(number, vec![ScheduleCommand::Request(request)])
}

fn request(number: u32, start: &str) -> CommandBatch {
    request_of_size(number, start, 8)
}

fn change(number: u32, change: Change) -> ScheduleCommand {
    ScheduleCommand::Change { reservation: id(number), expected_version: None, change }
}

fn cancel(number: u32) -> CommandBatch {
    unit(number, vec![change(number, Change::Status(StatusChange::Cancel { reason: None }))])
}

fn status(settled: &Outcome) -> Status {
    settled.booking.as_ref().unwrap().status
}

async fn events(log: &dyn EventLog, date: NaiveDate) -> Vec<ScheduleEvent> {
    let read = log.read_stream(&StreamName::page(date), Revision::FIRST).await.unwrap();
    let recorded: Vec<_> = read.try_collect().await.unwrap();
    let book_event = |recorded| {
        let Event::Schedule(event) = decode(&recorded).unwrap().0 else { panic!("no event of a page") };
        event
    };
    recorded.into_iter().map(book_event).collect()
}

#[tokio::test]
async fn of_200_requests_for_one_seat_one_is_accepted() {
    let log = Arc::new(MemoryLog::new());
    let pages = process(log.clone()).await;
    let asked = (0..200).map(|number| pages.settle(monday(), request(number, "10:00")));
    let answers = join_all(asked).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let taken = |answer: &&Answer| {
        matches!(answer, Err(CommandError::Rejected(daybook_domain::schedule::Rejection::SlotTaken { .. })))
    };
    assert_eq!(answers.iter().filter(taken).count(), 199);
    assert_eq!(events(&*log, monday()).await.len(), 1);
}

#[tokio::test]
async fn two_processes_never_give_one_seat_twice() {
    let log = Arc::new(MemoryLog::new());
    let processes = [process(log.clone()).await, process(log.clone()).await];
    let starts = ["09:00", "09:30", "10:00", "10:30", "14:00", "14:30", "15:00", "15:30"];
    let asked = (0..160u32).map(|number| {
        let pages = Arc::clone(&processes[number as usize % 2]);
        let start = starts[number as usize / 2 % starts.len()];
        async move { pages.settle(monday(), request(number, start)).await.is_ok() }
    });
    let accepted = join_all(asked).await.into_iter().filter(|accepted| *accepted).count();
    let entered = events(&*log, monday()).await;
    assert_eq!((accepted, entered.len()), (starts.len(), starts.len()));
}

#[tokio::test]
async fn a_refusal_does_not_rest_on_old_knowledge() {
    let log = Arc::new(MemoryLog::new());
    let (one, other) = (process(log.clone()).await, process(log.clone()).await);
    one.settle(monday(), request(1, "10:00")).await.unwrap();
    assert!(one.settle(monday(), request(2, "10:00")).await.is_err());
    assert_eq!(status(&other.settle(monday(), cancel(1)).await.unwrap()), Status::Cancelled);
    let settled = one.settle(monday(), request(2, "10:00")).await.expect("the seat is free again");
    assert_eq!(status(&settled), Status::Pending);
}

#[tokio::test]
async fn what_is_repeated_appends_nothing_and_answers_as_before() {
    let log = Arc::new(MemoryLog::new());
    let (one, other) = (process(log.clone()).await, process(log.clone()).await);
    let first = one.settle(monday(), request(1, "10:00")).await.unwrap();
    for pages in [one, other] {
        let again = pages.settle(monday(), request(1, "10:00")).await.unwrap();
        assert!(again.nothing_new && !first.nothing_new);
        assert_eq!((again.position, again.booking), (first.position, first.booking.clone()));
    }
    assert_eq!(events(&*log, monday()).await.len(), 1);
}

#[tokio::test]
async fn a_unit_holds_together_or_not_at_all() {
    let log = Arc::new(MemoryLog::new());
    let pages = process(log.clone()).await;
    pages.settle(monday(), request(1, "10:00")).await.unwrap();
    let reschedule = |start: &str| {
        change(1, Change::Reschedule { start: start.parse().unwrap(), judge: ReadModel::Dynamic })
    };
    let confirm = change(1, Change::Status(StatusChange::Confirm));
    let refused = pages.settle(monday(), unit(1, vec![confirm.clone(), reschedule("13:00")])).await;
    assert!(matches!(refused, Err(CommandError::Rejected(_))), "{refused:?}");
    assert_eq!(events(&*log, monday()).await.len(), 1);
    let settled = pages.settle(monday(), unit(1, vec![confirm, reschedule("11:00")])).await.unwrap();
    assert_eq!((status(&settled), settled.booking.unwrap().version), (Status::Confirmed, 3));
}

#[tokio::test]
async fn each_of_a_group_sees_its_own_version() {
    let log = Arc::new(MemoryLog::new());
    let pages = process(log.clone()).await;
    let confirm = unit(1, vec![change(1, Change::Status(StatusChange::Confirm))]);
    let asked = [request(1, "10:00"), confirm, cancel(1)].map(|unit| pages.settle(monday(), unit));
    let versions: Vec<u32> =
        join_all(asked).await.into_iter().map(|answer| answer.unwrap().booking.unwrap().version).collect();
    assert_eq!(versions, [1, 2, 3]);
}

#[tokio::test]
async fn a_group_that_is_too_large_for_one_append_is_split() {
    let log = Arc::new(MemoryLog::new());
    let pages = process(log.clone()).await;
    let starts = ["09:00", "09:30", "10:00", "10:30", "11:00"];
    let asked = (0..).zip(starts).map(|(number, start)| {
        pages.settle(monday(), request_of_size(number, start, MAX_APPEND_BYTES / 2 - 10_000))
    });
    assert!(join_all(asked).await.iter().all(Result::is_ok));
    let too_large = pages.settle(monday(), request_of_size(9, "14:00", MAX_APPEND_BYTES)).await;
    assert!(matches!(too_large, Err(CommandError::TooLarge(_))), "{too_large:?}");
    assert_eq!(events(&*log, monday()).await.len(), starts.len());
}

#[tokio::test]
async fn pages_in_memory_are_bounded_and_one_that_was_let_go_is_read_again() {
    let log = Arc::new(MemoryLog::new());
    let pages = process(log.clone()).await;
    pages.settle(monday(), request(1, "10:00")).await.unwrap();
    for date in monday().iter_days().skip(1).take(MAX_PAGES + 10) {
        pages.look(date, DaySchedule::len).await.unwrap();
    }
    assert_eq!(pages.open.lock().unwrap().by_date.len(), MAX_PAGES);
    assert!(!pages.open.lock().unwrap().by_date.contains_key(&monday()));
    assert_eq!(pages.look(monday(), DaySchedule::len).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_nobody_asks_ends_by_itself() {
    let log = Arc::new(MemoryLog::new());
    let pages = process(log.clone()).await;
    pages.settle(monday(), request(1, "10:00")).await.unwrap();
    let jobs = pages.worker(monday());
    timeout(Duration::from_secs(3600), jobs.closed()).await.expect("it ends");
    assert_eq!(pages.look(monday(), DaySchedule::len).await.unwrap(), 1, "another takes its place");
}

/// A log that carries out appends and then, so many times, loses the answer.
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
async fn an_answer_that_was_lost_is_asked_for_again_with_the_same_ids() {
    let log = Arc::new(LosingAnswers { log: MemoryLog::new(), to_lose: AtomicU32::new(0) });
    let pages = process(log.clone()).await;
    log.to_lose.store(2, Ordering::SeqCst);
    let settled = pages.settle(monday(), request(1, "10:00")).await.unwrap();
    assert!(!settled.nothing_new);
    assert_eq!(events(&*log, monday()).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn where_no_answer_comes_the_caller_is_told_so_and_the_page_is_read_anew() {
    let log = Arc::new(LosingAnswers { log: MemoryLog::new(), to_lose: AtomicU32::new(0) });
    let pages = process(log.clone()).await;
    log.to_lose.store(u32::MAX, Ordering::SeqCst);
    let unanswered = pages.settle(monday(), request(1, "10:00")).await;
    assert!(matches!(unanswered, Err(CommandError::Unanswered(_))), "{unanswered:?}");
    log.to_lose.store(0, Ordering::SeqCst);
    let again = pages.settle(monday(), request(1, "10:00")).await.unwrap();
    assert!(again.nothing_new, "it had been recorded");
}
