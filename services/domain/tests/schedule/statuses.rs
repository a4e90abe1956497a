//! Statuses and repetitions: what may follow what, when, and which request is the same as an earlier one.

use chrono::{NaiveDate, NaiveDateTime};
use daybook_domain::hours::first_hours;
use daybook_domain::schedule::{
    CloseTime, ClosedTime, DaySchedule, Rejection, RequestReservation, ReservationChange, ReviewedTime,
    ScheduleCommand,
};
use daybook_domain::{ClosureId, Period, RequestFingerprint, RuleSet, Sealed, Status};
use proptest::prelude::*;

use super::{BOTOX, Clinic, MONDAY, at, change, id, import, in_seoul, request, review, sealed, span};
use RuleSet::{Dynamic, Legacy};

/// All changes that lead to a status.
pub(super) fn status_changes() -> Vec<ReservationChange> {
    vec![
        ReservationChange::Confirm,
        ReservationChange::Reject { reason: None },
        ReservationChange::Cancel { reason: None },
        ReservationChange::Complete,
        ReservationChange::MarkNoShow,
        ReservationChange::CorrectNoShow { reason: sealed() },
        ReservationChange::CorrectCompletion { reason: sealed() },
    ]
}

#[test]
fn the_status_changes_only_along_the_transition_table() {
    let allowed = [
        (Status::Pending, [true, true, true, false, false, false, false]),
        (Status::Confirmed, [false, false, true, true, true, false, false]),
        (Status::NoShow, [false, false, true, false, false, true, false]),
        (Status::Cancelled, [false; 7]),
        (Status::Completed, [false, false, false, false, false, false, true]),
        (Status::Rejected, [false; 7]),
    ];
    for (from, expected) in allowed {
        for (to, causes_event) in status_changes().into_iter().zip(expected) {
            let clinic = Clinic { now: in_seoul(after("2026-12-01")), ..Clinic::on(MONDAY) };
            let command = import(&clinic, 1, "10:00", from);
            let mut clinic = clinic.given(command);
            let (target, outcome) = (to.target_status().unwrap(), clinic.when(change(1, to.clone())));
            match outcome {
                Ok(events) if causes_event => assert_eq!(events.len(), 1),
                Ok(events) => assert!(events.is_empty() && from == target, "{from} -> {to:?}"),
                Err(Rejection::StatusStands { status }) => assert_eq!((status, status), (from, target)),
                Err(rejection) => {
                    assert!(!causes_event, "{from} -> {to:?}");
                    assert_eq!(rejection, Rejection::TransitionNotAllowed { from, to: target });
                }
            }
        }
    }
}

fn after(date: &str) -> NaiveDateTime {
    date.parse::<NaiveDate>().unwrap().and_hms_opt(0, 0, 0).unwrap()
}

#[test]
fn an_outcome_is_recorded_only_once_the_start_has_come() {
    let (morning, half_day) = (MONDAY.to_owned() + "T08:59:59", MONDAY.to_owned() + "T09:00:00");
    for (text, too_early, in_time) in [
        ("10:00", MONDAY.to_owned() + "T09:59:59", MONDAY.to_owned() + "T10:00:00"),
        ("오전", morning, half_day),
        ("오후", MONDAY.to_owned() + "T13:59:00", MONDAY.to_owned() + "T14:00:00"),
        // Nobody knows when: its day has to come.
        ("점심 후", "2026-11-29T23:59:59".to_owned(), MONDAY.to_owned() + "T00:00:00"),
    ] {
        for (outcome, to) in [
            (ReservationChange::Complete, Status::Completed),
            (ReservationChange::MarkNoShow, Status::NoShow),
        ] {
            let clinic = Clinic { now: in_seoul(too_early.parse().unwrap()), ..Clinic::on(MONDAY) };
            let command = import(&clinic, 1, text, Status::Confirmed);
            let mut clinic = clinic.given(command);
            assert_eq!(clinic.when(change(1, outcome.clone())), Err(Rejection::NotBegun { to }), "{text}");
            clinic.now = in_seoul(in_time.parse().unwrap());
            assert_eq!(clinic.when(change(1, outcome)).unwrap().len(), 1, "{text}");
        }
    }
}

#[test]
fn a_text_is_read_before_its_booking_is_confirmed_and_a_half_day_needs_no_time() {
    let mut clinic =
        Clinic::on(MONDAY).given(request(1, BOTOX, "2시", Legacy)).given(request(2, BOTOX, "오후", Legacy));
    assert_eq!(clinic.when(change(1, ReservationChange::Confirm)), Err(Rejection::TimeNotRead));
    assert!(clinic.when(change(2, ReservationChange::Confirm)).is_ok());
    assert!(clinic.when(review(1, ReviewedTime::Period(Period::Afternoon))).is_ok());
    assert!(clinic.when(change(1, ReservationChange::Confirm)).is_ok());
}

#[test]
fn a_booking_that_is_over_gets_no_other_time() {
    for status in [Status::Completed, Status::NoShow, Status::Cancelled, Status::Rejected] {
        for text in ["10:00", "오전", "점심 후"] {
            let clinic = Clinic::on(MONDAY);
            let command = import(&clinic, 1, text, status);
            let mut clinic = clinic.given(command);
            let start = "14:00".parse().unwrap();
            for moved in [
                ReservationChange::Reschedule { start, rules: Dynamic },
                ReservationChange::AssignTime { start, rules: Dynamic },
            ] {
                assert_eq!(clinic.when(change(1, moved)), Err(Rejection::NotMovable(status)), "{text}");
            }
        }
    }
}

fn moves(start: &str) -> [ReservationChange; 2] {
    let start = start.parse().unwrap();
    [
        ReservationChange::Reschedule { start, rules: Dynamic },
        ReservationChange::AssignTime { start, rules: Legacy },
    ]
}

#[test]
fn an_appointment_is_not_moved_into_the_past() {
    let noon_of = |date: &str| in_seoul(format!("{date}T12:00:00").parse().unwrap());
    let tuesday = "2026-12-01";
    for (now, text, status, start, is_moved) in [
        // Today.
        (MONDAY, "16:00", Status::Confirmed, "10:00", false),
        (MONDAY, "16:00", Status::Pending, "11:59", false),
        (MONDAY, "10:00", Status::Confirmed, "11:00", false),
        (MONDAY, "오후", Status::Pending, "10:00", false),
        (MONDAY, "오전", Status::Confirmed, "09:30", false),
        (MONDAY, "16:00", Status::Confirmed, "14:00", true),
        (MONDAY, "10:00", Status::Pending, "14:00", true),
        (MONDAY, "오후", Status::Pending, "14:00", true),
        // Yesterday, whichever way.
        (tuesday, "14:00", Status::Pending, "10:00", false),
        (tuesday, "10:00", Status::Pending, "14:00", false),
        (tuesday, "14:00", Status::Confirmed, "10:00", false),
        (tuesday, "오전", Status::Pending, "10:00", false),
        // What a text meant may have passed since.
        (MONDAY, "점심 후", Status::Pending, "10:00", true),
        (tuesday, "점심 후", Status::Pending, "14:00", true),
    ] {
        for moved in moves(start) {
            let clinic = Clinic { now: noon_of(now), ..Clinic::on(MONDAY) };
            let command = import(&clinic, 1, text, status);
            let outcome = clinic.given(command).when(change(1, moved));
            let expected = if is_moved { Ok(1) } else { Err(Rejection::TimePassed) };
            assert_eq!(outcome.map(|events| events.len()), expected, "{now}: {text} {status} to {start}");
        }
    }
}

#[test]
fn now_is_too_late_for_a_move_and_the_same_time_is_no_move() {
    let clinic =
        Clinic { now: in_seoul(format!("{MONDAY}T14:30:00").parse().unwrap()), ..Clinic::on(MONDAY) };
    let command = import(&clinic, 1, "10:00", Status::Confirmed);
    let mut clinic = clinic.given(command);
    for (start, expected) in [("14:30", Err(Rejection::TimePassed)), ("10:00", Ok(0)), ("14:31", Ok(1))] {
        let [moved, _] = moves(start);
        assert_eq!(clinic.when(change(1, moved)).map(|events| events.len()), expected, "{start}");
    }
    let late = clinic.when(request(2, BOTOX, "14:30", Legacy));
    assert_eq!(late, Err(Rejection::TimePassed), "a new booking neither");
}

#[test]
fn a_text_that_was_read_is_not_read_again_as_a_time_that_has_passed() {
    let on = |time: &str| in_seoul(format!("{MONDAY}T{time}").parse().unwrap());
    let mut clinic = Clinic::on(MONDAY).given(request(1, BOTOX, "2시", Legacy)).given(review(1, at("16:00")));
    clinic.now = on("15:00:00");
    for past in [at("10:00"), at("15:00"), ReviewedTime::Period(Period::Morning)] {
        assert_eq!(clinic.when(review(1, past)), Err(Rejection::TimePassed), "{past:?}");
    }
    for next in [ReviewedTime::Period(Period::Afternoon), at("15:30")] {
        assert_eq!(clinic.when(review(1, next)).unwrap().len(), 1, "{next:?} is not over");
    }
    clinic.now = on("15:30:00");
    assert_eq!(clinic.when(review(1, at("15:00"))).unwrap().len(), 1, "its time has come anyway");
}

fn with_fingerprint(command: ScheduleCommand, byte: u8, is_keyed: bool) -> ScheduleCommand {
    let ScheduleCommand::Request(request) = command else { panic!("{command:?}") };
    let fingerprint = Some(RequestFingerprint::from_bytes([byte; 16]));
    ScheduleCommand::Request(RequestReservation { fingerprint, is_keyed, ..request })
}

#[test]
fn an_equal_request_without_a_key_is_a_double_click_while_the_first_is_pending() {
    for text in ["오후", "2시"] {
        let asked =
            |number, byte, is_keyed| with_fingerprint(request(number, BOTOX, text, Legacy), byte, is_keyed);
        let mut clinic = Clinic::on(MONDAY).given(asked(1, 1, false));
        assert_eq!(clinic.when(asked(2, 1, false)), Err(Rejection::AlreadyRequested(id(1))), "{text}");
        assert_eq!(clinic.when(asked(1, 1, false)), Ok(vec![]), "by the first one's id");
        // A family's other member, and a request that its key names, are requests of their own.
        for own in [asked(3, 2, false), asked(4, 1, true)] {
            assert!(!matches!(clinic.when(own), Err(Rejection::AlreadyRequested(_))), "{text}");
        }
        let mut clinic = Clinic::on(MONDAY).given(asked(1, 1, false));
        clinic = clinic.given(change(1, ReservationChange::Cancel { reason: None }));
        assert!(clinic.when(asked(2, 1, false)).is_ok(), "{text}");
    }
    let timed = |number| with_fingerprint(request(number, BOTOX, "14:00", Legacy), 1, false);
    let taken = Clinic::on(MONDAY).given(timed(1)).when(timed(2)).unwrap_err();
    assert!(matches!(taken, Rejection::SlotTaken { .. }), "the first click has the only seat: {taken:?}");
}

#[test]
fn a_reservation_id_belongs_to_one_request() {
    let first = with_fingerprint(request(1, BOTOX, "10:00", Legacy), 1, true);
    let mut clinic = Clinic::on(MONDAY).given(first.clone());
    assert_eq!(clinic.when(first), Ok(vec![]));
    let other = with_fingerprint(request(1, BOTOX, "11:00", Legacy), 2, true);
    assert_eq!(clinic.when(other), Err(Rejection::KeyReused));
}

#[test]
fn a_closure_id_belongs_to_one_request_even_after_it_was_removed() {
    let closure = ClosureId::parse("c1").unwrap();
    let close = |end| {
        let (closure, time) = (closure.clone(), ClosedTime::Span(span("10:00", end)));
        ScheduleCommand::CloseTime(CloseTime {
            closure,
            time,
            service: None,
            reason: None,
            fingerprint: None,
        })
    };
    let mut clinic = Clinic::on(MONDAY).given(close("11:00"));
    for _ in 0..2 {
        assert_eq!(clinic.when(close("11:00")), Ok(vec![]));
        assert_eq!(clinic.when(close("12:00")), Err(Rejection::KeyReused));
        let _ = clinic.when(ScheduleCommand::ReopenTime(closure.clone()));
    }
    assert!(clinic.schedule.closure(&closure).is_none(), "a repeated request closes nothing again");
}

#[test]
fn a_half_day_that_was_closed_is_found_again_after_its_hours_have_changed() {
    let asked = |period, byte| {
        ScheduleCommand::CloseTime(CloseTime {
            closure: ClosureId::parse("c1").unwrap(),
            time: ClosedTime::Period(period),
            service: None,
            reason: None,
            fingerprint: Some(RequestFingerprint::from_bytes([byte; 16])),
        })
    };
    let mut clinic = Clinic::on(MONDAY).given(asked(Period::Morning, 1));
    let recorded = clinic.schedule.closures().next().unwrap().span;
    assert_eq!(recorded, span("09:00", "12:00"));
    let mut monday = first_hours().remove(0);
    monday.slots.clear();
    clinic.hours.decide(monday).unwrap().iter().for_each(|event| clinic.hours.evolve(event));
    assert_eq!(clinic.when(asked(Period::Morning, 1)), Ok(vec![]));
    assert_eq!(clinic.when(asked(Period::Afternoon, 2)), Err(Rejection::KeyReused));
    assert_eq!(
        Clinic { schedule: DaySchedule::empty(clinic.schedule.date), ..clinic }
            .when(asked(Period::Morning, 1)),
        Err(Rejection::ClinicClosed)
    );
}

#[test]
fn a_status_that_is_reached_keeps_its_reason() {
    let reason = |text: &str| Sealed { ciphertext: text.into(), ..sealed() };
    let cancel = |reason| change(1, ReservationChange::Cancel { reason });
    let stands = |status| Err(Rejection::StatusStands { status });
    let mut clinic = Clinic::on(MONDAY).given(request(1, BOTOX, "10:00", Legacy));
    clinic = clinic.given(cancel(Some(reason("ill"))));
    assert_eq!(clinic.when(cancel(None)), Ok(vec![]), "a repeated request may leave the reason out");
    assert_eq!(clinic.when(cancel(Some(reason("ill")))), Ok(vec![]));
    assert_eq!(clinic.when(cancel(Some(reason("moved away")))), stands(Status::Cancelled));
    assert_eq!(clinic.schedule.booking(&id(1)).unwrap().status_reason, Some(reason("ill")));
    let command = import(&clinic, 2, "14:00", Status::Confirmed);
    clinic = clinic.given(command);
    let correct = change(2, ReservationChange::CorrectNoShow { reason: reason("came late") });
    assert_eq!(clinic.when(correct), stands(Status::Confirmed), "no reason was recorded");
}

#[test]
fn a_half_day_beside_a_clock_time_has_to_contain_it() {
    let asked = |text: &str, period| {
        let ScheduleCommand::Request(request) = request(1, BOTOX, text, Legacy) else { panic!("{text}") };
        ScheduleCommand::Request(RequestReservation { stated_period: Some(period), ..request })
    };
    for (text, period, is_right) in [
        ("10:00", Period::Morning, true),
        ("10:00", Period::Afternoon, false),
        ("14:00", Period::Afternoon, true),
        ("14:00", Period::Morning, false),
        ("2시", Period::Morning, true),
    ] {
        let outcome = Clinic::on(MONDAY).when(asked(text, period));
        assert_eq!(outcome.is_ok(), is_right, "{text} {period:?}: {outcome:?}");
    }
}

#[test]
fn the_review_of_a_rejected_text_takes_no_seat_and_changes_no_status() {
    let mut clinic = Clinic::on(MONDAY).given(request(1, BOTOX, "2시", Legacy));
    clinic = clinic.given(change(1, ReservationChange::Reject { reason: None }));
    clinic = clinic.given(request(2, BOTOX, "14:00", Legacy));
    assert_eq!(clinic.when(review(1, at("14:00"))).unwrap().len(), 1);
    let booking = clinic.schedule.booking(&id(1)).unwrap();
    assert_eq!((booking.status, booking.status.holds_seat()), (Status::Rejected, false));
}

/// The status that a change may lead to, written down once more without the table.
fn is_sensible(from: Status, to: &ReservationChange, is_unread: bool, has_begun: bool) -> bool {
    match to {
        ReservationChange::Confirm => from == Status::Pending && !is_unread,
        ReservationChange::Reject { .. } => from == Status::Pending,
        ReservationChange::Cancel { .. } => {
            [Status::Pending, Status::Confirmed, Status::NoShow].contains(&from)
        }
        ReservationChange::Complete | ReservationChange::MarkNoShow => from == Status::Confirmed && has_begun,
        ReservationChange::CorrectNoShow { .. } => from == Status::NoShow,
        ReservationChange::CorrectCompletion { .. } => from == Status::Completed,
        ReservationChange::Reschedule { .. }
        | ReservationChange::AssignTime { .. }
        | ReservationChange::ReviewTime(_)
        | ReservationChange::WriteAdminNote(_) => panic!("{to:?} changes no status"),
    }
}

proptest! {
    #[test]
    fn a_status_changes_only_to_one_that_makes_sense_at_that_moment(
        from in prop::sample::select(Status::ALL.to_vec()),
        to in prop::sample::select(status_changes()),
        (text, begins) in prop::sample::select(vec![("10:00", 600), ("오전", 540), ("오후", 840), ("2시", 0)]),
        minutes in -2880i64..2880,
    ) {
        let now = in_seoul(after(MONDAY) + chrono::TimeDelta::minutes(minutes));
        let clinic = Clinic { now, ..Clinic::on(MONDAY) };
        let command = import(&clinic, 1, text, from);
        let mut clinic = clinic.given(command);
        let allowed = is_sensible(from, &to, text == "2시", minutes >= begins);
        let outcome = clinic.when(change(1, to.clone()));
        let status = clinic.schedule.booking(&id(1)).unwrap().status;
        if allowed {
            prop_assert_eq!(outcome.unwrap().len(), 1);
            prop_assert_eq!(Some(status), to.target_status());
        } else {
            prop_assert!(outcome.map_or(true, |events| events.is_empty()));
            prop_assert_eq!(status, from);
        }
    }
}
