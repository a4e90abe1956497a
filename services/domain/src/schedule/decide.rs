//! Decides a command on a day schedule: the events it causes, no event if its effect exists already, or a rejection.
//!
//! It never reads a clock, an id source or a view; all of that comes in through the command and the context.

use super::command::{CloseTime, RequestReservation, ReservationChange, ScheduleCommand};
use super::event::{
    AdminNoteWritten, ReservationCancelled, ReservationCompleted, ReservationCompletionCorrected,
    ReservationConfirmed, ReservationImported, ReservationMoved, ReservationNoShowCorrected,
    ReservationNoShowMarked, ReservationRejected, ReservationRequested, ReservationRescheduled,
    ReservationTimeAssigned, ScheduleEvent, ServiceSnapshot, TimeClosed, TimeReopened,
};
use super::limits::MAX_DAY_ENTRIES;
use super::rejection::Rejection;
use super::slot_assignment::SlotAssignment;
use super::state::{Booking, Closure, DaySchedule};
use super::stranger::{check_common_bounds, check_patient_bounds};
use super::times::{check_time_for, decide_move, decide_review};
use super::values::{check_closure, check_requested_time, check_row, check_start, check_stated_period};
use crate::catalog::Catalog;
use crate::hours::Hours;
use crate::id::{ClosureId, ReservationId};
use crate::rules::{self, Candidate, Day};
use crate::time::{ClinicNow, Span};
use crate::vocabulary::{ReadModel, RuleSet, Status};

/// The state outside the day schedule that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct DecisionContext<'a> {
    /// The clinic's services.
    pub catalog: &'a Catalog,
    pub hours: &'a Hours,
    pub now: ClinicNow,
    /// The view that is retired, whose rule set no longer applies.
    pub retired: Option<ReadModel>,
}

impl DecisionContext<'_> {
    /// The rule set that decides a request for `requested`, and the one that is evaluated for comparison.
    pub(super) const fn rule_sets(&self, requested: RuleSet) -> (RuleSet, Option<RuleSet>) {
        use RuleSet::{Dynamic, Legacy};
        match (self.retired, requested) {
            (None, Legacy) => (Legacy, Some(Dynamic)),
            (None, Dynamic) => (Dynamic, Some(Legacy)),
            (Some(ReadModel::Legacy), _) => (Dynamic, None),
            (Some(ReadModel::Dynamic), _) => (Legacy, None),
        }
    }
}

/// Decides one command on one day schedule.
pub fn decide(
    schedule: &DaySchedule,
    command: ScheduleCommand,
    context: &DecisionContext<'_>,
) -> Result<Vec<ScheduleEvent>, Rejection> {
    match command {
        ScheduleCommand::Request(request) => decide_request(schedule, request, context),
        ScheduleCommand::Import(imported) => decide_import(schedule, imported, context),
        ScheduleCommand::Reimport { row, expected_version } => {
            decide_reimport(schedule, row, expected_version, context)
        }
        ScheduleCommand::MoveOut { row, expected_version } => {
            decide_move_out(schedule, row, expected_version, context)
        }
        ScheduleCommand::MoveIn(moved) => decide_move_in(schedule, moved, context),
        ScheduleCommand::Change { reservation, expected_version, change } => {
            let booking = find(schedule, &reservation)?;
            check_version(booking, expected_version)?;
            decide_change(schedule, reservation, booking, change, context)
        }
        ScheduleCommand::CloseTime(command) => decide_closure(schedule, command, context),
        ScheduleCommand::ReopenTime(closure) => decide_reopening(schedule, closure),
    }
}

fn decide_request(
    schedule: &DaySchedule,
    request: RequestReservation,
    context: &DecisionContext<'_>,
) -> Result<Vec<ScheduleEvent>, Rejection> {
    let placement = SlotAssignment::from_parsed(request.parsed_time, context.hours, schedule.date);
    if let Some(own) = schedule.booking(&request.reservation) {
        return if is_same_request(own, &request) { Ok(vec![]) } else { Err(Rejection::KeyReused) };
    }
    if request.stranger.is_none() {
        check_capacity(schedule)?;
    }
    check_requested_time(request.requested_time.as_deref())?;
    check_start(&placement)?;
    check_stated_period(&placement, request.stated_period)?;
    rules::check_date(schedule.date, context.now.today())?;
    let service = context.catalog.get(&request.service).ok_or(Rejection::ServiceNotFound)?;
    if !service.is_active {
        return Err(Rejection::ServiceInactive);
    }
    let (judged_by, other) = context.rule_sets(request.rules);
    if judged_by == RuleSet::Legacy && service.legacy.is_none() {
        return Err(Rejection::ServiceNotOffered);
    }
    let candidate =
        Candidate { service, total_minutes: service.total_minutes(), placement: &placement, ignoring: None };
    let day = Day::new(schedule, context.hours, context.now);
    let day = if request.stranger.is_none() { day.for_desk() } else { day };
    rules::check_request(&day, &candidate, judged_by)?;
    let refusal = other.and_then(|other| rules::check_request(&day, &candidate, other).err());
    check_common_bounds(schedule, &request)?;
    // Only now: if the first click has taken the last seat, the second one finds it taken, as any other request does. And
    // beyond the bound of a number, such a request could try birth dates without end.
    if let Some(pending) = double_click(schedule, &request) {
        return Err(Rejection::AlreadyRequested(pending.clone()));
    }
    check_patient_bounds(schedule, &request, &placement, service.duration, day.clock())?;
    Ok(vec![ScheduleEvent::ReservationRequested(ReservationRequested {
        reservation: request.reservation,
        subject: request.subject,
        details: request.details,
        service: ServiceSnapshot::from(service),
        date: schedule.date,
        wish: request.requested_time,
        placement,
        judged_by,
        other_verdict: refusal.map(|rejection| rejection.code().into()),
        fingerprint: request.fingerprint,
        patient: Some(request.patient),
        stranger: request.stranger.map(|stranger| stranger.recorded),
    })])
}

/// A booking that an older release made has no fingerprint; patient and service are what it can be compared by.
fn is_same_request(own: &Booking, request: &RequestReservation) -> bool {
    match (own.fingerprint, request.fingerprint) {
        (Some(own), Some(request)) => own == request,
        (None, _) | (_, None) => own.subject == request.subject && own.service == request.service,
    }
}

/// The pending booking of an equal request. It differs in nothing, not even in the patient's name, so a family that
/// shares a number is not affected.
fn double_click<'s>(schedule: &'s DaySchedule, request: &RequestReservation) -> Option<&'s ReservationId> {
    let fingerprint = request.fingerprint.filter(|_| !request.is_keyed)?;
    let is_equal =
        |booking: &Booking| booking.status == Status::Pending && booking.fingerprint == Some(fingerprint);
    schedule.bookings().find(|(_, booking)| is_equal(booking)).map(|(id, _)| id)
}

fn decide_import(
    schedule: &DaySchedule,
    imported: ReservationImported,
    context: &DecisionContext<'_>,
) -> Result<Vec<ScheduleEvent>, Rejection> {
    let (id, booking) = (&imported.reservation, schedule.booking(&imported.reservation));
    if booking.is_some() || schedule.moved_out(id).is_some() {
        return Ok(vec![]);
    }
    if imported.status.is_open() {
        check_capacity(schedule)?;
    }
    check_row(&imported, schedule.date, context.catalog)?;
    Ok(vec![ScheduleEvent::ReservationImported(imported)])
}

/// The caller compares the row with the booking, because that takes the keys of the sealed texts. The booking must not
/// have changed since.
fn decide_reimport(
    schedule: &DaySchedule,
    row: ReservationImported,
    compared_with: u32,
    context: &DecisionContext<'_>,
) -> Result<Vec<ScheduleEvent>, Rejection> {
    let booking = find(schedule, &row.reservation)?;
    check_version(booking, Some(compared_with))?;
    check_row(&row, schedule.date, context.catalog)?;
    Ok(vec![ScheduleEvent::ReservationReimported(row)])
}

/// Decides the move, at exactly the version that was compared. Everything that could refuse the arrival is checked here,
/// because the booking is on neither day in between.
fn decide_move_out(
    schedule: &DaySchedule,
    row: ReservationImported,
    compared_with: u32,
    context: &DecisionContext<'_>,
) -> Result<Vec<ScheduleEvent>, Rejection> {
    let booking = find(schedule, &row.reservation)?;
    check_version(booking, Some(compared_with))?;
    check_row(&row, row.date, context.catalog)?;
    let version = booking.version.saturating_add(1);
    Ok(vec![ScheduleEvent::ReservationMovedOut(ReservationMoved { row, moved_from: schedule.date, version })])
}

/// A booking that has arrived, or has moved on since, arrives once.
fn decide_move_in(
    schedule: &DaySchedule,
    moved: ReservationMoved,
    context: &DecisionContext<'_>,
) -> Result<Vec<ScheduleEvent>, Rejection> {
    let id = &moved.row.reservation;
    let has_moved_on = schedule.moved_out(id).is_some_and(|version| version >= moved.version);
    if schedule.booking(id).is_some() || has_moved_on {
        return Ok(vec![]);
    }
    check_row(&moved.row, schedule.date, context.catalog)?;
    Ok(vec![ScheduleEvent::ReservationMovedIn(moved)])
}

fn decide_change(
    schedule: &DaySchedule,
    reservation: ReservationId,
    booking: &Booking,
    change: ReservationChange,
    context: &DecisionContext<'_>,
) -> Result<Vec<ScheduleEvent>, Rejection> {
    use ReservationChange::{
        AssignTime, Cancel, Complete, Confirm, CorrectCompletion, CorrectNoShow, MarkNoShow, Reject,
        Reschedule, ReviewTime, WriteAdminNote,
    };
    if let Some(target) = change.target_status() {
        match transition(booking.status, target, change.corrected_status()) {
            Transition::Allowed => {}
            Transition::AlreadyThere if keeps_reason(booking, &change) => return Ok(vec![]),
            // Only the vault can tell whether the recorded reason is the same one.
            Transition::AlreadyThere => return Err(Rejection::StatusStands { status: target }),
            Transition::NotAllowed => {
                return Err(Rejection::TransitionNotAllowed { from: booking.status, to: target });
            }
        }
        check_time_for(schedule, booking, &change, context)?;
    }
    let event = match change {
        Confirm => ScheduleEvent::ReservationConfirmed(ReservationConfirmed { reservation }),
        Reject { reason } => ScheduleEvent::ReservationRejected(ReservationRejected { reservation, reason }),
        Cancel { reason } => {
            ScheduleEvent::ReservationCancelled(ReservationCancelled { reservation, reason })
        }
        Complete => ScheduleEvent::ReservationCompleted(ReservationCompleted { reservation }),
        MarkNoShow => ScheduleEvent::ReservationNoShowMarked(ReservationNoShowMarked { reservation }),
        CorrectNoShow { reason } => {
            ScheduleEvent::ReservationNoShowCorrected(ReservationNoShowCorrected { reservation, reason })
        }
        CorrectCompletion { reason } => {
            ScheduleEvent::ReservationCompletionCorrected(ReservationCompletionCorrected {
                reservation,
                reason,
            })
        }
        Reschedule { start, rules } => {
            let placement = decide_move(schedule, &reservation, booking, start, rules, context)?;
            let Some(placement) = placement else { return Ok(vec![]) };
            ScheduleEvent::ReservationRescheduled(ReservationRescheduled { reservation, placement })
        }
        AssignTime { start, rules } => {
            let placement = decide_move(schedule, &reservation, booking, start, rules, context)?;
            let Some(placement) = placement else { return Ok(vec![]) };
            ScheduleEvent::ReservationTimeAssigned(ReservationTimeAssigned { reservation, placement })
        }
        ReviewTime(time) => {
            let placement = decide_review(schedule, &reservation, booking, time, context)?;
            let Some(placement) = placement else { return Ok(vec![]) };
            ScheduleEvent::ReservationTimeAssigned(ReservationTimeAssigned { reservation, placement })
        }
        WriteAdminNote(note) => ScheduleEvent::AdminNoteWritten(AdminNoteWritten { reservation, note }),
    };
    Ok(vec![event])
}

/// Whether a change to the status that a booking has already says nothing else about its reason.
fn keeps_reason(booking: &Booking, change: &ReservationChange) -> bool {
    change.text().is_none_or(|reason| booking.status_reason.as_ref() == Some(reason))
}

/// The result of looking up a change of status.
enum Transition {
    AlreadyThere,
    Allowed,
    NotAllowed,
}

/// The transition table. A status that has no row here is final. `corrected` is the status that a correction undoes.
fn transition(from: Status, to: Status, corrected: Option<Status>) -> Transition {
    use Status::{Cancelled, Completed, Confirmed, NoShow, Pending, Rejected};
    match (from, to) {
        (from, to) if from == to => Transition::AlreadyThere,
        // An outcome is undone only by its own correction, which has a reason.
        (Completed | NoShow, Confirmed) if corrected == Some(from) => Transition::Allowed,
        (_, _) if corrected.is_some() => Transition::NotAllowed,
        // Staff cancel a missed appointment so that others can book the rest of its time.
        (Pending, Confirmed | Rejected | Cancelled)
        | (Confirmed, Completed | Cancelled | NoShow)
        | (NoShow, Cancelled) => Transition::Allowed,
        (Pending | Confirmed | NoShow | Cancelled | Completed | Rejected, _) => Transition::NotAllowed,
    }
}

fn decide_closure(
    schedule: &DaySchedule,
    command: CloseTime,
    context: &DecisionContext<'_>,
) -> Result<Vec<ScheduleEvent>, Rejection> {
    let span = command.time.span(context.hours, schedule.date);
    let recorded = schedule.closure(&command.closure).or_else(|| schedule.lifted(&command.closure));
    if let Some(recorded) = recorded {
        let is_same = is_same_closure(recorded, &command, span);
        return if is_same { Ok(vec![]) } else { Err(Rejection::KeyReused) };
    }
    check_capacity(schedule)?;
    check_closure(&command, schedule.date)?;
    let span = span.ok_or(Rejection::ClinicClosed)?;
    if span.minutes() == 0 {
        return Err(Rejection::ClosureEmpty);
    }
    if let Some(unknown) = command.service.as_ref().filter(|id| context.catalog.get(id).is_none()) {
        return Err(Rejection::ClosureServiceNotFound(unknown.clone()));
    }
    Ok(vec![ScheduleEvent::TimeClosed(TimeClosed {
        closure: command.closure,
        date: schedule.date,
        span,
        service: command.service,
        reason: command.reason,
        fingerprint: command.fingerprint,
    })])
}

/// Requests are compared as they were sent, because the hours of a half-day change. A closure of an older release has no
/// fingerprint; its contents are what it can be compared by.
fn is_same_closure(recorded: &Closure, command: &CloseTime, span: Option<Span>) -> bool {
    match (recorded.fingerprint, command.fingerprint) {
        (Some(own), Some(request)) => own == request,
        (None, _) | (_, None) => {
            Some(recorded.span) == span
                && recorded.service == command.service
                && recorded.reason == command.reason
        }
    }
}

fn decide_reopening(schedule: &DaySchedule, closure: ClosureId) -> Result<Vec<ScheduleEvent>, Rejection> {
    match schedule.closure(&closure) {
        Some(_) => Ok(vec![ScheduleEvent::TimeReopened(TimeReopened { closure })]),
        None => Err(Rejection::ClosureNotFound(closure)),
    }
}

fn find<'s>(schedule: &'s DaySchedule, id: &ReservationId) -> Result<&'s Booking, Rejection> {
    schedule.booking(id).ok_or_else(|| Rejection::ReservationNotFound(id.clone()))
}

fn check_capacity(schedule: &DaySchedule) -> Result<(), Rejection> {
    if schedule.open_of_clinic() < MAX_DAY_ENTRIES { Ok(()) } else { Err(Rejection::ScheduleFull) }
}

fn check_version(booking: &Booking, expected: Option<u32>) -> Result<(), Rejection> {
    match expected {
        Some(expected) if expected != booking.version => {
            Err(Rejection::VersionMismatch { expected, actual: booking.version })
        }
        _ => Ok(()),
    }
}
