//! The body of a PATCH, and the changes it asks for.

use daybook_commands::ReservationChange;
use daybook_domain::hours::Hours;
use daybook_domain::requested_time::{self, ParsedTime};
use daybook_domain::schedule::ReviewedTime;
use daybook_domain::value::{self, Range, Relation};
use daybook_domain::{RuleSet, Status};
use daybook_projections::query::Reservation;

use crate::problem::{Code, Details, FieldFault, Format, Problem, RequestFields};
use crate::request::form::Form;
use crate::request::json::Object;

/// The body of a PATCH.
pub(super) struct PatchRequest {
    status: Option<Status>,
    time: Option<ReviewedTime>,
    /// Whether the time is in `timeSlotStart`.
    has_start: bool,
    /// Empty if the note is taken away.
    note: Option<String>,
    reason: Option<String>,
}

impl PatchRequest {
    pub(super) fn parse(body: Object, hours: &Hours) -> Result<Self, Problem> {
        let mut form = Form::new(body);
        form.keep_filled(&["status", "timeSlotStart", "preferredTime", "reason"]);
        let status = form.parsed("status", Code::InvalidStatus, None, |text| text.parse().ok());
        let has_start = form.has("timeSlotStart");
        let time = time(&mut form, hours);
        let note = form.replacement("adminNotes", value::NOTES);
        let reason = form.text("reason", value::REASON).map(String::from);
        form.finish()?;
        if status.is_none() && time.is_none() && note.is_none() {
            return Err(Problem::new(Code::NothingToChange));
        }
        Ok(Self { status, time, has_start, note, reason })
    }

    /// Whether the note is the one that a view shows already, or none is to be taken away.
    pub(super) fn keeps_note(&self, found: &Reservation) -> bool {
        self.note.as_deref().is_some_and(|note| note == found.admin_notes.as_deref().unwrap_or_default())
    }

    /// Whether it asks for a status.
    pub(super) const fn has_status(&self) -> bool {
        self.status.is_some()
    }

    /// What the request calls the values that are decided.
    pub(super) const fn fields(&self) -> RequestFields {
        let time = if self.has_start { "timeSlotStart" } else { "preferredTime" };
        RequestFields { date: time, time, period: "preferredTime", service: "serviceId" }
    }

    /// The changes to a reservation as a view shows it. The time comes first, so that a booking has its time when it is
    /// confirmed.
    pub(super) fn changes(
        &self,
        found: &Reservation,
        from: Status,
        rules: RuleSet,
        keeps_note: bool,
    ) -> Result<Vec<ReservationChange>, Problem> {
        let time = self.time.map(|time| match time {
            ReviewedTime::At(start) if found.has_clock_time() => {
                ReservationChange::Reschedule { start, rules }
            }
            ReviewedTime::At(start) => ReservationChange::AssignTime { start, rules },
            ReviewedTime::Period(_) => ReservationChange::ReviewTime(time),
        });
        let status = match self.status {
            Some(status) => self.status_change(status, from)?,
            None => None,
        };
        self.check_reason(from)?;
        let note = self.note.clone().map(ReservationChange::WriteAdminNote);
        let changes: Vec<ReservationChange> =
            [time, status, note.filter(|_| !keeps_note)].into_iter().flatten().collect();
        let is_empty = changes.is_empty() && !keeps_note;
        if is_empty { Err(Problem::new(Code::NothingToChange)) } else { Ok(changes) }
    }

    fn status_change(&self, to: Status, from: Status) -> Result<Option<ReservationChange>, Problem> {
        let reason = self.reason.clone();
        let missing = || FieldFault::new("reason", Code::ReasonRequired).with_range(value::REASON.range());
        let required = |reason: Option<String>| reason.ok_or_else(missing);
        Ok(Some(match to {
            // No transition leads back to PENDING, but a booking that is still PENDING needs no change.
            Status::Pending if from == Status::Pending => return Ok(None),
            Status::Pending => {
                return Err(Problem::with(Code::InvalidTransition, Details::Transition { from, to }));
            }
            Status::Confirmed if from == Status::NoShow => {
                ReservationChange::CorrectNoShow { reason: required(reason)? }
            }
            Status::Confirmed if from == Status::Completed => {
                ReservationChange::CorrectCompletion { reason: required(reason)? }
            }
            // A correction that is repeated: its reason has to be the recorded one.
            Status::Confirmed if from == Status::Confirmed => match reason {
                Some(reason) => ReservationChange::CorrectNoShow { reason },
                None => ReservationChange::Confirm,
            },
            Status::Confirmed => ReservationChange::Confirm,
            Status::Cancelled => ReservationChange::Cancel { reason },
            Status::Rejected => ReservationChange::Reject { reason },
            Status::Completed => ReservationChange::Complete,
            Status::NoShow => ReservationChange::MarkNoShow,
        }))
    }

    /// A reason that the event of a possible change would not hold is refused. An impossible change is refused as such.
    fn check_reason(&self, from: Status) -> Result<(), Problem> {
        use Status::{Completed, Confirmed, NoShow, Pending};
        let holds_none = match self.status {
            None => true,
            Some(to) => matches!(
                (from, to),
                (Pending, Pending | Confirmed)
                    | (Confirmed | Completed, Completed)
                    | (Confirmed | NoShow, NoShow)
            ),
        };
        if self.reason.is_some() && holds_none {
            return Err(Problem::out_of_range("reason", Range::Relation(Relation::HoldsReason)));
        }
        Ok(())
    }
}

/// The new time: `timeSlotStart`, or else the text `preferredTime`, which must name a clock time or a half-day. If both are
/// given, they must agree.
fn time(form: &mut Form, hours: &Hours) -> Option<ReviewedTime> {
    let parse = |text: &str| match requested_time::parse_offered(text, hours) {
        Some(start) => ParsedTime::At(start),
        None => requested_time::parse(text),
    };
    let text = match form.text("preferredTime", value::REQUESTED_TIME).map(|text| parse(&text)) {
        None => None,
        Some(ParsedTime::At(start)) => Some(ReviewedTime::At(start)),
        Some(ParsedTime::Period(period)) => Some(ReviewedTime::Period(period)),
        Some(ParsedTime::Ambiguous(_)) => {
            form.wrong_form("preferredTime", Code::InvalidTime, Format::ReadableTime)
        }
    };
    let start = form.parsed("timeSlotStart", Code::InvalidTime, None, |text| text.parse().ok());
    let start = start.map(ReviewedTime::At);
    if start.zip(text).is_some_and(|(start, text)| start != text) {
        form.contradiction("timeSlotStart", "preferredTime");
    }
    start.or(text)
}
