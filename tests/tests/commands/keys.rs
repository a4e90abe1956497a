//! Idempotency keys: a repeated request finds the effect of the first one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use chrono::{Datelike, Days, NaiveDate, Weekday};
use daybook_commands::{
    BookingOutcome, CommandError, IdempotencyKey, NewClosure, NewReservation, Origin, RequestedTime,
    ReservationChange,
};
use daybook_domain::catalog::{CatalogCommand, ServiceRenamed, ServiceRetimed};
use daybook_domain::hours::{ClinicHoursSet, first_hours};
use daybook_domain::schedule::{ClosedTime, Rejection, ScheduleEvent};
use daybook_domain::time::Span;
use daybook_domain::{Actor, ClosureId, Event, Period, RuleSet, ServiceId, Status};
use daybook_event_log::EventLog;
use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::clinic::{Clinic, Process, phone, public, staff, tuesday, wanted};

fn keyed(key: &str, patient: u32, service: &str, text: &str) -> NewReservation {
    let key = Some(IdempotencyKey::parse(key).unwrap());
    NewReservation { key, ..wanted(patient, service, tuesday(), text) }
}

const BOTOX: &str = "srv_wrinkle_botox";

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_books_once_on_whichever_process() {
    let (clinic, one) = Clinic::set_up().await;
    let other = clinic.process().await;
    let requests = (0..40).map(|attempt| {
        let commands = if attempt % 2 == 0 { one.commands.clone() } else { other.commands.clone() };
        tokio::spawn(async move { commands.request(keyed("k1", 1, BOTOX, "10:00"), public()).await })
    });
    let answers: Vec<_> =
        join_all(requests).await.into_iter().map(|answer| answer.unwrap().unwrap()).collect();
    assert!(answers.iter().all(|booked| booked.reservation == answers[0].reservation));
    assert_eq!(answers.iter().filter(|booked| !booked.repeated).count(), 1);
    assert_eq!(one.schedule_events(tuesday()).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_returns_the_current_booking() {
    let (_clinic, process) = Clinic::set_up().await;
    let first = process.book(keyed("k1", 1, BOTOX, "10:00")).await.unwrap();
    let confirmed = process
        .commands
        .change(tuesday(), first.reservation.clone(), None, ReservationChange::Confirm, staff())
        .await
        .unwrap();
    let again = process.book(keyed("k1", 1, BOTOX, "10:00")).await.unwrap();
    assert!(again.repeated && again.booking.status == Status::Confirmed);
    assert_eq!((again.reservation, again.position), (first.reservation, confirmed.position));
}

/// The same request with one thing changed.
fn changed(mut request: NewReservation, what: &str) -> NewReservation {
    match what {
        "name" => request.details.patient_name = "Somebody Else".into(),
        "phone" => {
            request.phone = phone(77);
            request.details.phone = "010-0000-0077".into();
        }
        "birth date" => request.details.birth_date = "1991-01-02".parse().unwrap(),
        "notes" => request.details.notes = None,
        "service" => request.service = ServiceId::parse("srv_skin_care").unwrap(),
        "day" => request.date = tuesday() + Days::new(1),
        "time" => request.requested_time = RequestedTime::Text("15:00".to_owned()),
        "spelling" => request.requested_time = RequestedTime::Text("오전 10시".to_owned()),
        "form" => request.requested_time = RequestedTime::At("10:00".parse().unwrap()),
        other => panic!("{other}"),
    }
    request
}

const PARTS: [&str; 9] =
    ["name", "phone", "birth date", "notes", "service", "day", "time", "spelling", "form"];

fn is_reused<T: std::fmt::Debug>(outcome: &Result<T, CommandError>) -> bool {
    matches!(outcome, Err(CommandError::Rejected(Rejection::KeyReused)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_one_whole_request_on_every_process_and_after_a_cancellation() {
    let (clinic, process) = Clinic::set_up().await;
    let first = process.book(keyed("k1", 1, BOTOX, "10:00")).await.unwrap();
    for part in PARTS {
        let other = process.book(changed(keyed("k1", 1, BOTOX, "10:00"), part)).await;
        assert!(is_reused(&other), "{part}: {other:?}");
    }
    let cancel = ReservationChange::Cancel { reason: None };
    process.commands.change(tuesday(), first.reservation.clone(), None, cancel, staff()).await.unwrap();
    let restarted = clinic.process().await;
    for part in PARTS {
        let other = restarted.book(changed(keyed("k1", 1, BOTOX, "10:00"), part)).await;
        assert!(is_reused(&other), "{part}: {other:?}");
    }
    let again = restarted.book(keyed("k1", 1, BOTOX, "10:00")).await.unwrap();
    assert_eq!((again.reservation, again.booking.status), (first.reservation, Status::Cancelled));
    let booked = |event: &Event| matches!(event, Event::Schedule(ScheduleEvent::ReservationRequested(_)));
    assert_eq!(restarted.all_events().await.iter().filter(|event| booked(event)).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_request_leaves_its_key_free_and_the_log_as_it_was() {
    let (_clinic, process) = Clinic::set_up().await;
    process.book(wanted(1, BOTOX, tuesday(), "10:00")).await.unwrap();
    let head = process.log.head().await.unwrap();
    for _ in 0..3 {
        let refused = process.book(keyed("k1", 2, BOTOX, "10:00")).await;
        assert!(matches!(refused, Err(CommandError::Rejected(Rejection::SlotTaken { .. }))), "{refused:?}");
    }
    assert_eq!(process.log.head().await.unwrap(), head);
    assert!(!process.book(keyed("k1", 2, BOTOX, "11:00")).await.unwrap().repeated);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_holds_neither_keys_nor_requests_in_plain() {
    let (clinic, process) = Clinic::set_up().await;
    process.book(keyed("010-0000-0001", 1, BOTOX, "10:00")).await.unwrap();
    let database = clinic.database.connect().await.unwrap();
    let sql = "SELECT count(*) FROM event_log.events AS e WHERE e::text LIKE '%0000-0001%' OR e::text LIKE '%Nobody%'";
    let found: i64 = database.query_one(sql, &[]).await.unwrap().get(0);
    assert_eq!(found, 0);
}

fn closing(key: &str, start: &str, end: &str, reason: Option<&str>) -> NewClosure {
    let span = Span { start: start.parse().unwrap(), end: end.parse().unwrap() };
    let key = Some(IdempotencyKey::parse(key).unwrap());
    NewClosure { key, time: ClosedTime::Span(span), service: None, reason: reason.map(Into::into) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_one_closure_and_a_repeated_request_does_not_close_again() {
    let (clinic, process) = Clinic::set_up().await;
    let close = async |date, closure| process.commands.close_time(date, closure, staff()).await;
    let first = close(tuesday(), closing("k1", "10:00", "11:00", None)).await.unwrap();
    for (date, other) in [
        (tuesday(), closing("k1", "10:00", "12:00", None)),
        (tuesday(), closing("k1", "10:00", "11:00", Some("training"))),
        (tuesday() + Days::new(1), closing("k1", "10:00", "11:00", None)),
    ] {
        assert!(is_reused(&close(date, other.clone()).await), "{other:?}");
    }
    process.commands.reopen_time(tuesday(), first.id.clone(), staff()).await.unwrap();
    let restarted = clinic.process().await;
    let again = restarted.commands.close_time(tuesday(), closing("k1", "10:00", "11:00", None), staff());
    let again = again.await.unwrap();
    assert_eq!((&again.id, again.is_active), (&first.id, false));
    assert!(restarted.commands.day_schedule(tuesday()).await.unwrap().closures().next().is_none());
}

/// Takes away everything that the requests of the test below depend on.
async fn change_the_clinic(process: &Process) {
    let service = || ServiceId::parse(BOTOX).unwrap();
    let renamed =
        ServiceRenamed { service: service(), name: "다른 이름".into(), name_en: None, description: None };
    for change in [
        CatalogCommand::RenameService(renamed),
        CatalogCommand::RetimeService(ServiceRetimed { service: service(), duration: 480, buffer: 60 }),
        CatalogCommand::DeactivateService(service()),
    ] {
        process.commands.change_catalog(change, staff()).await.unwrap();
    }
    for day in first_hours() {
        process.commands.set_hours(ClinicHoursSet { slots: vec![], ..day }, staff()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_finds_what_it_recorded_whatever_has_changed_in_the_clinic() {
    let (clinic, process) = Clinic::set_up().await;
    let request = |period| NewReservation { stated_period: period, ..keyed("k1", 1, BOTOX, "10:00") };
    let morning = || request(Some(Period::Morning));
    let booked = process.book(morning()).await.unwrap();
    let half =
        |period| NewClosure { time: ClosedTime::Period(period), ..closing("k2", "00:00", "00:00", None) };
    let closed = process.commands.close_time(tuesday(), half(Period::Afternoon), staff()).await.unwrap();
    change_the_clinic(&process).await;
    let later = clinic.process_at("2026-12-03T01:00:00Z").await;
    let head = later.log.head().await.unwrap();
    let again = later.book(morning()).await.unwrap();
    assert_eq!((again.reservation, again.repeated), (booked.reservation, true));
    let again = later.commands.close_time(tuesday(), half(Period::Afternoon), staff()).await.unwrap();
    assert_eq!((again.id, again.closure), (closed.id, closed.closure));
    assert!(is_reused(&later.book(request(None)).await), "another request");
    let other = later.commands.close_time(tuesday(), half(Period::Morning), staff()).await;
    assert!(is_reused(&other), "{other:?}");
    assert_eq!(later.log.head().await.unwrap(), head);
    let fresh = NewReservation { key: None, ..morning() };
    assert!(matches!(later.book(fresh).await, Err(CommandError::Rejected(Rejection::DatePassed))));
}

/// What an earlier release recorded of a half-day: the key is bound to the span of the hours, and the closure to nothing.
async fn recorded_as_a_span(clinic: &Clinic, process: &Process, span: NewClosure) -> ClosureId {
    let closed = process.commands.close_time(tuesday(), span, staff()).await.unwrap();
    let database = clinic.database.connect().await.unwrap();
    let sql = "SET session_replication_role = replica;
               UPDATE event_log.events SET payload = (payload::jsonb - 'fingerprint')::json WHERE kind = 'TimeClosed'";
    database.batch_execute(sql).await.unwrap();
    closed.id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_day_that_an_earlier_release_closed_under_a_key_is_found_again() {
    let (clinic, process) = Clinic::set_up().await;
    let reason = Some("training");
    let half = |period, reason| NewClosure {
        time: ClosedTime::Period(period),
        ..closing("k1", "00:00", "00:00", reason)
    };
    let recorded = recorded_as_a_span(&clinic, &process, closing("k1", "09:00", "12:00", reason)).await;
    let later = clinic.process().await;
    let head = later.log.head().await.unwrap();
    let close = async |closure| later.commands.close_time(tuesday(), closure, staff()).await;
    let again = close(half(Period::Morning, reason)).await.unwrap();
    assert_eq!((again.id, again.is_active), (recorded, true));
    for other in
        [half(Period::Afternoon, reason), half(Period::Morning, None), half(Period::Morning, Some("other"))]
    {
        assert!(is_reused(&close(other.clone()).await), "{other:?}");
    }
    assert_eq!(later.log.head().await.unwrap(), head);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_and_the_half_day_of_the_same_hours_are_two_requests() {
    let (_clinic, process) = Clinic::set_up().await;
    let close = async |closure| process.commands.close_time(tuesday(), closure, staff()).await;
    close(closing("k1", "09:00", "12:00", None)).await.unwrap();
    let half =
        NewClosure { time: ClosedTime::Period(Period::Morning), ..closing("k1", "00:00", "00:00", None) };
    assert!(is_reused(&close(half).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_member_of_staff_is_another_key() {
    let (_clinic, process) = Clinic::set_up().await;
    let half =
        |period| NewClosure { time: ClosedTime::Period(period), ..closing("k1", "00:00", "00:00", None) };
    let first = process.commands.close_time(tuesday(), half(Period::Morning), staff()).await.unwrap();
    let colleague = || Origin::from_actor(Actor::named("colleague@clinic.example"));
    for period in Period::ALL {
        let close = process.commands.close_time(tuesday(), half(period), colleague());
        match period {
            Period::Morning => assert_ne!(close.await.unwrap().id, first.id),
            Period::Afternoon => assert!(is_reused(&close.await)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_without_a_key_is_one_booking_and_a_family_makes_two() {
    let (_clinic, process) = Clinic::set_up().await;
    let half_day = || NewReservation {
        requested_time: RequestedTime::Period(Period::Afternoon),
        ..wanted(1, BOTOX, tuesday(), "")
    };
    let (one, other) = tokio::join!(process.book(half_day()), process.book(half_day()));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.reservation, other.reservation);
    assert!(one.repeated != other.repeated);
    let sibling = process.book(changed(half_day(), "name")).await.unwrap();
    assert_ne!(sibling.reservation, one.reservation);
}

/// Number of keys in the random test, each with several requests on two processes.
const KEYS: u32 = 150;

/// Any request for a case: of several patients, times, days and services, some of which compete for one seat.
fn any_request() -> impl Strategy<Value = (u32, usize, u64, &'static str)> {
    let times = prop::sample::select(vec!["10:00", "오전 10시", "15:00", "오후", "2시"]);
    (1u32..3, 0usize..4, 0u64..2, times)
}

/// Sends requests under one key. The outcomes are in the order of the requests.
async fn send_all(
    processes: &[Process; 2],
    requests: &[NewReservation],
    at_once: bool,
) -> Vec<Result<BookingOutcome, CommandError>> {
    let senders = requests.iter().zip(0..).map(|(request, place)| {
        let (commands, request) = (processes[place % 2].commands.clone(), request.clone());
        async move { commands.request(request, public()).await }
    });
    if at_once {
        return join_all(senders.map(tokio::spawn)).await.into_iter().map(Result::unwrap).collect();
    }
    let mut outcomes = Vec::new();
    for sender in senders {
        outcomes.push(sender.await);
    }
    outcomes
}

/// Of all requests under a key at most one is booked, and every answer is that booking or a refusal.
async fn check_one_key(processes: &[Process; 2], requests: &[NewReservation], at_once: bool) {
    let outcomes = send_all(processes, requests, at_once).await;
    let accepted: Vec<_> =
        requests.iter().zip(&outcomes).filter_map(|(r, o)| Some((r, o.as_ref().ok()?))).collect();
    let Some((won, first)) = accepted.first() else { panic!("nobody won: {outcomes:?}") };
    for (request, outcome) in &accepted {
        assert_eq!(outcome.reservation, first.reservation);
        assert!(request.details == won.details && request.date == won.date && request.service == won.service);
        assert!(request.requested_time == won.requested_time);
    }
    assert_eq!(accepted.iter().filter(|(_, outcome)| !outcome.repeated).count(), 1);
    for outcome in &outcomes {
        assert!(outcome.is_ok() || is_reused(outcome), "{outcome:?}");
    }
    let recorded = processes[1].commands.day_schedule(won.date).await.unwrap();
    assert_eq!(recorded.booking(&first.reservation), Some(&first.booking));
    let days: BTreeSet<_> = requests.iter().map(|request| request.date).collect();
    let mut booked = 0;
    for day in days {
        booked += processes[0].commands.day_schedule(day).await.unwrap().bookings().count();
    }
    assert_eq!(booked, 1, "one key, one booking");
}

#[test]
fn random_requests_under_one_key_are_one_booking_and_refusals() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (clinic, processes) = runtime.block_on(async {
        let (clinic, one) = Clinic::set_up().await;
        let other = clinic.process().await;
        (clinic, [one, other])
    });
    // Each key has two days of its own; pairs with a weekend in them are passed over.
    let number = std::cell::Cell::new(0u32);
    let mut runner = TestRunner::new(Config { cases: KEYS, failure_persistence: None, ..Config::default() });
    let cases = (prop::collection::vec(any_request(), 2..6), any::<bool>());
    runner
        .run(&cases, |(requests, at_once)| {
            let case = number.get();
            number.set(case + 1);
            let first_day = NaiveDate::from_ymd_opt(2026, 11, 24).unwrap() + Days::new(2 * u64::from(case));
            let requests: Vec<_> = requests
                .into_iter()
                .map(|(patient, part, days, text)| {
                    let request = keyed(&format!("case-{case}"), patient, BOTOX, text);
                    let request =
                        if part < 3 { changed(request, ["name", "notes", "service"][part]) } else { request };
                    NewReservation { date: first_day + Days::new(days), rules: RuleSet::Legacy, ..request }
                })
                .collect();
            let is_open = |day: NaiveDate| day.weekday() != Weekday::Sun && day.weekday() != Weekday::Sat;
            if is_open(first_day) && is_open(first_day + Days::new(1)) {
                runtime.block_on(check_one_key(&processes, &requests, at_once));
            }
            Ok(())
        })
        .unwrap();
    drop(processes);
    drop(clinic);
}
