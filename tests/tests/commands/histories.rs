//! Random histories, in parallel on two processes: the log never shows a seat booked twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::sync::Arc;

use chrono::NaiveDate;
use daybook_commands::{
    CommandError, Commands, IdempotencyKey, NewReservation, RequestedTime, ReservationChange,
};
use daybook_domain::schedule::{DaySchedule, ScheduleEvent};
use daybook_domain::time::DAY_MINUTES;
use daybook_domain::{ClockTime, ReservationId, RuleSet};
use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::clinic::{Clinic, Process, public, staff, tuesday, wanted};

const HISTORIES: u32 = 24;

/// Number of patients in a history, each with one booking.
const PATIENTS: u32 = 12;

/// A change to one booking, while the other bookings change in parallel.
#[derive(Debug, Clone)]
enum Change {
    Move { start: ClockTime, rules: RuleSet },
    Cancel,
    Confirm,
}

#[derive(Debug, Clone)]
struct BookingPlan {
    service: &'static str,
    start: ClockTime,
    rules: RuleSet,
    changes: Vec<Change>,
}

fn any_start() -> impl Strategy<Value = ClockTime> {
    // Few hours, so that most bookings conflict with another.
    (9u32..12, 0u32..6).prop_map(|(hour, tens)| ClockTime::new(hour, tens * 10).unwrap())
}

fn any_rules() -> impl Strategy<Value = RuleSet> {
    prop::sample::select(RuleSet::ALL.to_vec())
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any_start(), any_rules()).prop_map(|(start, rules)| Change::Move { start, rules }),
        2 => Just(Change::Cancel),
        1 => Just(Change::Confirm),
    ]
}

fn any_plan() -> impl Strategy<Value = BookingPlan> {
    let services = vec!["srv_wrinkle_botox", "srv_other_consultation", "srv_skin_care"];
    let changes = prop::collection::vec(any_change(), 0..4);
    (prop::sample::select(services), any_start(), any_rules(), changes)
        .prop_map(|(service, start, rules, changes)| BookingPlan { service, start, rules, changes })
}

/// Accepts a rejection, because it is part of a history. Panics on any other error.
#[track_caller]
fn unless_rejected<T>(answer: Result<T, CommandError>) -> Option<T> {
    match answer {
        Ok(done) => Some(done),
        Err(CommandError::Rejected(_)) => None,
        Err(fault) => panic!("{fault:?}"),
    }
}

/// Makes a booking and its changes. Returns the booking's ID if the booking was accepted.
async fn run(commands: Commands, date: NaiveDate, patient: u32, plan: BookingPlan) -> Option<ReservationId> {
    let request = NewReservation {
        key: Some(IdempotencyKey::parse(&format!("{date}-{patient}")).unwrap()),
        requested_time: RequestedTime::At(plan.start),
        rules: plan.rules,
        ..wanted(patient, plan.service, date, "")
    };
    let id = unless_rejected(commands.request(request, public()).await)?.reservation;
    for change in plan.changes {
        let change = match change {
            Change::Move { start, rules } => ReservationChange::Reschedule { start, rules },
            Change::Cancel => ReservationChange::Cancel { reason: None },
            Change::Confirm => ReservationChange::Confirm,
        };
        unless_rejected(commands.change(date, id.clone(), None, change, staff()).await);
    }
    Some(id)
}

/// Returns the maximum number of simultaneous bookings.
fn peak(schedule: &DaySchedule) -> usize {
    let held = schedule.bookings().map(|(_, booking)| booking).filter(|booking| booking.status.holds_seat());
    let spans: Vec<_> = held.filter_map(|booking| booking.placement.span(booking.total_minutes)).collect();
    let at = |minute: u32| {
        let time = ClockTime::new(minute / 60, minute % 60).unwrap();
        spans.iter().filter(|span| span.contains(time)).count()
    };
    (0..DAY_MINUTES).map(at).max().unwrap_or(0)
}

/// Replays a day schedule event by event and checks that no seat is booked twice at any point.
fn assert_no_seat_is_booked_twice(date: NaiveDate, events: &[ScheduleEvent]) {
    let mut schedule = DaySchedule::empty(date);
    for (index, event) in events.iter().enumerate() {
        schedule.evolve(event);
        assert!(peak(&schedule) <= 1, "event {index} of {}: {event:?}", events.len());
    }
}

async fn play(processes: &[Process], date: NaiveDate, plans: Vec<BookingPlan>) {
    let runs = (0..).zip(plans).map(|(patient, plan)| {
        // Sends each request to both processes, as an impatient client might.
        let both = processes.iter().map(|process| process.commands.clone());
        let twice = both.map(|commands| tokio::spawn(run(commands, date, patient, plan.clone())));
        join_all(twice.collect::<Vec<_>>())
    });
    for both in join_all(runs.collect::<Vec<_>>()).await {
        let ids: Vec<_> = both.into_iter().filter_map(Result::unwrap).collect();
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "one key, one booking");
    }
    let events = processes[0].schedule_events(date).await;
    assert_no_seat_is_booked_twice(date, &events);
    let schedule = processes[1].commands.day_schedule(date).await.unwrap();
    let mut folded = DaySchedule::empty(date);
    events.iter().for_each(|event| folded.evolve(event));
    assert_eq!(schedule, folded, "the cached schedule equals the log");
}

#[test]
fn no_interleaving_books_a_seat_twice() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (clinic, processes) = runtime.block_on(async {
        let (clinic, one) = Clinic::set_up().await;
        let other = clinic.process().await;
        (clinic, [one, other])
    });
    // Each history has its own day, always a Tuesday.
    let dates = std::cell::RefCell::new(tuesday().iter_weeks());
    let processes = Arc::new(processes);
    let mut runner =
        TestRunner::new(Config { cases: HISTORIES, failure_persistence: None, ..Config::default() });
    let plans = prop::collection::vec(any_plan(), PATIENTS as usize);
    let ran = runner.run(&plans, |plans| {
        let date = dates.borrow_mut().next().unwrap();
        runtime.block_on(play(&processes[..], date, plans));
        Ok(())
    });
    ran.unwrap();
    drop(processes);
    drop(clinic);
}
