//! What a parked event blocks: a reservation, a closure, a stream, or only itself.
//!
//! Later events about the same thing have to wait. Otherwise they would be applied to a row in another state than the
//! one they were decided on.

use std::collections::HashMap;

use daybook_domain::{ClosureId, Event, ReservationId};
use daybook_event_log::{Category, Position, RecordedEvent, Revision, StreamName};
use serde_json::Value;

use crate::control::ids::BlockingKey;

impl BlockingKey {
    /// What a decoded event blocks; nothing if it does not change a view.
    pub(crate) fn from_event(event: &Event, stream: &StreamName, revision: Revision) -> Option<Self> {
        match event {
            Event::Schedule(event) => {
                Some(Self::named(event.target().map_or_else(ClosureId::as_str, ReservationId::as_str)))
            }
            Event::Catalog(_) | Event::Hours(_) => Some(Self::stream(stream)),
            // The forgetting of other patients must go on.
            Event::Privacy(_) => Some(Self::event(stream, revision)),
            Event::Routing(_) | Event::Idempotency(_) | Event::Access(_) => None,
        }
    }

    /// What an undecodable event blocks. Every payload of a day schedule names its reservation or its closure. If that
    /// cannot be read either, the whole stream is blocked.
    pub(crate) fn from_undecodable(recorded: &RecordedEvent) -> Self {
        match recorded.stream.category() {
            Category::Privacy => Self::event(&recorded.stream, recorded.revision),
            Category::Catalog
            | Category::Hours
            | Category::Routing
            | Category::Idempotency
            | Category::Access => Self::stream(&recorded.stream),
            Category::Daybook => {
                Self::from_payload(&recorded.payload).unwrap_or_else(|| Self::stream(&recorded.stream))
            }
        }
    }

    fn from_payload(payload: &[u8]) -> Option<Self> {
        let payload: Value = serde_json::from_slice(payload).ok()?;
        // Text that is not an id could be anything, such as a name.
        let reservation = payload.get("reservation").map(|id| ReservationId::parse(id.as_str()?).ok());
        match (reservation, payload.get("closure").and_then(Value::as_str)) {
            (Some(reservation), _) => Some(Self::named(reservation?.as_str())),
            (None, Some(closure)) => Some(Self::named(ClosureId::parse(closure).ok()?.as_str())),
            (None, None) => None,
        }
    }
}

/// The blocked keys of a generation, each with the position of the event that failed.
#[derive(Debug, Clone, Default)]
pub(crate) struct BlockedKeys(HashMap<BlockingKey, Position>);

impl BlockedKeys {
    /// Blocks a key from a position on.
    pub(crate) fn insert(&mut self, held_up: BlockingKey, since: Position) {
        let earliest = self.0.entry(held_up).or_insert(since);
        *earliest = since.min(*earliest);
    }

    /// The key that blocks an event, if any. An event that does not change a view is never blocked.
    pub(crate) fn blocker(
        &self,
        position: Position,
        stream: &StreamName,
        own: Option<&BlockingKey>,
    ) -> Option<BlockingKey> {
        if self.0.is_empty() {
            return None;
        }
        let own = own?;
        [&BlockingKey::stream(stream), own]
            .into_iter()
            .find(|held_up| self.0.get(*held_up).is_some_and(|since| *since < position))
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use daybook_event_log::EventId;
    use uuid::Uuid;

    use super::*;

    fn event(stream: &str, payload: &str) -> RecordedEvent {
        RecordedEvent {
            position: Position::new(9, 9).unwrap(),
            stream: StreamName::parse(stream).unwrap(),
            revision: Revision::new(3).unwrap(),
            id: EventId(Uuid::nil()),
            event_type: "ReservationTeleported".into(),
            payload: payload.as_bytes().to_vec().into(),
            metadata: b"{}".to_vec().into(),
        }
    }

    #[test]
    fn an_undecodable_event_blocks_as_little_as_is_safe() {
        let cases = [
            ("daybook-2026-12-01", r#"{"reservation":"r-1","closure":"c-1"}"#, "r-1"),
            ("daybook-2026-12-01", r#"{"closure":"c-1"}"#, "c-1"),
            ("daybook-2026-12-01", r#"{"closure":7}"#, "daybook-2026-12-01"),
            ("daybook-2026-12-01", r#"{"reservation":"홍길동","closure":"c-1"}"#, "daybook-2026-12-01"),
            ("daybook-2026-12-01", r#"[]"#, "daybook-2026-12-01"),
            ("daybook-2026-12-01", r#"{"reservation":"#, "daybook-2026-12-01"),
            ("catalog-main", r#"{"reservation":"r-1"}"#, "catalog-main"),
            ("hours-main", "{}", "hours-main"),
            ("privacy-main", r#"{"subject":"s"}"#, "privacy-main@3"),
        ];
        for (stream, payload, held_up) in cases {
            assert_eq!(
                BlockingKey::from_undecodable(&event(stream, payload)).as_str(),
                held_up,
                "{stream} {payload}"
            );
        }
    }

    #[test]
    fn only_later_events_wait_and_a_blocked_stream_blocks_everything_in_it() {
        let at = |number| Position::new(number, number).unwrap();
        let (page, other) =
            (event("daybook-2026-12-01", "{}").stream, event("daybook-2026-12-02", "{}").stream);
        let (first, second) = (BlockingKey::named("r-1"), BlockingKey::named("r-2"));
        let mut blocked = BlockedKeys::default();
        blocked.insert(first.clone(), at(20));
        blocked.insert(first.clone(), at(10));
        assert_eq!(blocked.blocker(at(10), &page, Some(&first)), None, "it does not wait for itself");
        assert_eq!(blocked.blocker(at(11), &page, Some(&first)), Some(first.clone()));
        assert_eq!(blocked.blocker(at(11), &page, Some(&second)), None);
        blocked.insert(BlockingKey::stream(&page), at(12));
        assert_eq!(blocked.blocker(at(13), &page, Some(&second)), Some(BlockingKey::stream(&page)));
        assert_eq!(blocked.blocker(at(13), &other, Some(&second)), None);
        assert_eq!(blocked.blocker(at(13), &page, None), None);
    }
}
