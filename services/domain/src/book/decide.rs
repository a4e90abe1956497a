//! What comes of a command on a page: the events it causes, none where its effect is already there, or the fact that
//! stops it.

use chrono::{Days, NaiveDateTime};

use super::command::{BookCommand, Change, CloseTime, Meant, RequestReservation, Turn};
use super::event::{
    AdminNoteWritten, BookEvent, ReservationCancelled, ReservationCompleted, ReservationConfirmed,
    ReservationImported, ReservationNoShowCorrected, ReservationNoShowMarked, ReservationRejected,
    ReservationRequested, ReservationRescheduled, ReservationTimeAssigned, ServiceSnapshot, TimeClosed,
    TimeReopened,
};
use super::placement::Placement;
use super::rejection::Rejection;
use super::state::{Book, Booking};
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
pub struct Desk<'a> {
    /// The clinic's services.
    pub catalog: &'a Catalog,
    /// The clinic's hours.
    pub hours: &'a Hours,
    /// What the clinic's clock and calendar show.
    pub now: NaiveDateTime,
    /// The rule set that judges no more, because its view is retired.
    pub retired: Option<ReadModel>,
}

impl Desk<'_> {
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
pub fn decide(book: &Book, command: BookCommand, desk: &Desk<'_>) -> Result<Vec<BookEvent>, Rejection> {
    match command {
        BookCommand::Request(request) => decide_request(book, request, desk),
        BookCommand::Import(imported) => decide_import(book, imported),
        BookCommand::Reimport { row, expected_version } => decide_reimport(book, row, expected_version),
        BookCommand::Change { reservation, expected_version, change } => {
            let booking = book
                .booking(&reservation)
                .ok_or_else(|| Rejection::ReservationNotFound(reservation.clone()))?;
            check_version(booking, expected_version)?;
            decide_change(book, reservation, booking, change, desk)
        }
        BookCommand::CloseTime(wanted) => decide_closure(book, wanted, desk),
        BookCommand::ReopenTime(closure) => decide_reopening(book, closure),
    }
}

fn decide_request(
    book: &Book,
    request: RequestReservation,
    desk: &Desk<'_>,
) -> Result<Vec<BookEvent>, Rejection> {
    let placement = Placement::of(request.understood, desk.hours, book.date);
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
    Ok(vec![BookEvent::ReservationRequested(ReservationRequested {
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

fn decide_import(book: &Book, imported: ReservationImported) -> Result<Vec<BookEvent>, Rejection> {
    if book.booking(&imported.reservation).is_some() {
        return Ok(vec![]);
    }
    check_room(book)?;
    Ok(vec![BookEvent::ReservationImported(imported)])
}

/// Whether the row has changed is for the caller to say, who can open what is sealed; what it was compared with must still
/// stand.
fn decide_reimport(
    book: &Book,
    row: ReservationImported,
    compared_with: u32,
) -> Result<Vec<BookEvent>, Rejection> {
    let booking = book
        .booking(&row.reservation)
        .ok_or_else(|| Rejection::ReservationNotFound(row.reservation.clone()))?;
    check_version(booking, Some(compared_with))?;
    Ok(vec![BookEvent::ReservationReimported(row)])
}

fn decide_change(
    book: &Book,
    reservation: ReservationId,
    booking: &Booking,
    change: Change,
    desk: &Desk<'_>,
) -> Result<Vec<BookEvent>, Rejection> {
    match change {
        Change::Reschedule { start, judge } => {
            let placed = replace(book, &reservation, booking, start, judge, desk)?;
            let event = |placement| {
                BookEvent::ReservationRescheduled(ReservationRescheduled { reservation, placement })
            };
            Ok(placed.map(event).into_iter().collect())
        }
        Change::AssignTime { start, judge } => {
            let placed = replace(book, &reservation, booking, start, judge, desk)?;
            let event = |placement| {
                BookEvent::ReservationTimeAssigned(ReservationTimeAssigned { reservation, placement })
            };
            Ok(placed.map(event).into_iter().collect())
        }
        Change::ReadWish(meant) => decide_reading(book, reservation, booking, meant, desk),
        Change::WriteAdminNote { note } => {
            Ok(vec![BookEvent::AdminNoteWritten(AdminNoteWritten { reservation, note })])
        }
        Change::Turn(turn) => decide_turn(reservation, booking.status, turn),
    }
}

/// What a person read in a wish. A half of the day takes no seat and is never refused. A time does: on a day that is not
/// over the clinic has to be open then and the seat free, for nobody may be given a seat that another has. The limits of a
/// rule set are not asked: the booking is one of the day's already.
fn decide_reading(
    book: &Book,
    reservation: ReservationId,
    booking: &Booking,
    meant: Meant,
    desk: &Desk<'_>,
) -> Result<Vec<BookEvent>, Rejection> {
    let placement = match meant {
        Meant::At(start) => Placement::at(start, desk.hours, book.date),
        Meant::Period(period) => Placement::Period(period),
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
    Ok(vec![BookEvent::ReservationTimeAssigned(ReservationTimeAssigned { reservation, placement })])
}

fn decide_turn(reservation: ReservationId, from: Status, turn: Turn) -> Result<Vec<BookEvent>, Rejection> {
    let to = turn.target();
    // Only a correction, which says why, leads back from a no-show; and it leads from nowhere else.
    let corrects = matches!(turn, Turn::CorrectNoShow { .. });
    let wrong_way = from != to && corrects != (from == Status::NoShow);
    match transition(from, to) {
        Step::Allowed if !wrong_way => {}
        Step::AlreadyThere => return Ok(vec![]),
        Step::Allowed | Step::NotAllowed => return Err(Rejection::TransitionNotAllowed { from, to }),
    }
    Ok(vec![match turn {
        Turn::Confirm => BookEvent::ReservationConfirmed(ReservationConfirmed { reservation }),
        Turn::Reject { reason } => {
            BookEvent::ReservationRejected(ReservationRejected { reservation, reason })
        }
        Turn::Cancel { reason } => {
            BookEvent::ReservationCancelled(ReservationCancelled { reservation, reason })
        }
        Turn::Complete => BookEvent::ReservationCompleted(ReservationCompleted { reservation }),
        Turn::MarkNoShow => BookEvent::ReservationNoShowMarked(ReservationNoShowMarked { reservation }),
        Turn::CorrectNoShow { reason } => {
            BookEvent::ReservationNoShowCorrected(ReservationNoShowCorrected { reservation, reason })
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
    book: &Book,
    reservation: &ReservationId,
    booking: &Booking,
    start: ClockTime,
    judged_by: ReadModel,
    desk: &Desk<'_>,
) -> Result<Option<Placement>, Rejection> {
    let placement = Placement::at(start, desk.hours, book.date);
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
    book: &Book,
    service: &Service,
    placement: &Placement,
    moving: Option<(&ReservationId, &Booking)>,
    wanted: ReadModel,
    desk: &Desk<'_>,
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

fn decide_closure(book: &Book, wanted: CloseTime, desk: &Desk<'_>) -> Result<Vec<BookEvent>, Rejection> {
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
    Ok(vec![BookEvent::TimeClosed(TimeClosed {
        closure: wanted.closure,
        date: book.date,
        span: wanted.span,
        service: wanted.service,
        reason: wanted.reason,
    })])
}

fn decide_reopening(book: &Book, closure: ClosureId) -> Result<Vec<BookEvent>, Rejection> {
    match book.closure(&closure) {
        Some(_) => Ok(vec![BookEvent::TimeReopened(TimeReopened { closure })]),
        None => Err(Rejection::ClosureNotFound(closure)),
    }
}

fn check_room(book: &Book) -> Result<(), Rejection> {
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

fn check_calendar(book: &Book, placement: &Placement, now: NaiveDateTime) -> Result<(), Rejection> {
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
fn check_sayable(placement: &Placement) -> Result<(), Rejection> {
    match placement.start() {
        Some(start) if start.minutes() < 60 => Err(Rejection::OutsideHours),
        _ => Ok(()),
    }
}
