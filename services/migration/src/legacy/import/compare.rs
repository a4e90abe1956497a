//! Decides about a row that was imported before: do nothing, import it again, or leave it to staff.
//!
//! It compares the row now, the row at its last import, and the reservation in Daybook. It never overrules a decision made in
//! Daybook unless the old system is told to win.

use daybook_domain::schedule::SlotAssignment;

use super::imported_state::ImportedState;
use super::row_contents::{BOOKKEEPING, RowContents};

/// The column with the day of a row.
const DATE: &str = "preferredDate";

/// The decision about a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Unchanged,
    /// Daybook has the same change, or only bookkeeping columns changed.
    Agrees,
    /// Import it again with this slot.
    Changed(SlotAssignment),
    /// The row is older than the last import.
    Older,
    /// Daybook has another change. These columns changed in the old system.
    Conflict(Vec<&'static str>),
}

/// Compares a row with the reservation in Daybook. `parsed_slot` is the slot of the row's own requested time. With `old_wins`,
/// neither changes in Daybook nor the age of the row matter.
pub(super) fn compare(
    row: &RowContents,
    parsed_slot: SlotAssignment,
    state: &ImportedState,
    old_wins: bool,
) -> Verdict {
    let differing = row.differing(&state.contents);
    let slot = wanted_slot(&differing, parsed_slot, state);
    if differing.is_empty() && slot == state.slot {
        return Verdict::Unchanged;
    }
    if state.is_newer_than(row) && !old_wins {
        return Verdict::Older;
    }
    let fields: Vec<&str> =
        differing.iter().copied().filter(|column| !BOOKKEEPING.contains(column)).collect();
    if state.is_changed_here && (fields.is_empty() || is_same_change(row, slot, state)) {
        return Verdict::Agrees;
    }
    // A time that was decided here was decided for that day, so on another one a person has to look at it.
    let loses_slot = state.is_placed_here && (slot != state.slot || differing.contains(&DATE));
    if (state.is_changed_here || loses_slot) && !old_wins {
        return Verdict::Conflict(fields);
    }
    Verdict::Changed(slot)
}

/// An unchanged requested time keeps its slot on its day, unless it can be parsed now and could not be before.
fn wanted_slot(differing: &[&str], parsed_slot: SlotAssignment, state: &ImportedState) -> SlotAssignment {
    let is_newly_parsed = matches!(state.slot, SlotAssignment::Review(_))
        && !matches!(parsed_slot, SlotAssignment::Review(_))
        && state.contents.personal.is_some();
    let is_another_time = differing.iter().any(|column| ["preferredTime", DATE].contains(column))
        && !keeps_decided_slot(differing, parsed_slot, state);
    if is_another_time || is_newly_parsed { parsed_slot } else { state.slot }
}

/// Whether a slot that was decided here stands, as far as the old system says no other time: the text is the same, and on
/// another day it could not be read, then and now.
pub(super) fn keeps_decided_slot(
    differing: &[&str],
    parsed_slot: SlotAssignment,
    state: &ImportedState,
) -> bool {
    let is_unread = state.event.wish.is_none() && matches!(parsed_slot, SlotAssignment::Review(_));
    state.is_placed_here && !differing.contains(&"preferredTime") && (is_unread || !differing.contains(&DATE))
}

/// Whether the row equals the reservation in Daybook, apart from bookkeeping columns.
fn is_same_change(row: &RowContents, slot: SlotAssignment, state: &ImportedState) -> bool {
    let now = state.contents.with(state.status, state.admin_note.as_deref());
    let matters = |column: &&str| !BOOKKEEPING.contains(column) && *column != "preferredTime";
    slot == state.slot && !row.differing(&now).iter().any(matters)
}
