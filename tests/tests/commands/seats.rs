//! 200 simultaneous requests for the last seat, on one process and on two processes with a shared database.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use chrono::NaiveDate;
use daybook_commands::{BookingOutcome, CommandError, NewReservation, RequestedTime};
use daybook_domain::hours::ClinicHoursSet;
use daybook_domain::schedule::Rejection;
use daybook_domain::time::DayOfWeek;
use daybook_domain::{Event, Period, RuleSet};
use futures_util::future::join_all;

use crate::clinic::{Clinic, Process, tuesday, wanted};

const BOTOX: &str = "srv_wrinkle_botox";

/// Number of simultaneous requests.
const RUSH: u32 = 200;

/// Sends the same request for many patients. Alternates between the processes.
async fn rush(
    processes: &[Process],
    wanted: impl Fn(u32) -> NewReservation,
) -> Vec<Result<BookingOutcome, CommandError>> {
    let requests = (0..RUSH).map(|patient| {
        let commands = processes[patient as usize % processes.len()].commands.clone();
        let wanted = wanted(patient);
        tokio::spawn(async move { commands.request(wanted, crate::clinic::public()).await })
    });
    join_all(requests).await.into_iter().map(Result::unwrap).collect()
}

/// Creates a request for a half-day under the legacy rules, so that only the daily limit of 10 applies.
fn by_count(patient: u32, date: NaiveDate) -> NewReservation {
    NewReservation {
        requested_time: RequestedTime::Period(Period::Afternoon),
        rules: RuleSet::Legacy,
        ..wanted(patient, BOTOX, date, "")
    }
}

#[track_caller]
fn assert_one_succeeds(
    answers: &[Result<BookingOutcome, CommandError>],
    refusal: impl Fn(&Rejection) -> bool,
) {
    let accepted = answers.iter().filter(|answer| answer.is_ok()).count();
    let refused = answers.iter().filter(|answer| match answer {
        Err(CommandError::Rejected(rejection)) => refusal(rejection),
        _ => false,
    });
    assert_eq!((accepted, refused.count()), (1, RUSH as usize - 1));
}

async fn last_time_seat(processes: &[Process]) {
    let answers = rush(processes, |patient| wanted(patient, BOTOX, tuesday(), "10:00")).await;
    assert_one_succeeds(&answers, |rejection| matches!(rejection, Rejection::SlotTaken { .. }));
    assert_eq!(processes[0].schedule_events(tuesday()).await.len(), 1);
}

async fn last_of_the_daily_limit(processes: &[Process]) {
    for patient in 1000..1009 {
        processes[0].book(by_count(patient, tuesday())).await.expect("there is room for ten");
    }
    let answers = rush(processes, |patient| by_count(patient, tuesday())).await;
    assert_one_succeeds(&answers, |rejection| *rejection == Rejection::DailyCountReached { limit: 10 });
    assert_eq!(processes[0].schedule_events(tuesday()).await.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_requests_for_the_last_seat_one_succeeds() {
    let (_clinic, process) = Clinic::set_up().await;
    last_time_seat(&[process]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_requests_to_two_processes_for_the_last_seat_one_succeeds() {
    let (clinic, process) = Clinic::set_up().await;
    last_time_seat(&[process, clinic.process().await]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_requests_for_the_last_of_the_daily_limit_one_succeeds() {
    let (_clinic, process) = Clinic::set_up().await;
    last_of_the_daily_limit(&[process]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_requests_to_two_processes_for_the_last_of_the_daily_limit_one_succeeds() {
    let (clinic, process) = Clinic::set_up().await;
    last_of_the_daily_limit(&[process, clinic.process().await]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicting_processes_decide_again_until_everything_is_booked() {
    let (clinic, one) = Clinic::set_up().await;
    let processes = [one, clinic.process().await];
    let starts = ["09:00", "09:40", "10:20", "11:00", "14:00", "14:40", "15:20", "16:00", "16:40", "17:20"];
    let dates: Vec<NaiveDate> = tuesday().iter_days().take(3).collect();
    let asked = dates.iter().flat_map(|date| starts.map(|start| (*date, start)));
    let asked = (0..).zip(asked).map(|(patient, (date, start))| {
        let commands = processes[patient as usize % 2].commands.clone();
        let wanted = wanted(patient, BOTOX, date, start);
        tokio::spawn(async move { commands.request(wanted, crate::clinic::public()).await })
    });
    for answer in join_all(asked).await {
        answer.unwrap().expect("all of them fit");
    }
    for date in dates {
        assert_eq!(processes[0].schedule_events(date).await.len(), starts.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_one_process_closes_a_day_the_other_sells_nothing_after_it() {
    let (clinic, one) = Clinic::set_up().await;
    let other = clinic.process().await;
    let dates: Vec<NaiveDate> = (0..20).map(|week| tuesday() + chrono::Days::new(7 * week)).collect();
    let asked = (0..).zip(&dates).map(|(patient, date)| {
        let (commands, wanted) = (other.commands.clone(), wanted(patient, BOTOX, *date, "10:00"));
        tokio::spawn(async move { commands.request(wanted, crate::clinic::public()).await })
    });
    let asked: Vec<_> = asked.collect();
    let closed = ClinicHoursSet { day_of_week: DayOfWeek::from_date(tuesday()), slots: vec![] };
    one.commands.set_hours(closed, crate::clinic::staff()).await.unwrap();
    let accepted =
        join_all(asked).await.into_iter().filter(|answer| answer.as_ref().unwrap().is_ok()).count();
    let events = one.all_events().await;
    let closed = events.iter().rposition(|event| matches!(event, Event::Hours(_))).unwrap();
    let booked = events.iter().rposition(|event| matches!(event, Event::Schedule(_)));
    assert!(booked.is_none_or(|booked| booked < closed), "{accepted} bookings");
}
