//! What views lack because of parked events, and how to go on, as other commands report it.

use daybook_event_log::Position;
use daybook_projections::FailingEvents;
use daybook_projections::parked::BlockedGroup;

use crate::output::{counted, grouped};

/// Most events that are described.
const MAX_DESCRIBED: usize = 10;

/// What live views lack. Nothing if nothing is parked.
pub(in crate::cli) fn describe_parked(groups: &[BlockedGroup]) -> Option<String> {
    let mut lines: Vec<(Position, String, Vec<String>)> = Vec::new();
    for group in groups {
        let first = &group.first;
        let generation = first.generation.to_string();
        match lines.iter_mut().find(|(position, ..)| *position == first.position) {
            Some((.., generations)) => generations.push(generation),
            None => lines.push((first.position, describe_group(group), vec![generation])),
        }
    }
    let position = lines.first()?.0;
    let mut text = String::new();
    for (_, line, generations) in lines.iter().take(MAX_DESCRIBED) {
        text.push_str(&format!("{}: {line}\n", generations.join(" and ")));
    }
    Some(text + &others(lines.len().saturating_sub(MAX_DESCRIBED) as u64) + &next(position))
}

fn describe_group(group: &BlockedGroup) -> String {
    let first = &group.first;
    let lacks = if *first.held_up.as_str() == *first.stream.as_str() {
        format!("nothing newer of {} is applied", first.stream)
    } else {
        format!("{} is held up", first.held_up)
    };
    format!(
        "{lacks}, because the event at position {} ({} of {}) is parked: {}. {}.",
        first.position,
        first.kind,
        first.stream,
        first.cause.as_deref().unwrap_or("it waits for another event"),
        counted(group.waiting, "event waits for it", "events wait for it"),
    )
}

/// What new generations lack. Nothing if nothing is parked.
pub(in crate::cli) fn describe_failing(failing: &FailingEvents) -> Option<String> {
    let first = failing.events.first()?.position;
    let mut text = format!(
        "{} cannot be applied and are parked, and {} for them. The views show everything else.\n",
        counted(failing.failing, "event", "events"),
        counted(failing.waiting, "event waits", "events wait"),
    );
    for event in failing.events.iter().take(MAX_DESCRIBED) {
        text.push_str(&format!(
            "Position {}, {} of {}: {}.\n",
            event.position, event.kind, event.stream, event.cause
        ));
    }
    let described = failing.events.len().min(MAX_DESCRIBED) as u64;
    Some(text + &others(failing.failing.saturating_sub(described)) + &next(first))
}

fn others(left: u64) -> String {
    if left == 0 {
        String::new()
    } else {
        format!("And {} more: daybook projection parked list\n", grouped(left))
    }
}

fn next(position: Position) -> String {
    format!(
        "Next: daybook projection parked show {position}; then `parked discard {position} --reason …`, which leaves the event out of \
         every view, or `parked retry --all` once the cause is gone"
    )
}
