//! What is to be done about a row that was taken over before: nothing, take it over again, or leave it to a person.
//!
//! Three things are held against each other: what the row says now, what it said when it was last taken over, and how the
//! reservation stands here. What was decided here is never overruled in silence.

use daybook_domain::schedule::SlotAssignment;

use super::imported_state::ImportedState;
use super::row_contents::{BOOKKEEPING, RowContents};

/// What is to be done about a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: it says what it said.
    Same,
    /// Nothing: what changed there is so here already, or is nothing but a note of when something was changed.
    Agrees,
    /// Take it over again, placed so.
    Changed(SlotAssignment),
    /// Nothing: it is an earlier state than the one that was taken over.
    Older,
    /// Somebody changed it here, and it changed there to something else, in these columns.
    Conflict(Vec<&'static str>),
}

/// Judges a row that was read as `read`. Where the old system is to win, it does so whatever happened here and
/// however old it is.
pub(super) fn compare(
    row: &RowContents,
    read: SlotAssignment,
    here: &ImportedState,
    old_wins: bool,
) -> Verdict {
    let differing = row.differing(&here.said);
    let placement = wanted_placement(&differing, read, here);
    if differing.is_empty() && placement == here.placement {
        return Verdict::Same;
    }
    if row.updated_at < here.said.updated_at && !old_wins {
        return Verdict::Older;
    }
    let told: Vec<&str> = differing.iter().copied().filter(|column| !BOOKKEEPING.contains(column)).collect();
    let wish_lost = here.is_placed_here && placement != here.placement;
    if here.is_changed_here && (told.is_empty() || says_what_is_so(row, placement, here)) {
        return Verdict::Agrees;
    }
    if (here.is_changed_here || wish_lost) && !old_wins {
        return Verdict::Conflict(told);
    }
    Verdict::Changed(placement)
}

/// Where the reservation has to stand. A wish that has not changed leaves it where it stands, unless it was not understood
/// then and is now.
fn wanted_placement(differing: &[&str], read: SlotAssignment, here: &ImportedState) -> SlotAssignment {
    let understood_since = matches!(here.placement, SlotAssignment::Review(_))
        && !matches!(read, SlotAssignment::Review(_))
        && here.said.person.is_some();
    if differing.contains(&"preferredTime") || understood_since { read } else { here.placement }
}

/// Whether all that a row says but bookkeeping is how the reservation stands here.
fn says_what_is_so(row: &RowContents, placement: SlotAssignment, here: &ImportedState) -> bool {
    let now = here.said.with(here.status, here.note.as_deref());
    let is_told = |column: &&str| !BOOKKEEPING.contains(column) && *column != "preferredTime";
    placement == here.placement && !row.differing(&now).iter().any(is_told)
}
