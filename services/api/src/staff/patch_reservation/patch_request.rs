//! The body of a PATCH, and the changes it asks for.

use daybook_commands::ReservationChange;
use daybook_domain::requested_time::{self, ParsedTime};
use daybook_domain::schedule::ReviewedTime;
use daybook_domain::value::{self, Range, Relation};
use daybook_domain::{RuleSet, Status};
use daybook_projections::query::Reservation;

use crate::problem::{Code, Details, Problem};
use crate::request::json::Object;
use crate::request::text;

/// The body of a PATCH.
pub(super) struct PatchRequest {
    status: Option<Status>,
    time: Option<ReviewedTime>,
    /// Empty if the note is taken away.
    note: Option<String>,
    reason: Option<String>,
}

impl PatchRequest {
    pub(super) fn parse(mut body: Object) -> Result<Self, Problem> {
        let status = body.text("status")?;
        let invalid = |_| Problem::field(Code::InvalidStatus, "status");
        let reason = body.text("reason")?.map(|reason| text::checked("reason", reason, value::REASON));
        let note =
            body.replacement("adminNotes")?.map(|note| text::checked("adminNotes", note, value::NOTES));
        let request = Self {
            status: status.map(|status| status.trim().parse().map_err(invalid)).transpose()?,
            time: time(&mut body)?,
            note: note.transpose()?,
            reason: reason.transpose()?,
        };
        body.finish()?;
        if request.status.is_none() && request.time.is_none() && request.note.is_none() {
            return Err(Problem::new(Code::NothingToChange));
        }
        Ok(request)
    }

    /// The changes to a reservation as a view shows it. The time comes first, so that a booking has its time when it is
    /// confirmed.
    pub(super) fn changes(
        &self,
        found: &Reservation,
        from: Status,
        rules: RuleSet,
    ) -> Result<Vec<ReservationChange>, Problem> {
        let time = self.time.map(|time| match (time, requested_time::parse_stored(&found.preferred_time)) {
            (ReviewedTime::At(start), ParsedTime::At(_)) => ReservationChange::Reschedule { start, rules },
            (ReviewedTime::At(start), ParsedTime::Period(_) | ParsedTime::Ambiguous(_)) => {
                ReservationChange::AssignTime { start, rules }
            }
            (ReviewedTime::Period(_), _) => ReservationChange::ReviewTime(time),
        });
        let status = match self.status {
            Some(status) => self.status_change(status, from)?,
            None => None,
        };
        self.check_reason(from)?;
        let note = self.note.clone().map(ReservationChange::WriteAdminNote);
        let changes: Vec<ReservationChange> = [time, status, note].into_iter().flatten().collect();
        if changes.is_empty() { Err(Problem::new(Code::NothingToChange)) } else { Ok(changes) }
    }

    fn status_change(&self, to: Status, from: Status) -> Result<Option<ReservationChange>, Problem> {
        let reason = self.reason.clone();
        let required = |reason: Option<String>| reason.ok_or_else(|| Problem::reason_required(value::REASON));
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
            Some(to) => matches!((from, to), (Pending, Confirmed) | (Confirmed, Completed | NoShow)),
        };
        if self.reason.is_some() && holds_none {
            return Err(Problem::out_of_range("reason", Range::Relation(Relation::HoldsReason)));
        }
        Ok(())
    }
}

/// The new time: `timeSlotStart`, or else the text `preferredTime`, which must name a clock time or a half-day. If both are
/// given, they must agree.
fn time(body: &mut Object) -> Result<Option<ReviewedTime>, Problem> {
    let invalid = |field| Problem::field(Code::InvalidTime, field);
    let text = match body.text("preferredTime")?.as_deref().map(requested_time::parse) {
        None => None,
        Some(ParsedTime::At(start)) => Some(ReviewedTime::At(start)),
        Some(ParsedTime::Period(period)) => Some(ReviewedTime::Period(period)),
        Some(ParsedTime::Ambiguous(_)) => return Err(invalid("preferredTime")),
    };
    let Some(start) = body.text("timeSlotStart")? else { return Ok(text) };
    let start = ReviewedTime::At(start.trim().parse().map_err(|_| invalid("timeSlotStart"))?);
    match text {
        Some(other) if other != start => Err(invalid("preferredTime")),
        Some(_) | None => Ok(Some(start)),
    }
}
