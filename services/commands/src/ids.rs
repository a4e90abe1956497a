//! Generates ids: random ones for new things, named ones for commands that may be repeated.
//!
//! A repeated command finds its own effect because it gets the same ids. The namespaces are storage format and must never
//! change, or all old keys would become unknown.

use std::fmt;

use chrono::NaiveDate;
use daybook_domain::schedule::ScheduleEvent;
use daybook_domain::{ClosureId, ReservationId, SubjectId};
use daybook_event_log::EventId;
use uuid::Uuid;

/// Namespace of reservations that an idempotency key names.
const RESERVATIONS: Uuid = Uuid::from_u128(0x8c1f_0a86_5d0b_4c1e_9b7a_3f52_d1e6_4a01);

/// Namespace of closures that an idempotency key names.
const CLOSURES: Uuid = Uuid::from_u128(0x8c1f_0a86_5d0b_4c1e_9b7a_3f52_d1e6_4a02);

/// Namespace of the events that import a row of the old system.
const IMPORTED_ROWS: Uuid = Uuid::from_u128(0x8c1f_0a86_5d0b_4c1e_9b7a_3f52_d1e6_4a03);

/// A client's name for a request, so that a repeated request is executed only once.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Box<str>);

/// The text is not an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key is 1 to {max} visible ASCII characters", max = IdempotencyKey::MAX_LENGTH)]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// Maximum length in bytes.
    pub const MAX_LENGTH: usize = 200;

    /// Parses a text of 1 to 200 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let is_valid =
            (1..=Self::MAX_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_valid { Ok(Self(text.into())) } else { Err(InvalidIdempotencyKey) }
    }

    /// The key as the client sent it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Hides the text, because clients can send anything.
impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IdempotencyKey(..)")
    }
}

/// The reservation that a key names for one patient and day. A key never finds another patient's booking.
pub(crate) fn named_reservation(key: &IdempotencyKey, subject: SubjectId, date: NaiveDate) -> ReservationId {
    let name = format!("{subject}/{date}/{}", key.as_str());
    reservation_from(Uuid::new_v5(&RESERVATIONS, name.as_bytes()))
}

/// The reservation id for a UUID.
#[expect(clippy::expect_used, reason = "a UUID's text is 36 of 0-9, a-f and '-', which every id may be")]
pub(crate) fn reservation_from(uuid: Uuid) -> ReservationId {
    ReservationId::parse(uuid.to_string()).expect("a UUID is an id")
}

/// The closure that a key of a member of staff names on one day.
pub(crate) fn named_closure(key: &IdempotencyKey, owner: &str, date: NaiveDate) -> ClosureId {
    closure_from(Uuid::new_v5(&CLOSURES, format!("{date}/{} {owner}", key.as_str()).as_bytes()))
}

/// The closure id for a UUID.
#[expect(clippy::expect_used, reason = "a UUID's text is 36 of 0-9, a-f and '-', which every id may be")]
pub(crate) fn closure_from(uuid: Uuid) -> ClosureId {
    ClosureId::parse(uuid.to_string()).expect("a UUID is an id")
}

/// The id of an event: derived from the row for a first import, otherwise `fresh`.
pub(crate) fn event_id(event: &ScheduleEvent, fresh: Uuid) -> EventId {
    let ScheduleEvent::ReservationImported(imported) = event else { return EventId(fresh) };
    EventId(Uuid::new_v5(&IMPORTED_ROWS, imported.reservation.as_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_key_has_1_to_200_visible_ascii_characters() {
        assert!(IdempotencyKey::parse("order-17/a").is_ok());
        for wrong in ["", "a b", "열쇠", "a\n", &"x".repeat(201)] {
            assert_eq!(IdempotencyKey::parse(wrong), Err(InvalidIdempotencyKey), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_names_one_reservation_of_one_subject_on_one_day() {
        let key = IdempotencyKey::parse("k").unwrap();
        let date: NaiveDate = "2026-12-01".parse().unwrap();
        let (one, other) = (SubjectId::from_bytes([1; 16]), SubjectId::from_bytes([2; 16]));
        let named = named_reservation(&key, one, date);
        assert_eq!(named, named_reservation(&key, one, date));
        assert_ne!(named, named_reservation(&key, other, date));
        assert_ne!(named, named_reservation(&key, one, date.succ_opt().unwrap()));
    }

    #[test]
    fn the_id_for_a_key_never_changes() {
        let key = IdempotencyKey::parse("k").unwrap();
        let named = named_reservation(&key, SubjectId::from_bytes([1; 16]), "2026-12-01".parse().unwrap());
        assert_eq!(named.as_str(), "771a853e-ed6b-554f-91e2-e3b5f13ef107");
    }
}
