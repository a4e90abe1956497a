//! A parsed row with its service and slot, and the outcome of importing it.

use chrono::NaiveDate;
use daybook_commands::InterpretedTime;
use daybook_domain::schedule::SlotAssignment;
use daybook_domain::schedule::event::ServiceSnapshot;
use daybook_domain::{ReservationId, Status};
use daybook_event_log::Position;

use super::reject::Reject;
use super::report::Conflict;
use super::resolution::Decision;
use super::row::LegacyRow;
use super::row_contents::RowHash;

/// A valid row, ready to be appended.
pub(super) struct PreparedRow {
    pub(super) row: LegacyRow,
    pub(super) service: ServiceSnapshot,
    pub(super) slot: SlotAssignment,
    pub(super) time: InterpretedTime,
    pub(super) hash: RowHash,
}

impl PreparedRow {
    /// The row with the slot that the reservation has in Daybook.
    pub(super) fn summary(&self, slot: SlotAssignment) -> RowSummary {
        RowSummary { id: self.row.id.clone(), status: self.row.status, slot, hash: self.hash }
    }
}

/// A row that differs from its last import.
pub(super) struct ChangedRow {
    pub(super) prepared: PreparedRow,
    /// The day on which the reservation is in Daybook.
    pub(super) logged_day: NaiveDate,
}

/// The values by which a report counts a row.
pub(super) struct RowSummary {
    pub(super) id: ReservationId,
    pub(super) status: Status,
    pub(super) slot: SlotAssignment,
    pub(super) hash: RowHash,
}

/// The outcome of a valid row. Positions are `None` in a rehearsal.
pub(super) enum Outcome {
    Imported(Option<Position>),
    Updated(Option<Position>),
    Moved(Option<Position>),
    AlreadyThere,
    Agreeing,
    Conflict(Conflict),
    /// The operator has decided about the row.
    Resolved(Decision),
    Rejected(Reject),
}
