//! Deciding a group of units in turn, each against the page as the earlier ones would leave it.
//!
//! Pure: nothing is appended here, and the page itself does not change.

use std::borrow::Cow;

use daybook_domain::Event;
use daybook_domain::schedule::{
    DaySchedule, DecisionContext, Rejection, ScheduleCommand, ScheduleEvent, decide,
};
use daybook_event_log::port::{MAX_APPEND_BYTES, MAX_APPEND_EVENTS};
use daybook_event_log::{Metadata, NewEvent, NewKey, encode};
use uuid::Uuid;

use super::CommandBatch;
use crate::ids::event_id;

/// What was decided of a unit: the events it causes, none where its effect is already there, or what stops it.
pub(super) type Decision = Result<Vec<ScheduleEvent>, Rejection>;

/// A group as decided. It covers the first units only where all of them would not fit into one append.
#[derive(Debug, Default)]
pub(super) struct Decided {
    /// One for each unit that is covered, in their order.
    pub(super) decisions: Vec<Decision>,
    /// The events of all of them, written out.
    pub(super) batch: Vec<NewEvent>,
    /// The keys that are to be kept with them.
    pub(super) keys: Vec<NewKey>,
    bytes: usize,
}

impl Decided {
    fn has_room_for(&self, events: &[NewEvent]) -> bool {
        let bytes: usize = events.iter().map(NewEvent::size_bytes).sum();
        self.batch.is_empty()
            || (self.batch.len() + events.len() <= MAX_APPEND_EVENTS
                && self.bytes + bytes <= MAX_APPEND_BYTES)
    }

    fn add(&mut self, decision: Decision, written: Vec<NewEvent>) {
        self.bytes += written.iter().map(NewEvent::size_bytes).sum::<usize>();
        self.batch.extend(written);
        self.decisions.push(decision);
    }
}

/// Decides units in turn, as many as fit into one append and at least one.
pub(super) fn decide_group<'u>(
    book: &DaySchedule,
    units: impl ExactSizeIterator<Item = &'u CommandBatch>,
    desk: &DecisionContext<'_>,
    metadata: impl Fn(&CommandBatch) -> Metadata,
) -> Decided {
    let mut decided = Decided::default();
    let mut book = Cow::Borrowed(book);
    let last = units.len().saturating_sub(1);
    for (place, unit) in units.enumerate() {
        let decision = decide_unit(&book, &unit.commands, desk);
        let events = decision.as_deref().unwrap_or_default();
        let written = if events.is_empty() { vec![] } else { write_out(events, &metadata(unit)) };
        if !decided.has_room_for(&written) {
            break;
        }
        // A lone unit, the usual case, costs no copy of the page.
        if place < last && !events.is_empty() {
            events.iter().for_each(|event| book.to_mut().evolve(event));
        }
        if !written.is_empty() {
            decided.keys.extend(unit.new_key.clone());
        }
        decided.add(decision, written);
    }
    decided
}

fn decide_unit(book: &DaySchedule, commands: &[ScheduleCommand], desk: &DecisionContext<'_>) -> Decision {
    let mut book = Cow::Borrowed(book);
    let mut events = Vec::with_capacity(commands.len());
    for (place, command) in commands.iter().enumerate() {
        let caused = decide(&book, command.clone(), desk)?;
        if place + 1 < commands.len() {
            caused.iter().for_each(|event| book.to_mut().evolve(event));
        }
        events.extend(caused);
    }
    Ok(events)
}

fn write_out(events: &[ScheduleEvent], metadata: &Metadata) -> Vec<NewEvent> {
    let write = |event: &ScheduleEvent| {
        let id = event_id(event, Uuid::now_v7());
        encode(id, &Event::Schedule(event.clone()), metadata)
    };
    events.iter().map(write).collect()
}
