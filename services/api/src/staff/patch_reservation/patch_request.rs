//! The body of a PATCH, and the changes it asks for.

use daybook_commands::ReservationChange;
use daybook_domain::requested_time::{self, ParsedTime};
use daybook_domain::{ClockTime, RuleSet, Status};
use daybook_projections::query::Reservation;

use crate::problem::{Code, Details, Problem};
use crate::request::json::Object;
use crate::request::text;

/// Longest note, in characters.
const MAX_NOTE: usize = 2000;

/// Longest reason, in characters.
const MAX_REASON: usize = 500;

/// The body of a PATCH.
pub(super) struct PatchRequest {
    status: Option<Status>,
    start: Option<ClockTime>,
    note: Option<String>,
    reason: Option<String>,
}

impl PatchRequest {
    pub(super) fn parse(mut body: Object) -> Result<Self, Problem> {
        let status = body.text("status")?;
        let invalid = |_| Problem::field(Code::InvalidStatus, "status");
        let reason = body.text("reason")?.map(|reason| text::prose("reason", reason, MAX_REASON));
        let note = body.text("adminNotes")?.map(|note| text::prose("adminNotes", note, MAX_NOTE));
        let request = Self {
            status: status.map(|status| status.trim().parse().map_err(invalid)).transpose()?,
            start: start(&mut body)?,
            note: note.transpose()?,
            reason: reason.transpose()?,
        };
        if request.status.is_none() && request.start.is_none() && request.note.is_none() {
            return Err(Problem::new(Code::NothingToChange));
        }
        Ok(request)
    }

    /// The changes to a reservation as a view shows it. The time comes first, so that a booking has its time when it is
    /// confirmed.
    pub(super) fn changes(
        &self,
        found: &Reservation,
        is_no_show: bool,
        rules: RuleSet,
    ) -> Result<Vec<ReservationChange>, Problem> {
        let start = self.start.map(|start| match requested_time::parse_stored(&found.preferred_time) {
            ParsedTime::At(_) => ReservationChange::Reschedule { start, rules },
            ParsedTime::Period(_) | ParsedTime::Ambiguous(_) => {
                ReservationChange::AssignTime { start, rules }
            }
        });
        let status = match self.status {
            Some(status) => self.status_change(status, found.status, is_no_show)?,
            None => None,
        };
        let note = self.note.clone().map(ReservationChange::WriteAdminNote);
        let changes: Vec<ReservationChange> = [start, status, note].into_iter().flatten().collect();
        if changes.is_empty() { Err(Problem::new(Code::NothingToChange)) } else { Ok(changes) }
    }

    fn status_change(
        &self,
        to: Status,
        from: Status,
        is_no_show: bool,
    ) -> Result<Option<ReservationChange>, Problem> {
        let reason = self.reason.clone();
        Ok(Some(match to {
            // No transition leads back to PENDING, but a booking that is still PENDING needs no change.
            Status::Pending if from == Status::Pending => return Ok(None),
            Status::Pending => {
                return Err(Problem::with(Code::InvalidTransition, Details::Transition { from, to }));
            }
            Status::Confirmed if is_no_show => ReservationChange::CorrectNoShow {
                reason: reason.ok_or_else(|| Problem::new(Code::ReasonRequired))?,
            },
            Status::Confirmed => ReservationChange::Confirm,
            Status::Cancelled => ReservationChange::Cancel { reason },
            Status::Rejected => ReservationChange::Reject { reason },
            Status::Completed => ReservationChange::Complete,
            Status::NoShow => ReservationChange::MarkNoShow,
        }))
    }
}

/// The new start time: `timeSlotStart`, or else the text `preferredTime`, which must be a clock time.
fn start(body: &mut Object) -> Result<Option<ClockTime>, Problem> {
    let text = body.text("preferredTime")?;
    if let Some(start) = body.text("timeSlotStart")? {
        let start = start.trim().parse().map_err(|_| Problem::field(Code::InvalidTime, "timeSlotStart"))?;
        return Ok(Some(start));
    }
    let Some(text) = text else { return Ok(None) };
    match requested_time::parse(&text) {
        ParsedTime::At(start) => Ok(Some(start)),
        ParsedTime::Period(_) | ParsedTime::Ambiguous(_) => {
            Err(Problem::field(Code::InvalidTime, "preferredTime"))
        }
    }
}
