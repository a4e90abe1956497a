//! Decides a group of command batches in order, each against the schedule that the earlier ones would leave.
//!
//! Pure: nothing is appended here, and the schedule itself does not change.

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

/// The decision on a batch: its events (none if its effect exists already), or a rejection.
pub(super) type Decision = Result<Vec<ScheduleEvent>, Rejection>;

/// The decisions on a group. If one append cannot hold all events, it covers only the first batches.
#[derive(Debug, Default)]
pub(super) struct GroupDecision {
    /// One decision for each covered batch, in order.
    pub(super) decisions: Vec<Decision>,
    /// The encoded events of all decisions.
    pub(super) events: Vec<NewEvent>,
    /// The keys to append with the events.
    pub(super) keys: Vec<NewKey>,
    bytes: usize,
}

impl GroupDecision {
    fn has_room_for(&self, events: &[NewEvent]) -> bool {
        let bytes: usize = events.iter().map(NewEvent::size_bytes).sum();
        self.events.is_empty()
            || (self.events.len() + events.len() <= MAX_APPEND_EVENTS
                && self.bytes + bytes <= MAX_APPEND_BYTES)
    }

    fn push(&mut self, decision: Decision, encoded: Vec<NewEvent>) {
        self.bytes += encoded.iter().map(NewEvent::size_bytes).sum::<usize>();
        self.events.extend(encoded);
        self.decisions.push(decision);
    }
}

/// Decides batches in order: as many as fit into one append, and at least one.
pub(super) fn decide_group<'b>(
    schedule: &DaySchedule,
    batches: impl ExactSizeIterator<Item = &'b CommandBatch>,
    context: &DecisionContext<'_>,
    metadata: impl Fn(&CommandBatch) -> Metadata,
) -> GroupDecision {
    let mut group = GroupDecision::default();
    let mut schedule = Cow::Borrowed(schedule);
    let last = batches.len().saturating_sub(1);
    for (index, batch) in batches.enumerate() {
        let decision = decide_batch(&schedule, &batch.commands, context);
        let events = decision.as_deref().unwrap_or_default();
        let encoded = if events.is_empty() { vec![] } else { encode_all(events, &metadata(batch)) };
        if !group.has_room_for(&encoded) {
            break;
        }
        // The usual case, a single batch, needs no copy of the schedule.
        if index < last && !events.is_empty() {
            events.iter().for_each(|event| schedule.to_mut().evolve(event));
        }
        if !encoded.is_empty() {
            group.keys.extend(batch.new_key.clone());
        }
        group.push(decision, encoded);
    }
    group
}

pub(super) fn decide_batch(
    schedule: &DaySchedule,
    commands: &[ScheduleCommand],
    context: &DecisionContext<'_>,
) -> Decision {
    let mut schedule = Cow::Borrowed(schedule);
    let mut events = Vec::with_capacity(commands.len());
    for (index, command) in commands.iter().enumerate() {
        let caused = decide(&schedule, command.clone(), context)?;
        if index + 1 < commands.len() {
            caused.iter().for_each(|event| schedule.to_mut().evolve(event));
        }
        events.extend(caused);
    }
    Ok(events)
}

fn encode_all(events: &[ScheduleEvent], metadata: &Metadata) -> Vec<NewEvent> {
    let encode_one = |event: &ScheduleEvent| {
        let id = event_id(event, Uuid::now_v7());
        encode(id, &Event::Schedule(event.clone()), metadata)
    };
    events.iter().map(encode_one).collect()
}
