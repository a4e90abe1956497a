//! Rows of the old system that are imported again, or that moved to another day.

use daybook_domain::schedule::event::ReservationMoved;

use super::*;

#[test]
fn a_row_is_reimported_at_the_version_it_was_compared_with_and_never_rejected_for_capacity() {
    let clinic = Clinic::on(MONDAY).given(request(1, BOTOX, "10:30", Legacy));
    let command = import(&clinic, 2, "점심 후", Status::Pending);
    let mut clinic = clinic.given(command).given(review(2, ReviewedTime::Period(Period::Morning)));
    let changed = row(&clinic, 2, "10:30", Status::Confirmed);
    let again = |expected_version| ScheduleCommand::Reimport { row: changed.clone(), expected_version };
    assert_eq!(clinic.when(again(1)), Err(Rejection::VersionMismatch { expected: 1, actual: 2 }));
    assert_eq!(clinic.when(again(2)), Ok(vec![ScheduleEvent::ReservationReimported(changed.clone())]));
    let booking = clinic.schedule.booking(&id(2)).unwrap();
    assert_eq!((booking.status, booking.version, booking.is_reviewable), (Status::Confirmed, 3, false));
    assert_eq!(booking.placement, changed.placement);
    let stranger =
        ScheduleCommand::Reimport { row: row(&clinic, 3, "10:30", Status::Pending), expected_version: 1 };
    assert_eq!(clinic.when(stranger), Err(Rejection::ReservationNotFound(id(3))));
}

#[test]
fn a_row_moves_to_another_day_and_back_at_the_version_it_was_compared_with_and_arrives_once() {
    let (mut monday, mut tuesday) = (Clinic::on(MONDAY), Clinic::on("2026-12-01"));
    let row_on = |clinic: &Clinic| row(clinic, 1, "10:30", Status::Confirmed);
    let (here, there) = (row_on(&monday), row_on(&tuesday));
    monday.when(ScheduleCommand::Import(here.clone())).unwrap();
    monday.when(change(1, ReservationChange::Cancel { reason: None })).unwrap();
    let leave = |row: &ReservationImported, expected_version| ScheduleCommand::MoveOut {
        row: row.clone(),
        expected_version,
    };
    assert_eq!(monday.when(leave(&there, 1)), Err(Rejection::VersionMismatch { expected: 1, actual: 2 }));
    let unstorable = ReservationImported { status_changed_by: Some("a\0b".into()), ..there.clone() };
    assert!(monday.when(leave(&unstorable, 2)).is_err(), "nothing may be refused after it has left");
    let first = ReservationMoved { row: there, moved_from: monday.schedule.date, version: 3 };
    assert_eq!(
        monday.when(leave(&first.row, 2)),
        Ok(vec![ScheduleEvent::ReservationMovedOut(first.clone())])
    );
    assert_eq!((monday.schedule.booking(&id(1)), monday.schedule.len()), (None, 0));
    let older_run = ScheduleCommand::Import(here.clone());
    assert_eq!(monday.when(older_run), Ok(vec![]), "an older run adds no second one");
    let arrive = |moved: &ReservationMoved| ScheduleCommand::MoveIn(moved.clone());
    assert_eq!(tuesday.when(arrive(&first)), Ok(vec![ScheduleEvent::ReservationMovedIn(first.clone())]));
    assert_eq!(tuesday.when(arrive(&first)), Ok(vec![]));
    let booking = tuesday.schedule.booking(&id(1)).unwrap();
    assert_eq!((booking.status, booking.version), (Status::Confirmed, 3));
    let back = ReservationMoved { row: here, moved_from: tuesday.schedule.date, version: 4 };
    assert_eq!(tuesday.when(leave(&back.row, 3)).unwrap().len(), 1);
    assert_eq!(tuesday.when(arrive(&first)), Ok(vec![]), "it has moved on");
    assert_eq!(monday.when(arrive(&back)).unwrap().len(), 1);
    assert_eq!(monday.schedule.booking(&id(1)).unwrap().version, 4);
}
