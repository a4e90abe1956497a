//! The table of event types: variant, stored name and schema version. No other place connects them.
//!
//! Stored names are written out, never derived, so renaming a struct cannot change what is stored.

use daybook_domain::Event;
use daybook_domain::access::AccessEvent;
use daybook_domain::catalog::CatalogEvent;
use daybook_domain::hours::HoursEvent;
use daybook_domain::idempotency::IdempotencyEvent;
use daybook_domain::privacy::PrivacyEvent;
use daybook_domain::routing::RoutingEvent;
use daybook_domain::schedule::ScheduleEvent;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{DecodeError, SchemaVersion};
use crate::port::EventType;

/// An event type and the schema version in which this release writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSchema {
    /// Name as stored.
    pub event_type: EventType,
    pub version: SchemaVersion,
}

macro_rules! event_types {
    ($($family:ident($events:ident) { $($name:literal v $version:literal => $variant:ident,)+ })+) => {
        /// All types that this release knows.
        pub const EVENT_TYPES: &[EventSchema] = &[
            $($(EventSchema { event_type: EventType::named($name), version: SchemaVersion($version) },)+)+
        ];

        pub(super) const fn type_of(event: &Event) -> EventSchema {
            match event {
                $($(Event::$family($events::$variant(_)) =>
                    EventSchema { event_type: EventType::named($name), version: SchemaVersion($version) },)+)+
            }
        }

        pub(super) fn find(name: &str) -> Option<EventSchema> {
            match name {
                $($($name => Some(EventSchema { event_type: EventType::named($name), version: SchemaVersion($version) }),)+)+
                _ => None,
            }
        }

        pub(super) fn write(event: &Event) -> Vec<u8> {
            match event {
                $($(Event::$family($events::$variant(payload)) => to_json(payload),)+)+
            }
        }

        pub(super) fn read(event_type: EventType, payload: &[u8]) -> Result<Event, DecodeError> {
            match event_type.as_str() {
                $($($name => from_json(event_type, payload).map(|payload| Event::$family($events::$variant(payload))),)+)+
                unknown => Err(DecodeError::UnknownType { event_type: unknown.into() }),
            }
        }
    };
}

event_types! {
    Schedule(ScheduleEvent) {
        "ReservationRequested" v 1 => ReservationRequested,
        "ReservationImported" v 1 => ReservationImported,
        "ReservationReimported" v 1 => ReservationReimported,
        "ReservationMovedOut" v 1 => ReservationMovedOut,
        "ReservationMovedIn" v 1 => ReservationMovedIn,
        "ReservationConfirmed" v 1 => ReservationConfirmed,
        "ReservationRejected" v 1 => ReservationRejected,
        "ReservationCancelled" v 1 => ReservationCancelled,
        "ReservationCompleted" v 1 => ReservationCompleted,
        "ReservationNoShowMarked" v 1 => ReservationNoShowMarked,
        "ReservationNoShowCorrected" v 1 => ReservationNoShowCorrected,
        "ReservationCompletionCorrected" v 1 => ReservationCompletionCorrected,
        "ReservationRescheduled" v 1 => ReservationRescheduled,
        "ReservationTimeAssigned" v 1 => ReservationTimeAssigned,
        "AdminNoteWritten" v 1 => AdminNoteWritten,
        "TimeClosed" v 1 => TimeClosed,
        "TimeReopened" v 1 => TimeReopened,
    }
    Catalog(CatalogEvent) {
        "ServiceDefined" v 1 => ServiceDefined,
        "ServiceRenamed" v 1 => ServiceRenamed,
        "ServiceRetimed" v 1 => ServiceRetimed,
        "ServiceActivated" v 1 => ServiceActivated,
        "ServiceDeactivated" v 1 => ServiceDeactivated,
        "ServicesReordered" v 1 => ServicesReordered,
        "ServiceLimitSet" v 1 => ServiceLimitSet,
    }
    Hours(HoursEvent) {
        "ClinicHoursSet" v 1 => ClinicHoursSet,
    }
    Routing(RoutingEvent) {
        "RolloutOpened" v 1 => RolloutOpened,
        "DynamicShareSet" v 1 => DynamicShareSet,
        "ReadsRolledBack" v 1 => ReadsRolledBack,
        "SubjectForced" v 1 => SubjectForced,
        "SubjectReleased" v 1 => SubjectReleased,
        "ViewRetired" v 1 => ViewRetired,
        "ViewRestored" v 1 => ViewRestored,
        "StageEntered" v 1 => StageEntered,
        "ChecklistItemDone" v 1 => ChecklistItemDone,
        "FlagsObserved" v 1 => FlagsObserved,
        "GuardrailTripped" v 1 => GuardrailTripped,
    }
    Privacy(PrivacyEvent) {
        "SubjectForgotten" v 1 => SubjectForgotten,
    }
    Idempotency(IdempotencyEvent) {
        "IdempotencyKeyClaimed" v 1 => KeyClaimed,
        "IdempotencyKeyReleased" v 1 => KeyReleased,
    }
    Access(AccessEvent) {
        "TokenRevoked" v 1 => TokenRevoked,
        "SubjectTokensRevoked" v 1 => SubjectTokensRevoked,
    }
}

/// The type name under which an event is stored.
pub const fn event_type_of(event: &Event) -> EventType {
    type_of(event).event_type
}

#[expect(clippy::expect_used, reason = "every event can be represented in JSON")]
fn to_json(payload: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(payload).expect("serializing an event to memory cannot fail")
}

fn from_json<T: DeserializeOwned>(event_type: EventType, payload: &[u8]) -> Result<T, DecodeError> {
    // Checking the whole text for UTF-8 once is faster than checking every string in it.
    let read = match std::str::from_utf8(payload) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(payload),
    };
    read.map_err(|error| DecodeError::Payload { event_type, fault: error.into() })
}
