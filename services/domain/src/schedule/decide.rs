//! What comes of a command on a page: the events it causes, none where its effect is already there, or the fact that
//! stops it.

use chrono::{Days, NaiveDateTime};

use super::command::{Change, CloseTime, RequestReservation, ReviewedTime, ScheduleCommand, StatusChange};
use super::event::{
    AdminNoteWritten, ReservationCancelled, ReservationCompleted, ReservationConfirmed, ReservationImported,
    ReservationNoShowCorrected, ReservationNoShowMarked, ReservationRejected, ReservationRequested,
    ReservationRescheduled, ReservationTimeAssigned, ScheduleEvent, ServiceSnapshot, TimeClosed,
    TimeReopened,
};
use super::rejection::Rejection;
use super::slot_assignment::SlotAssignment;
use super::state::{Booking, DaySchedule};
use crate::catalog::{Catalog, Service};
use crate::hours::Hours;
use crate::id::{ClosureId, ReservationId};
use crate::rules::{self, Candidate, Day};
use crate::time::ClockTime;
use crate::vocabulary::{ReadModel, Status};

/// How far ahead bookings are taken.
pub const MAX_DAYS_AHEAD: u64 = 366;

/// Bookings and closures on one page, at most.
pub const MAX_PAGE_ENTRIES: usize = 10_000;

/// What a decision needs to know beside the page.
#[derive(Debug, Clone, Copy)]
pub struct DecisionContext<'a> {
    /// The clinic's services.
    pub catalog: &'a Catalog,
    /// The clinic's hours.
    pub hours: &'a Hours,
    /// What the clinic's clock and calendar show.
    pub now: NaiveDateTime,
    /// The rule set that judges no more, because its view is retired.
    pub retired: Option<ReadModel>,
}

impl DecisionContext<'_> {
    /// The rule set that judges where this one was asked for, and the one that is heard beside it.
    const fn rule_sets(&self, wanted: ReadModel) -> (ReadModel, Option<ReadModel>) {
        use ReadModel::{Dynamic, Legacy};
        match (self.retired, wanted) {
            (None, Legacy) => (Legacy, Some(Dynamic)),
            (None, Dynamic) => (Dynamic, Some(Legacy)),
            (Some(Legacy), _) => (Dynamic, None),
            (Some(Dynamic), _) => (Legacy, None),
        }
    }
}

/// Decides one command on one page.
pub fn decide(
    book: &DaySchedule,
    command: ScheduleCommand,
    desk: &DecisionContext<'_>,
) -> Result<Vec<ScheduleEvent>, Rejection> {
    match command {
        ScheduleCommand::Request(request) => decide_request(book, request, desk),
        ScheduleCommand::Import(imported) => decide_import(book, imported),
        ScheduleCommand::Reimport { row, expected_version } => decide_reimport(book, row, expected_version),
        ScheduleCommand::Change { reservation, expected_version, change } => {
            let booking = book
                .booking(&reservation)
                .ok_or_else(|| Rejection::ReservationNotFound(reservation.clone()))?;
            check_version(booking, expected_version)?;
            decide_change(book, reservation, booking, change, desk)
        }
        ScheduleCommand::CloseTime(wanted) => decide_closure(book, wanted, desk),
        ScheduleCommand::ReopenTime(closure) => decide_reopening(book, closure),
    }
}

fn decide_request(
    book: &DaySchedule,
    request: RequestReservation,
    desk: &DecisionContext<'_>,
) -> Result<Vec<ScheduleEvent>, Rejection> {
    let placement = SlotAssignment::of(request.understood, desk.hours, book.date);
    if let Some(own) = book.booking(&request.reservation) {
        let same = own.subject == request.subject && own.service == request.service;
        return if same { Ok(vec![]) } else { Err(Rejection::KeyReused) };
    }
    check_room(book)?;
    check_calendar(book, &placement, desk.now)?;
    let service = desk.catalog.get(&request.service).ok_or(Rejection::ServiceNotFound)?;
    if !service.is_active {
        return Err(Rejection::ServiceInactive);
    }
    let other_verdict = judge(book, service, &placement, None, request.judge, desk)?;
    Ok(vec![ScheduleEvent::ReservationRequested(ReservationRequested {
        reservation: request.reservation,
        subject: request.subject,
        details: request.details,
        service: ServiceSnapshot::from(service),
        date: book.date,
        wish: request.wish,
        placement,
        judged_by: desk.rule_sets(request.judge).0,
        other_verdict,
    })])
}

fn decide_import(book: &DaySchedule, imported: ReservationImported) -> Result<Vec<ScheduleEvent>, Rejection> {
    if book.booking(&imported.reservation).is_some() {
        return Ok(vec![]);
    }
    check_room(book)?;
    Ok(vec![ScheduleEvent::ReservationImported(imported)])
}

/// Whether the row has changed is for the caller to say, who can open what is sealed; what it was compared with must still
/// stand.
fn decide_reimport(
    book: &DaySchedule,
    row: ReservationImported,
    compared_with: u32,
) -> Result<Vec<ScheduleEvent>, Rejection> {
    let booking = book
        .booking(&row.reservation)
        .ok_or_else(|| Rejection::ReservationNotFound(row.reservation.clone()))?;
    check_version(booking, Some(compared_with))?;
    Ok(vec![ScheduleEvent::ReservationReimported(row)])
}

fn decide_change(
    book: &DaySchedule,
    reservation: ReservationId,
    booking: &Booking,
    change: Change,
    desk: &DecisionContext<'_>,
) -> Result<Vec<ScheduleEvent>, Rejection> {
    match change {
        Change::Reschedule { start, judge } => {
            let placed = replace(book, &reservation, booking, start, judge, desk)?;
            let event = |placement| {
                ScheduleEvent::ReservationRescheduled(ReservationRescheduled { reservation, placement })
            };
            Ok(placed.map(event).into_iter().collect())
        }
        Change::AssignTime { start, judge } => {
            let placed = replace(book, &reservation, booking, start, judge, desk)?;
            let event = |placement| {
                ScheduleEvent::ReservationTimeAssigned(ReservationTimeAssigned { reservation, placement })
            };
            Ok(placed.map(event).into_iter().collect())
        }
        Change::ReadWish(meant) => decide_reading(book, reservation, booking, meant, desk),
        Change::WriteAdminNote { note } => {
            Ok(vec![ScheduleEvent::AdminNoteWritten(AdminNoteWritten { reservation, note })])
        }
        Change::Status(turn) => decide_turn(reservation, booking.status, turn),
    }
}

/// What a person read in a wish. A half of the day takes no seat and is never refused. A time does: on a day that is not
/// over the clinic has to be open then and the seat free, for nobody may be given a seat that another has. The limits of a
/// rule set are not asked: the booking is one of the day's already.
fn decide_reading(
    book: &DaySchedule,
    reservation: ReservationId,
    booking: &Booking,
    meant: ReviewedTime,
    desk: &DecisionContext<'_>,
) -> Result<Vec<ScheduleEvent>, Rejection> {
    let placement = match meant {
        ReviewedTime::At(start) => SlotAssignment::at(start, desk.hours, book.date),
        ReviewedTime::Period(period) => SlotAssignment::Period(period),
    };
    check_sayable(&placement)?;
    if booking.placement == placement {
        return Ok(vec![]);
    }
    if !booking.has_unread_wish {
        return Err(Rejection::WishUnderstood);
    }
    let takes_seat = placement.start().is_some() && booking.status.holds_seat();
    if takes_seat && book.date >= desk.now.date() {
        let service = desk.catalog.get(&booking.service).ok_or(Rejection::ServiceNotFound)?;
        let candidate = Candidate {
            service,
            total_minutes: booking.total_minutes,
            placement: &placement,
            ignoring: Some(&reservation),
        };
        rules::check_for_everybody(&Day { book, hours: desk.hours, now: desk.now }, &candidate)?;
    }
    Ok(vec![ScheduleEvent::ReservationTimeAssigned(ReservationTimeAssigned { reservation, placement })])
}

fn decide_turn(
    reservation: ReservationId,
    from: Status,
    turn: StatusChange,
) -> Result<Vec<ScheduleEvent>, Rejection> {
    let to = turn.target();
    // Only a correction, which says why, leads back from a no-show; and it leads from nowhere else.
    let corrects = matches!(turn, StatusChange::CorrectNoShow { .. });
    let wrong_way = from != to && corrects != (from == Status::NoShow);
    match transition(from, to) {
        Step::Allowed if !wrong_way => {}
        Step::AlreadyThere => return Ok(vec![]),
        Step::Allowed | Step::NotAllowed => return Err(Rejection::TransitionNotAllowed { from, to }),
    }
    Ok(vec![match turn {
        StatusChange::Confirm => ScheduleEvent::ReservationConfirmed(ReservationConfirmed { reservation }),
        StatusChange::Reject { reason } => {
            ScheduleEvent::ReservationRejected(ReservationRejected { reservation, reason })
        }
        StatusChange::Cancel { reason } => {
            ScheduleEvent::ReservationCancelled(ReservationCancelled { reservation, reason })
        }
        StatusChange::Complete => ScheduleEvent::ReservationCompleted(ReservationCompleted { reservation }),
        StatusChange::MarkNoShow => {
            ScheduleEvent::ReservationNoShowMarked(ReservationNoShowMarked { reservation })
        }
        StatusChange::CorrectNoShow { reason } => {
            ScheduleEvent::ReservationNoShowCorrected(ReservationNoShowCorrected { reservation, reason })
        }
    }])
}

/// A step from one status to another.
enum Step {
    AlreadyThere,
    Allowed,
    NotAllowed,
}

/// The transition table. What is not in it is final.
fn transition(from: Status, to: Status) -> Step {
    use Status::{Cancelled, Completed, Confirmed, NoShow, Pending, Rejected};
    match (from, to) {
        (from, to) if from == to => Step::AlreadyThere,
        (Pending, Confirmed | Rejected | Cancelled)
        | (Confirmed, Completed | Cancelled | NoShow)
        | (NoShow, Confirmed) => Step::Allowed,
        (Pending | Confirmed | NoShow | Cancelled | Completed | Rejected, _) => Step::NotAllowed,
    }
}

/// Where a booking stands after it was given another time; none where it stands there already.
fn replace(
    book: &DaySchedule,
    reservation: &ReservationId,
    booking: &Booking,
    start: ClockTime,
    judged_by: ReadModel,
    desk: &DecisionContext<'_>,
) -> Result<Option<SlotAssignment>, Rejection> {
    let placement = SlotAssignment::at(start, desk.hours, book.date);
    check_sayable(&placement)?;
    if booking.placement == placement {
        return Ok(None);
    }
    if !booking.status.holds_seat() {
        return Err(Rejection::NotMovable(booking.status));
    }
    // A day that is over is history: a time that is written in later is a fact, and is not refused for capacity.
    if book.date >= desk.now.date() {
        let service = desk.catalog.get(&booking.service).ok_or(Rejection::ServiceNotFound)?;
        judge(book, service, &placement, Some((reservation, booking)), judged_by, desk)?;
    }
    Ok(Some(placement))
}

/// Judges a placement by the rules that hold for everybody and by the routed rule set, or the one that is left where that
/// is retired. Returns the code with which the other rule set, where it is heard, would have refused.
fn judge(
    book: &DaySchedule,
    service: &Service,
    placement: &SlotAssignment,
    moving: Option<(&ReservationId, &Booking)>,
    wanted: ReadModel,
    desk: &DecisionContext<'_>,
) -> Result<Option<Box<str>>, Rejection> {
    let (judged_by, other) = desk.rule_sets(wanted);
    let day = Day { book, hours: desk.hours, now: desk.now };
    let candidate = Candidate {
        service,
        total_minutes: moving.map_or(service.total_minutes(), |(_, booking)| booking.total_minutes),
        placement,
        ignoring: moving.map(|(id, _)| id),
    };
    rules::check(&day, &candidate, judged_by)?;
    let refusal = other.and_then(|other| rules::check(&day, &candidate, other).err());
    Ok(refusal.map(|rejection| rejection.code().into()))
}

fn decide_closure(
    book: &DaySchedule,
    wanted: CloseTime,
    desk: &DecisionContext<'_>,
) -> Result<Vec<ScheduleEvent>, Rejection> {
    if book.closure(&wanted.closure).is_some() {
        return Ok(vec![]);
    }
    check_room(book)?;
    if wanted.span.minutes() == 0 {
        return Err(Rejection::ClosureEmpty);
    }
    if let Some(unknown) = wanted.service.as_ref().filter(|id| desk.catalog.get(id).is_none()) {
        return Err(Rejection::ClosureServiceNotFound(unknown.clone()));
    }
    Ok(vec![ScheduleEvent::TimeClosed(TimeClosed {
        closure: wanted.closure,
        date: book.date,
        span: wanted.span,
        service: wanted.service,
        reason: wanted.reason,
    })])
}

fn decide_reopening(book: &DaySchedule, closure: ClosureId) -> Result<Vec<ScheduleEvent>, Rejection> {
    match book.closure(&closure) {
        Some(_) => Ok(vec![ScheduleEvent::TimeReopened(TimeReopened { closure })]),
        None => Err(Rejection::ClosureNotFound(closure)),
    }
}

fn check_room(book: &DaySchedule) -> Result<(), Rejection> {
    if book.len() < MAX_PAGE_ENTRIES { Ok(()) } else { Err(Rejection::PageFull) }
}

fn check_version(booking: &Booking, expected: Option<u32>) -> Result<(), Rejection> {
    match expected {
        Some(expected) if expected != booking.version => {
            Err(Rejection::VersionMismatch { expected, actual: booking.version })
        }
        _ => Ok(()),
    }
}

fn check_calendar(
    book: &DaySchedule,
    placement: &SlotAssignment,
    now: NaiveDateTime,
) -> Result<(), Rejection> {
    let today = now.date();
    if book.date < today {
        return Err(Rejection::DatePassed);
    }
    if today.checked_add_days(Days::new(MAX_DAYS_AHEAD)).is_some_and(|last| book.date > last) {
        return Err(Rejection::DateTooFarAhead);
    }
    check_sayable(placement)?;
    match placement.start() {
        Some(start) if book.date == today && start <= ClockTime::of(now) => Err(Rejection::TimePassed),
        _ => Ok(()),
    }
}

/// The first hour of the day is outside any clinic's hours, and the old free-text column has no way to say it.
fn check_sayable(placement: &SlotAssignment) -> Result<(), Rejection> {
    match placement.start() {
        Some(start) if start.minutes() < 60 => Err(Rejection::OutsideHours),
        _ => Ok(()),
    }
}
