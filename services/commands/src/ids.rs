//! How ids are made: at random for what is new, from a name for what may come twice.
//!
//! A command that may be repeated finds its own effect because its ids are the same again. The namespaces are storage
//! format: changing one would make every old key unknown.

use std::fmt;

use chrono::NaiveDate;
use daybook_domain::schedule::ScheduleEvent;
use daybook_domain::{ClosureId, ReservationId, SubjectId};
use daybook_event_log::EventId;
use uuid::Uuid;

/// Namespace of reservations that are named by an idempotency key.
const RESERVATIONS: Uuid = Uuid::from_u128(0x8c1f_0a86_5d0b_4c1e_9b7a_3f52_d1e6_4a01);

/// Namespace of closures that are named by an idempotency key.
const CLOSURES: Uuid = Uuid::from_u128(0x8c1f_0a86_5d0b_4c1e_9b7a_3f52_d1e6_4a02);

/// Namespace of the events that take over a row of the old system.
const IMPORTED_ROWS: Uuid = Uuid::from_u128(0x8c1f_0a86_5d0b_4c1e_9b7a_3f52_d1e6_4a03);

/// What a client calls a request by, so that it may be sent again without being carried out twice.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Box<str>);

/// The text is no idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key is 1 to {max} visible ASCII characters", max = IdempotencyKey::MAX_LENGTH)]
pub struct InvalidIdempotencyKey;

impl IdempotencyKey {
    /// Longest key, in bytes.
    pub const MAX_LENGTH: usize = 200;

    /// Takes a text of 1 to 200 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let sound =
            (1..=Self::MAX_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if sound { Ok(Self(text.into())) } else { Err(InvalidIdempotencyKey) }
    }

    /// The key as it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Keeps the text to itself: a client may have put anything into it.
impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IdempotencyKey(..)")
    }
}

/// The reservation that a key names on one page: one client's key never finds another patient's booking.
pub(crate) fn named_reservation(key: &IdempotencyKey, subject: SubjectId, page: NaiveDate) -> ReservationId {
    let name = format!("{subject}/{page}/{}", key.as_str());
    reservation_from(Uuid::new_v5(&RESERVATIONS, name.as_bytes()))
}

/// A reservation by its UUID.
#[expect(clippy::expect_used, reason = "a UUID's text is 36 of 0-9, a-f and '-', which every id may be")]
pub(crate) fn reservation_from(uuid: Uuid) -> ReservationId {
    ReservationId::parse(uuid.to_string()).expect("a UUID is an id")
}

/// The closure that a key names on one page.
pub(crate) fn named_closure(key: &IdempotencyKey, page: NaiveDate) -> ClosureId {
    closure_from(Uuid::new_v5(&CLOSURES, format!("{page}/{}", key.as_str()).as_bytes()))
}

/// A closure by its UUID.
#[expect(clippy::expect_used, reason = "a UUID's text is 36 of 0-9, a-f and '-', which every id may be")]
pub(crate) fn closure_from(uuid: Uuid) -> ClosureId {
    ClosureId::parse(uuid.to_string()).expect("a UUID is an id")
}

/// An event's id: that of the row for one that takes over a row, else the fresh one.
pub(crate) fn event_id(event: &ScheduleEvent, fresh: Uuid) -> EventId {
    EventId(match event {
        ScheduleEvent::ReservationImported(e) => {
            Uuid::new_v5(&IMPORTED_ROWS, e.reservation.as_str().as_bytes())
        }
        ScheduleEvent::ReservationRequested(_)
        | ScheduleEvent::ReservationReimported(_)
        | ScheduleEvent::ReservationConfirmed(_)
        | ScheduleEvent::ReservationRejected(_)
        | ScheduleEvent::ReservationCancelled(_)
        | ScheduleEvent::ReservationCompleted(_)
        | ScheduleEvent::ReservationNoShowMarked(_)
        | ScheduleEvent::ReservationNoShowCorrected(_)
        | ScheduleEvent::ReservationRescheduled(_)
        | ScheduleEvent::ReservationTimeAssigned(_)
        | ScheduleEvent::AdminNoteWritten(_)
        | ScheduleEvent::TimeClosed(_)
        | ScheduleEvent::TimeReopened(_) => fresh,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_key_is_short_and_visible() {
        assert!(IdempotencyKey::parse("order-17/a").is_ok());
        for wrong in ["", "a b", "열쇠", "a\n", &"x".repeat(201)] {
            assert_eq!(IdempotencyKey::parse(wrong), Err(InvalidIdempotencyKey), "{wrong:?}");
        }
    }

    #[test]
    fn a_key_names_one_reservation_of_one_subject_on_one_page() {
        let key = IdempotencyKey::parse("k").unwrap();
        let page: NaiveDate = "2026-12-01".parse().unwrap();
        let (one, other) = (SubjectId::from_bytes([1; 16]), SubjectId::from_bytes([2; 16]));
        let named = named_reservation(&key, one, page);
        assert_eq!(named, named_reservation(&key, one, page));
        assert_ne!(named, named_reservation(&key, other, page));
        assert_ne!(named, named_reservation(&key, one, page.succ_opt().unwrap()));
    }

    #[test]
    fn the_id_that_a_key_names_is_the_same_for_ever() {
        let key = IdempotencyKey::parse("k").unwrap();
        let named = named_reservation(&key, SubjectId::from_bytes([1; 16]), "2026-12-01".parse().unwrap());
        assert_eq!(named.as_str(), "771a853e-ed6b-554f-91e2-e3b5f13ef107");
    }
}
