//! Histories: what happened to each reservation, in order, and a row of it only when one is written.
//!
//! A row is larger than what it is made of, and a rebuild of both views needs two of each. So it keeps the histories, and
//! makes a row, reduces it, writes it and drops it while all of it is in the processor's cache. A history must never come
//! to another row than [`crate::projection::fold`] keeps up live: both do nothing but enter, change and erase.

mod pages;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use chrono::NaiveDate;
use daybook_domain::{ReservationId, SubjectId};
use daybook_event_log::StreamName;
use indexmap::IndexMap;
use smol_str::SmolStr;

pub(crate) use pages::Cut;
use pages::Pages;

use crate::projection::change::{Change, DecodedChange, Entry, EventMeta, ViewChange};
use crate::projection::closure::ClosureRow;
use crate::projection::reference::Reference;
use crate::projection::row::ReservationRow;

/// A fast hash with a seed of its own. Nobody from outside chooses ids while a rebuild runs.
type Hasher = foldhash::fast::RandomState;

/// What a map takes for one more reservation, about, in bytes: the id once more, its place, a slot of the table.
const PLACE_BYTES: usize = 96;

/// What an allocation takes beside what is asked of it, about, in bytes.
const ALLOCATION_BYTES: usize = 16;

/// What was gathered of a range of pages.
#[derive(Debug, Default)]
pub(crate) struct Histories {
    by_id: IndexMap<SmolStr, History, Hasher>,
    closures: BTreeMap<Box<str>, (u32, ClosureRow)>,
    reference: Reference,
    pages: Pages,
    /// For each patient who was forgotten: how many had been before.
    forgotten: HashMap<SubjectId, Vec<u32>>,
    forgettings: u32,
}

/// What happened to one reservation.
#[derive(Debug)]
struct History {
    page: u32,
    /// How many patients had been forgotten before.
    forgettings: u32,
    entry: Box<Entry>,
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    change: Change,
    stamp: EventMeta,
    /// How many patients had been forgotten before.
    forgettings: u32,
}

impl Histories {
    /// Takes in one effect of a stream. One on a reservation that is not there changes nothing: an event is never refused.
    pub(crate) fn take_in(&mut self, DecodedChange { stream, effect }: DecodedChange) {
        if !self.pages.want(&stream) {
            self.pages.pass_over(&stream);
            return;
        }
        match effect {
            ViewChange::Enter { reservation, entry } => self.enter(&stream, &reservation, entry),
            ViewChange::Change { reservation, change, stamp } => self.change(&reservation, change, stamp),
            ViewChange::Close { closed, stamp } => {
                let row = ClosureRow::new(&closed, &stamp);
                let page = self.pages.add(&stream, size_of::<(Box<str>, u32, ClosureRow)>() + PLACE_BYTES);
                self.closures.insert(row.id.clone(), (page, row));
            }
            ViewChange::Reopen { closure, stamp } => {
                if let Some((_, row)) = self.closures.get_mut(closure.as_str()) {
                    row.reopen(&stamp);
                }
            }
            ViewChange::Catalog { event, stamp } => self.reference.evolve_catalog(&event, &stamp),
            ViewChange::Hours { event, stamp } => self.reference.evolve_hours(&event, &stamp),
            ViewChange::Forget { subject } => {
                self.forgotten.entry(subject).or_default().push(self.forgettings);
                self.forgettings += 1;
            }
            // Of the second only a retry of what was parked makes use.
            ViewChange::Nothing | ViewChange::ForgetOne { .. } => {}
        }
    }

    fn enter(&mut self, stream: &StreamName, reservation: &ReservationId, entry: Box<Entry>) {
        let page = self.pages.add(stream, entry_bytes(reservation, &entry));
        let history = History { page, forgettings: self.forgettings, entry, steps: Vec::new() };
        self.by_id.insert(reservation.as_str().into(), history);
    }

    fn change(&mut self, reservation: &ReservationId, change: Change, stamp: EventMeta) {
        let Some(history) = self.by_id.get_mut(reservation.as_str()) else { return };
        // Most have one or two: room for four, as a vector would make it, would be more than half of all memory.
        if history.steps.len() == history.steps.capacity() {
            history.steps.reserve_exact(1 + history.steps.len() / 2);
        }
        let step = Step { change, stamp, forgettings: self.forgettings };
        self.pages.grow(history.page, step_bytes(&step));
        history.steps.push(step);
    }

    /// Counts an event of a page that is not gathered any more.
    pub(crate) fn pass_over(&mut self, stream: &StreamName) {
        self.pages.pass_over(stream);
    }

    /// What they take, about, in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        self.pages.bytes()
    }

    /// Gives up the later half of the pages, to be gathered by another pass. Gives the last day that is kept; none where there
    /// is nothing to give up, since one page is never divided.
    pub(crate) fn cut(&mut self) -> Option<NaiveDate> {
        let kept = self.pages.cut()?;
        self.by_id.retain(|_, history| kept.holds(history.page));
        self.by_id.shrink_to_fit();
        self.closures.retain(|_, (page, _)| kept.holds(*page));
        self.pages.until()
    }

    /// Where it was cut last, and what is left for other passes.
    pub(crate) fn rest(&self) -> Option<Cut> {
        self.pages.rest()
    }

    /// How many reservations there are.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Every reservation as a row of a view, each made when it is asked for.
    pub(crate) fn rows<R: ReservationRow>(&self) -> impl Iterator<Item = R> {
        self.by_id.iter().map(|(id, history)| self.row(id, history))
    }

    fn row<R: ReservationRow>(&self, id: &SmolStr, history: &History) -> R {
        let mut row = R::enter(id.clone(), &history.entry);
        let mut since = history.forgettings;
        for step in &history.steps {
            self.erase_if_forgotten(&mut row, since..step.forgettings);
            row.change(&step.change, &step.stamp);
            since = step.forgettings;
        }
        self.erase_if_forgotten(&mut row, since..self.forgettings);
        row
    }

    /// Erases a row if its patient is among those who were forgotten in a stretch of the log. Whose a row is may change with
    /// what is taken over again.
    fn erase_if_forgotten<R: ReservationRow>(&self, row: &mut R, forgettings: Range<u32>) {
        if forgettings.is_empty() {
            return;
        }
        let forgotten = self.forgotten.get(&row.subject());
        if forgotten.into_iter().flatten().any(|number| forgettings.contains(number)) {
            row.erase();
        }
    }

    /// Every closure.
    pub(crate) fn closures(&self) -> impl ExactSizeIterator<Item = &ClosureRow> {
        self.closures.values().map(|(_, row)| row)
    }

    /// Services, limits and hours.
    pub(crate) const fn reference(&self) -> &Reference {
        &self.reference
    }
}

fn entry_bytes(reservation: &ReservationId, entry: &Entry) -> usize {
    said_bytes(entry) + size_of::<History>() + PLACE_BYTES + text_bytes(reservation.as_str().len())
}

/// What a reservation says, with all that it refers to.
fn said_bytes(entry: &Entry) -> usize {
    let details = entry.details.as_ref().map_or(0, |details| {
        let optional = [&details.email, &details.notes, &details.admin_note, &details.unread_wish];
        let texts = optional.into_iter().flatten().chain([&details.patient_name, &details.phone]);
        texts.map(|text| text_bytes(text.len())).sum()
    });
    let wish = entry.wish.as_ref().map_or(0, |wish| text_bytes(wish.len()));
    size_of::<Entry>() + ALLOCATION_BYTES + details + wish
}

/// What a text takes beside its place: nothing where it is so short that it stands there.
const fn text_bytes(length: usize) -> usize {
    // As `SmolStr` has it: its room, and the two counts of a shared text.
    const IN_PLACE: usize = 23;
    const COUNTS: usize = 16;
    if length <= IN_PLACE { 0 } else { length + COUNTS + ALLOCATION_BYTES }
}

fn step_bytes(step: &Step) -> usize {
    let beside = match &step.change {
        Change::NoteChanged(Some(note)) => text_bytes(note.len()),
        Change::Reimported(entry) => said_bytes(entry),
        Change::NoteChanged(None) | Change::StatusChanged(_) | Change::Rescheduled(_) => 0,
    };
    size_of::<Step>() + ALLOCATION_BYTES + beside
}
