//! Histories: the events of each reservation in order, turned into a row only when it is written.
//!
//! A row is larger than its events, and a rebuild of both views needs two rows per reservation. So a rebuild keeps
//! histories and builds, hashes, writes and drops each row while it is in the processor's cache. A history must never
//! produce another row than [`crate::projection::fold`]: both only create, change and erase rows.

mod included_days;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use chrono::NaiveDate;
use daybook_domain::{ReservationId, SubjectId};
use daybook_event_log::StreamName;
use indexmap::IndexMap;
use smol_str::SmolStr;

use included_days::IncludedDays;
pub(crate) use included_days::Remainder;

use crate::projection::change::{Change, DecodedChange, EventMeta, NewReservation, ViewChange};
use crate::projection::closure::ClosureRow;
use crate::projection::reference::Reference;
use crate::projection::row::ReservationRow;

/// A fast hash with its own seed. No outsider chooses ids during a rebuild.
type Hasher = foldhash::fast::RandomState;

/// Approximate bytes that a map needs for one more reservation: a copy of the id, its index and a slot.
const MAP_ENTRY_BYTES: usize = 96;

/// Approximate overhead of an allocation in bytes.
const ALLOCATION_BYTES: usize = 16;

/// The histories of a range of days.
#[derive(Debug, Default)]
pub(crate) struct Histories {
    by_id: IndexMap<SmolStr, History, Hasher>,
    closures: BTreeMap<Box<str>, (u32, ClosureRow)>,
    reference: Reference,
    days: IncludedDays,
    /// For each forgotten patient, the number of forgettings before.
    forgotten: HashMap<SubjectId, Vec<u32>>,
    forgettings: u32,
    homes: Homes,
    /// Whether the homes were given: the moves that this pass reads are not all.
    has_homes: bool,
}

/// The last day of each reservation that was moved to another day: its row belongs to that day's pass. The first pass
/// reads all moves, and the others are given them.
pub(crate) type Homes = HashMap<SmolStr, StreamName>;

/// The events of one reservation.
#[derive(Debug)]
struct History {
    day: u32,
    /// Number of forgettings before it.
    forgettings: u32,
    contents: Box<NewReservation>,
    steps: Vec<HistoryStep>,
}

#[derive(Debug)]
struct HistoryStep {
    change: Change,
    meta: EventMeta,
    /// Number of forgettings before it.
    forgettings: u32,
}

impl Histories {
    /// Histories of a later pass.
    pub(crate) fn with_homes(homes: Homes) -> Self {
        Self { homes, has_homes: true, ..Self::default() }
    }

    /// Where the moved reservations are, as far as this pass knows.
    pub(crate) fn homes(&self) -> Homes {
        self.homes.clone()
    }

    /// Leaves out the reservations whose row belongs to a day of another pass.
    pub(crate) fn leave_moved_out(&mut self) {
        let Self { by_id, homes, days, .. } = self;
        if !homes.is_empty() {
            by_id.retain(|id, history| {
                homes.get(id).is_none_or(|home| days.stream(history.day) == Some(home))
            });
        }
    }

    /// Applies a change. A change of a missing reservation has no effect: an event is never rejected.
    pub(crate) fn apply(&mut self, DecodedChange { stream, change }: DecodedChange) {
        if let ViewChange::Create { reservation, contents } = &change
            && contents.version > 1
            && !self.has_homes
        {
            self.homes.insert(reservation.as_str().into(), stream.clone());
        }
        if !self.days.includes(&stream) {
            self.days.skip(&stream);
            return;
        }
        match change {
            ViewChange::Create { reservation, contents } => self.insert(&stream, &reservation, contents),
            ViewChange::Change { reservation, change, meta } => self.change(&reservation, change, meta),
            ViewChange::Close { closed, meta } => {
                let row = ClosureRow::new(&closed, &meta);
                let day = self.days.add(&stream, size_of::<(Box<str>, u32, ClosureRow)>() + MAP_ENTRY_BYTES);
                self.closures.insert(row.id.clone(), (day, row));
            }
            ViewChange::Reopen { closure, meta } => {
                if let Some((_, row)) = self.closures.get_mut(closure.as_str()) {
                    row.reopen(&meta);
                }
            }
            ViewChange::Catalog { event, meta } => self.reference.evolve_catalog(&event, &meta),
            ViewChange::Hours { event, meta } => self.reference.evolve_hours(&event, &meta),
            ViewChange::Forget { subject } => {
                self.forgotten.entry(subject).or_default().push(self.forgettings);
                self.forgettings += 1;
            }
            // `ForgetReservation` only occurs when parked events are retried.
            ViewChange::Nothing | ViewChange::ForgetReservation { .. } => {}
        }
    }

    fn insert(&mut self, stream: &StreamName, reservation: &ReservationId, contents: Box<NewReservation>) {
        let day = self.days.add(stream, history_bytes(reservation, &contents));
        let history = History { day, forgettings: self.forgettings, contents, steps: Vec::new() };
        self.by_id.insert(reservation.as_str().into(), history);
    }

    fn change(&mut self, reservation: &ReservationId, change: Change, meta: EventMeta) {
        let Some(history) = self.by_id.get_mut(reservation.as_str()) else { return };
        // Most reservations have one or two changes. A vector's usual capacity of four would take more than half of all
        // memory.
        if history.steps.len() == history.steps.capacity() {
            history.steps.reserve_exact(1 + history.steps.len() / 2);
        }
        let step = HistoryStep { change, meta, forgettings: self.forgettings };
        self.days.grow(history.day, step_bytes(&step));
        history.steps.push(step);
    }

    /// Counts an event of a day that this pass leaves out.
    pub(crate) fn skip(&mut self, stream: &StreamName) {
        self.days.skip(stream);
    }

    /// Their approximate size in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        self.days.bytes()
    }

    /// Drops the later half of the days and leaves it to another pass. Returns the last remaining day; none if only one
    /// day is left, because a day is never divided.
    pub(crate) fn drop_later_half(&mut self) -> Option<NaiveDate> {
        let remaining = self.days.drop_later_half()?;
        self.by_id.retain(|_, history| remaining.contains(history.day));
        self.by_id.shrink_to_fit();
        self.closures.retain(|_, (day, _)| remaining.contains(*day));
        self.days.until()
    }

    /// The days that are left to other passes.
    pub(crate) fn remainder(&self) -> Option<Remainder> {
        self.days.remainder()
    }

    /// Number of reservations.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The reservations as rows of a view, each built on demand.
    pub(crate) fn rows<R: ReservationRow>(&self) -> impl Iterator<Item = R> {
        self.by_id.iter().map(|(id, history)| self.row(id, history))
    }

    fn row<R: ReservationRow>(&self, id: &SmolStr, history: &History) -> R {
        let mut row = R::create(id.clone(), &history.contents);
        let mut since = history.forgettings;
        for step in &history.steps {
            self.erase_if_forgotten(&mut row, since..step.forgettings);
            row.change(&step.change, &step.meta);
            since = step.forgettings;
        }
        self.erase_if_forgotten(&mut row, since..self.forgettings);
        row
    }

    /// Erases a row if its patient was forgotten within a range of forgettings. A reimport may change whose row it is.
    fn erase_if_forgotten<R: ReservationRow>(&self, row: &mut R, forgettings: Range<u32>) {
        if forgettings.is_empty() {
            return;
        }
        let forgotten = self.forgotten.get(&row.subject());
        if forgotten.into_iter().flatten().any(|number| forgettings.contains(number)) {
            row.erase();
        }
    }

    /// All closures.
    pub(crate) fn closures(&self) -> impl ExactSizeIterator<Item = &ClosureRow> {
        self.closures.values().map(|(_, row)| row)
    }

    /// Services, limits and hours.
    pub(crate) const fn reference(&self) -> &Reference {
        &self.reference
    }
}

fn history_bytes(reservation: &ReservationId, contents: &NewReservation) -> usize {
    contents_bytes(contents) + size_of::<History>() + MAP_ENTRY_BYTES + text_bytes(reservation.as_str().len())
}

/// Size of a reservation's contents with everything they point to.
fn contents_bytes(contents: &NewReservation) -> usize {
    let details = contents.details.as_ref().map_or(0, |details| {
        let optional = [&details.email, &details.notes, &details.admin_note, &details.unread_wish];
        let texts = optional.into_iter().flatten().chain([&details.patient_name, &details.phone]);
        texts.map(|text| text_bytes(text.len())).sum()
    });
    let requested_time = contents.requested_time.as_ref().map_or(0, |text| text_bytes(text.len()));
    size_of::<NewReservation>() + ALLOCATION_BYTES + details + requested_time
}

/// Heap bytes of a text: none for a short text, which is stored inline.
const fn text_bytes(length: usize) -> usize {
    // As in `SmolStr`: its inline capacity, and the two counters of a shared text.
    const IN_PLACE: usize = 23;
    const COUNTS: usize = 16;
    if length <= IN_PLACE { 0 } else { length + COUNTS + ALLOCATION_BYTES }
}

fn step_bytes(step: &HistoryStep) -> usize {
    let beside = match &step.change {
        Change::NoteChanged(Some(note)) => text_bytes(note.len()),
        Change::Reimported(contents) => contents_bytes(contents),
        Change::NoteChanged(None) | Change::StatusChanged(_) | Change::Rescheduled(_) => 0,
    };
    size_of::<HistoryStep>() + ALLOCATION_BYTES + beside
}
