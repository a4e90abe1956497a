//! Changes to a booking: sealed notes and reasons, versions, and several changes in one append.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use daybook_commands::{
    BookingOutcome, CommandError, NewClosure, NewReservation, RequestedTime, ReservationChange,
};
use daybook_domain::requested_time::Ambiguity;
use daybook_domain::schedule::{ClosedTime, Rejection, ScheduleEvent, SlotAssignment};
use daybook_domain::time::Span;
use daybook_domain::{ReservationId, RuleSet, Status};
use daybook_vault::PatientDetails;

use crate::clinic::{Clinic, Process, phone, public, staff, tuesday, wanted};

const BOTOX: &str = "srv_wrinkle_botox";

#[tokio::test(flavor = "multi_thread")]
async fn notes_and_reasons_are_sealed_with_the_patients_key() {
    let (_clinic, process) = Clinic::set_up().await;
    let id = process.book(wanted(1, BOTOX, tuesday(), "10:00")).await.unwrap().reservation;
    let changes = vec![
        ReservationChange::WriteAdminNote("called back".to_owned()),
        ReservationChange::Reject { reason: Some("on holiday".to_owned()) },
    ];
    let changed =
        process.commands.change_all(tuesday(), id.clone(), Some(1), changes, staff()).await.unwrap();
    assert_eq!((changed.booking.status, changed.booking.version), (Status::Rejected, 3));
    let events = process.schedule_events(tuesday()).await;
    let [
        ScheduleEvent::ReservationRequested(requested),
        ScheduleEvent::AdminNoteWritten(written),
        ScheduleEvent::ReservationRejected(rejected),
    ] = events.as_slice()
    else {
        panic!("unexpected events: {events:?}");
    };
    let reason = rejected.reason.as_ref().unwrap();
    assert_eq!(process.opened(&written.note, &id).await.as_deref(), Some("called back"));
    assert_eq!(process.opened(reason, &id).await.as_deref(), Some("on holiday"));
    assert!([written.note.key, reason.key].iter().all(|key| *key == requested.details.key));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_changes_succeed_together_or_not_at_all() {
    let (_clinic, process) = Clinic::set_up().await;
    let id = process.book(wanted(1, BOTOX, tuesday(), "10:00")).await.unwrap().reservation;
    let changes = vec![
        ReservationChange::Confirm,
        ReservationChange::WriteAdminNote("called back".to_owned()),
        ReservationChange::Reject { reason: None },
    ];
    let refused = process.commands.change_all(tuesday(), id.clone(), None, changes, staff()).await;
    assert!(matches!(refused, Err(CommandError::Rejected(Rejection::TransitionNotAllowed { .. }))));
    let stale =
        process.commands.change(tuesday(), id.clone(), Some(7), ReservationChange::Confirm, staff()).await;
    assert!(matches!(
        stale,
        Err(CommandError::Rejected(Rejection::VersionMismatch { expected: 7, actual: 1 }))
    ));
    let unknown = ReservationId::parse("unknown").unwrap();
    let note = ReservationChange::WriteAdminNote("for nobody".to_owned());
    let missing = process.commands.change(tuesday(), unknown, None, note, staff()).await;
    assert!(matches!(missing, Err(CommandError::Rejected(Rejection::ReservationNotFound(_)))));
    assert_eq!(process.schedule_events(tuesday()).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_time_is_sealed_and_gets_its_time_later() {
    let (_clinic, process) = Clinic::set_up().await;
    let booked = process.book(wanted(1, BOTOX, tuesday(), "퇴근 후 3:30")).await.unwrap();
    assert!(matches!(booked.booking.placement, SlotAssignment::Review(_)));
    let events = process.schedule_events(tuesday()).await;
    let Some(ScheduleEvent::ReservationRequested(requested)) = events.first() else { panic!("{events:?}") };
    assert_eq!(requested.wish, None);
    let details = process.opened(&requested.details, &booked.reservation).await.unwrap();
    let details = PatientDetails::from_text(&details).unwrap();
    assert_eq!(details.unread_wish.as_deref(), Some("퇴근 후 3:30"));
    let assign = ReservationChange::AssignTime { start: "15:30".parse().unwrap(), rules: RuleSet::Dynamic };
    let assigned =
        process.commands.change(tuesday(), booked.reservation, None, assign, staff()).await.unwrap();
    assert_eq!(assigned.booking.placement.start(), Some("15:30".parse().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_text_goes_to_review_and_a_clock_time_needs_no_text() {
    let (_clinic, process) = Clinic::set_up().await;
    let empty = process.book(wanted(1, BOTOX, tuesday(), "")).await.unwrap();
    assert_eq!(empty.booking.placement, SlotAssignment::Review(Ambiguity::Empty));
    let at = RequestedTime::At("10:00".parse().unwrap());
    let timed = NewReservation { requested_time: at, ..wanted(2, BOTOX, tuesday(), "") };
    let timed = process.book(timed).await.unwrap();
    assert_eq!(timed.booking.placement.start(), Some("10:00".parse().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_reason_stays_and_a_repeated_request_with_it_changes_nothing() {
    let (clinic, process) = Clinic::set_up().await;
    let id = process.book(wanted(1, BOTOX, tuesday(), "10:00")).await.unwrap().reservation;
    let cancel = async |process: &Process, reason: Option<&str>| {
        let change = ReservationChange::Cancel { reason: reason.map(str::to_owned) };
        let note = ReservationChange::WriteAdminNote("a note".to_owned());
        process.commands.change_all(tuesday(), id.clone(), None, vec![change, note], staff()).await
    };
    let other = clinic.process().await;
    let (one, two) = tokio::join!(cancel(&process, Some("ill")), cancel(&other, Some("moved away")));
    let [refused] = [&one, &two].into_iter().filter(|outcome| outcome.is_err()).collect::<Vec<_>>()[..]
    else {
        panic!("{one:?} {two:?}")
    };
    let stands = |outcome: &Result<BookingOutcome, CommandError>| {
        let stands = Rejection::StatusStands { status: Status::Cancelled };
        matches!(outcome, Err(CommandError::Rejected(rejection)) if *rejection == stands)
    };
    assert!(stands(refused), "{refused:?}");
    assert_eq!(
        process.schedule_events(tuesday()).await.len(),
        3,
        "nothing of the refused request is recorded"
    );
    let recorded = process.commands.reason(tuesday(), &id).await.unwrap().unwrap();
    assert_eq!(recorded, if one.is_ok() { "ill" } else { "moved away" });
    for reason in [None, Some(&*recorded)] {
        assert_eq!(cancel(&other, reason).await.unwrap().booking.status, Status::Cancelled);
    }
    process.commands.forget(&phone(1), staff()).await.unwrap();
    assert!(stands(&cancel(&process, Some(&recorded)).await), "an erased reason is no longer known");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_time_cannot_be_booked_until_it_is_reopened() {
    let (clinic, process) = Clinic::set_up().await;
    let other = clinic.process().await;
    let span = Span { start: "09:00".parse().unwrap(), end: "12:00".parse().unwrap() };
    let closure = NewClosure {
        key: None,
        time: ClosedTime::Span(span),
        service: None,
        reason: Some("training".into()),
    };
    let closure = process.commands.close_time(tuesday(), closure, staff()).await.unwrap().id;
    let refused = other.book(wanted(1, BOTOX, tuesday(), "10:00")).await;
    let Err(CommandError::Rejected(Rejection::TimeClosed { reason })) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(reason.as_deref(), Some("training"));
    process.commands.reopen_time(tuesday(), closure.clone(), staff()).await.unwrap();
    other.commands.request(wanted(1, BOTOX, tuesday(), "10:00"), public()).await.expect("it is open again");
    let twice = process.commands.reopen_time(tuesday(), closure, staff()).await;
    assert!(matches!(twice, Err(CommandError::Rejected(Rejection::ClosureNotFound(_)))));
}
