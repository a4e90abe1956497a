//! Random histories, all at once on two processes: whatever they do to each other, the log never shows a seat taken
//! twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::Arc;

use chrono::NaiveDate;
use daybook_commands::{
    CommandError, Commands, IdempotencyKey, NewReservation, ReservationChange, WishInput,
};
use daybook_domain::schedule::{DaySchedule, ScheduleEvent};
use daybook_domain::time::DAY_MINUTES;
use daybook_domain::{ClockTime, ReadModel, ReservationId};
use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::clinic::{Clinic, Process, public, staff, tuesday, wanted};

/// Histories that are tried.
const HISTORIES: u32 = 24;

/// Patients in one history, each with one booking.
const PATIENTS: u32 = 12;

/// What one patient's booking goes through, one step after the other, while all others go through theirs.
#[derive(Debug, Clone)]
enum Step {
    Move { start: ClockTime, judge: ReadModel },
    Cancel,
    Confirm,
}

#[derive(Debug, Clone)]
struct Life {
    service: &'static str,
    start: ClockTime,
    judge: ReadModel,
    steps: Vec<Step>,
}

fn any_start() -> impl Strategy<Value = ClockTime> {
    // Few hours, so that most of them want what another wants.
    (9u32..12, 0u32..6).prop_map(|(hour, tens)| ClockTime::new(hour, tens * 10).unwrap())
}

fn any_judge() -> impl Strategy<Value = ReadModel> {
    prop::sample::select(ReadModel::ALL.to_vec())
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any_start(), any_judge()).prop_map(|(start, judge)| Step::Move { start, judge }),
        2 => Just(Step::Cancel),
        1 => Just(Step::Confirm),
    ]
}

fn any_life() -> impl Strategy<Value = Life> {
    let services = vec!["srv_wrinkle_botox", "srv_other_consultation", "srv_skin_care"];
    let steps = prop::collection::vec(any_step(), 0..4);
    (prop::sample::select(services), any_start(), any_judge(), steps)
        .prop_map(|(service, start, judge, steps)| Life { service, start, judge, steps })
}

/// A refusal by the rules is part of a history; anything else is a fault.
#[track_caller]
fn unless_rejected<T>(answer: Result<T, CommandError>) -> Option<T> {
    match answer {
        Ok(done) => Some(done),
        Err(CommandError::Rejected(_)) => None,
        Err(fault) => panic!("{fault:?}"),
    }
}

/// Lives a booking's life; gives its id where it was made.
async fn live(commands: Commands, date: NaiveDate, patient: u32, life: Life) -> Option<ReservationId> {
    let request = NewReservation {
        key: Some(IdempotencyKey::parse("the-one").unwrap()),
        wish: WishInput::At(life.start),
        judge: life.judge,
        ..wanted(patient, life.service, date, "")
    };
    let id = unless_rejected(commands.request(request, public()).await)?.reservation;
    for step in life.steps {
        let change = match step {
            Step::Move { start, judge } => ReservationChange::Reschedule { start, judge },
            Step::Cancel => ReservationChange::Cancel { reason: None },
            Step::Confirm => ReservationChange::Confirm,
        };
        unless_rejected(commands.change(date, id.clone(), None, change, staff()).await);
    }
    Some(id)
}

/// The most bookings that run at any one minute.
fn peak(book: &DaySchedule) -> usize {
    let spans: Vec<_> = book.bookings().filter_map(|(_, booking)| booking.occupied()).collect();
    let at = |minute: u32| {
        let time = ClockTime::new(minute / 60, minute % 60).unwrap();
        spans.iter().filter(|span| span.contains(time)).count()
    };
    (0..DAY_MINUTES).map(at).max().unwrap_or(0)
}

/// Goes through a page event by event, and checks that no seat was taken twice at any moment of its history.
fn assert_no_seat_was_taken_twice(date: NaiveDate, events: &[ScheduleEvent]) {
    let mut book = DaySchedule::blank(date);
    for (place, event) in events.iter().enumerate() {
        book.evolve(event);
        assert!(peak(&book) <= 1, "event {place} of {}: {event:?}", events.len());
    }
}

async fn play(processes: &[Process], date: NaiveDate, lives: Vec<Life>) {
    let lived = (0..).zip(lives).map(|(patient, life)| {
        // Each request goes to both processes, as an impatient client's would.
        let both = processes.iter().map(|process| process.commands.clone());
        let twice = both.map(|commands| tokio::spawn(live(commands, date, patient, life.clone())));
        join_all(twice.collect::<Vec<_>>())
    });
    for both in join_all(lived.collect::<Vec<_>>()).await {
        let ids: Vec<_> = both.into_iter().filter_map(Result::unwrap).collect();
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "one key, one booking");
    }
    let events = processes[0].page_events(date).await;
    assert_no_seat_was_taken_twice(date, &events);
    let page = processes[1].commands.page(date).await.unwrap();
    let mut folded = DaySchedule::blank(date);
    events.iter().for_each(|event| folded.evolve(event));
    assert_eq!(page, folded, "a process knows the page as the log has it");
}

#[test]
fn no_history_however_interleaved_takes_a_seat_twice() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (clinic, processes) = runtime.block_on(async {
        let (clinic, one) = Clinic::set_up().await;
        let other = clinic.process().await;
        (clinic, [one, other])
    });
    // Each history has a page of its own, a Tuesday.
    let pages = std::cell::RefCell::new(tuesday().iter_weeks());
    let processes = Arc::new(processes);
    let mut runner =
        TestRunner::new(Config { cases: HISTORIES, failure_persistence: None, ..Config::default() });
    let lives = prop::collection::vec(any_life(), PATIENTS as usize);
    let ran = runner.run(&lives, |lives| {
        let date = pages.borrow_mut().next().unwrap();
        runtime.block_on(play(&processes[..], date, lives));
        Ok(())
    });
    ran.unwrap();
    drop(processes);
    drop(clinic);
}
