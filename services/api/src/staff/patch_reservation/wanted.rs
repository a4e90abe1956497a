//! What a PATCH asks for, and the commands that make it so.

use daybook_commands::ReservationChange;
use daybook_domain::requested_time::{self, ParsedTime};
use daybook_domain::{ClockTime, RuleSet, Status};
use daybook_projections::query::Reservation;

use crate::edge::json::Object;
use crate::edge::text;
use crate::problem::{Code, Details, Problem};

/// Longest note, in characters.
const MAX_NOTE: usize = 2000;

/// Longest reason, in characters.
const MAX_REASON: usize = 500;

/// What a PATCH asks for.
pub(super) struct Patch {
    status: Option<Status>,
    start: Option<ClockTime>,
    note: Option<String>,
    reason: Option<String>,
}

impl Patch {
    /// Reads a body.
    pub(super) fn read(mut sent: Object) -> Result<Self, Problem> {
        let status = sent.text("status")?;
        let invalid = |_| Problem::field(Code::InvalidStatus, "status");
        let reason = sent.text("reason")?.map(|reason| text::prose("reason", reason, MAX_REASON));
        let note = sent.text("adminNotes")?.map(|note| text::prose("adminNotes", note, MAX_NOTE));
        let patch = Self {
            status: status.map(|status| status.trim().parse().map_err(invalid)).transpose()?,
            start: start(&mut sent)?,
            note: note.transpose()?,
            reason: reason.transpose()?,
        };
        if patch.status.is_none() && patch.start.is_none() && patch.note.is_none() {
            return Err(Problem::of(Code::NothingToChange));
        }
        Ok(patch)
    }

    /// The commands, for a reservation as a view has it: time first, so that what is confirmed has its time.
    pub(super) fn wanted(
        &self,
        found: &Reservation,
        is_no_show: bool,
        rules: RuleSet,
    ) -> Result<Vec<ReservationChange>, Problem> {
        let start = self.start.map(|start| match requested_time::parse(&found.preferred_time) {
            ParsedTime::At(_) => ReservationChange::Reschedule { start, rules },
            ParsedTime::Period(_) | ParsedTime::Ambiguous(_) => {
                ReservationChange::AssignTime { start, rules }
            }
        });
        let turn = match self.status {
            Some(status) => self.turn(status, found.status, is_no_show)?,
            None => None,
        };
        let note = self.note.clone().map(ReservationChange::WriteAdminNote);
        let wanted: Vec<ReservationChange> = [start, turn, note].into_iter().flatten().collect();
        if wanted.is_empty() { Err(Problem::of(Code::NothingToChange)) } else { Ok(wanted) }
    }

    fn turn(&self, to: Status, from: Status, is_no_show: bool) -> Result<Option<ReservationChange>, Problem> {
        let reason = self.reason.clone();
        Ok(Some(match to {
            // Nothing leads back to the start. That it stands there already is nothing to complain of.
            Status::Pending if from == Status::Pending => return Ok(None),
            Status::Pending => {
                return Err(Problem::with(Code::InvalidTransition, Details::Transition { from, to }));
            }
            Status::Confirmed if is_no_show => ReservationChange::CorrectNoShow {
                reason: reason.ok_or_else(|| Problem::of(Code::ReasonRequired))?,
            },
            Status::Confirmed => ReservationChange::Confirm,
            Status::Cancelled => ReservationChange::Cancel { reason },
            Status::Rejected => ReservationChange::Reject { reason },
            Status::Completed => ReservationChange::Complete,
            Status::NoShow => ReservationChange::MarkNoShow,
        }))
    }
}

/// A time, in the new clients' form or as text that names one.
fn start(sent: &mut Object) -> Result<Option<ClockTime>, Problem> {
    let typed = sent.text("preferredTime")?;
    if let Some(start) = sent.text("timeSlotStart")? {
        let time = start.trim().parse().map_err(|_| Problem::field(Code::InvalidTime, "timeSlotStart"))?;
        return Ok(Some(time));
    }
    let Some(typed) = typed else { return Ok(None) };
    match requested_time::parse(&typed) {
        ParsedTime::At(time) => Ok(Some(time)),
        ParsedTime::Period(_) | ParsedTime::Ambiguous(_) => {
            Err(Problem::field(Code::InvalidTime, "preferredTime"))
        }
    }
}
