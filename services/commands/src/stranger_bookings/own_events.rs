//! The requests that this process appended itself. It has counted them already, so it need not decode them again.
//!
//! An append of several commands has one known position, that of its last event, which may be another command's. So only
//! events of the type of a request are left out: the process that appends one counts it.

use std::collections::HashSet;

use daybook_event_log::{Position, RecordedEvent};

/// The type of the events that are counted when they are appended.
const COUNTED: &str = "ReservationRequested";

/// Positions that following has not reached yet.
#[derive(Debug)]
pub(super) struct OwnEvents {
    reached: Position,
    ahead: HashSet<Position>,
}

impl OwnEvents {
    /// None yet. Following starts after a position.
    pub(super) fn after(reached: Position) -> Self {
        Self { reached, ahead: HashSet::new() }
    }

    /// Adds the last event of an append whose request was counted.
    pub(super) fn insert(&mut self, position: Position) {
        if position > self.reached {
            self.ahead.insert(position);
        }
    }

    /// Following has reached an event. Whether it was counted when this process appended it.
    pub(super) fn pass(&mut self, event: &RecordedEvent) -> bool {
        self.reached = event.position;
        self.ahead.remove(&event.position) && &*event.event_type == COUNTED
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use daybook_event_log::{EventId, Revision, StreamName};
    use uuid::Uuid;

    use super::*;

    fn event(position: i64, event_type: &str) -> RecordedEvent {
        RecordedEvent {
            position: Position::from_parts(position, position).unwrap(),
            stream: StreamName::catalog(),
            revision: Revision::FIRST,
            id: EventId(Uuid::nil()),
            event_type: event_type.into(),
            payload: b"{}".to_vec().into(),
            metadata: b"{}".to_vec().into(),
        }
    }

    #[test]
    fn only_own_requests_are_known_and_those_that_following_has_passed_are_not_kept() {
        let at = |position| event(position, COUNTED).position;
        let mut own = OwnEvents::after(at(3));
        own.insert(at(5));
        own.insert(at(6));
        let passed = [(4, COUNTED), (5, COUNTED), (6, "ReservationCancelled"), (7, COUNTED)];
        assert_eq!(passed.map(|(at, kind)| own.pass(&event(at, kind))), [false, true, false, false]);
        own.insert(at(7));
        own.insert(at(2));
        assert!(own.ahead.is_empty());
    }
}
