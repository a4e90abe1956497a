//! A reservation as an aggregate of cqrs-es, and its events.
//!
//! It takes no commands: its events already exist and must never be decided again.

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};

/// The fields of a new reservation, named like the columns of the row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Details {
    pub(crate) patient_name: String,
    pub(crate) phone: String,
    pub(crate) email: Option<String>,
    pub(crate) birth_date: Option<String>,
    pub(crate) gender: Option<String>,
    pub(crate) treatment_type: Option<String>,
    pub(crate) preferred_date: String,
    pub(crate) requested_time: Option<String>,
    pub(crate) notes: Option<String>,
    pub(crate) admin_notes: Option<String>,
    pub(crate) service_id: String,
    pub(crate) service_name: String,
    pub(crate) estimated_duration: i32,
    pub(crate) period: Option<String>,
    pub(crate) time_slot_start: Option<String>,
    pub(crate) time_slot_end: Option<String>,
    pub(crate) subject: String,
}

/// Stored in serde's default representation, with the name of the variant around the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ReservationEvent {
    ReservationRequested { at: String, entry: Box<Details> },
    ReservationConfirmed { at: String, actor: String },
    ReservationCancelled { at: String, actor: String },
    ReservationCompleted { at: String, actor: String },
    AdminNoteWritten { at: String, note: Option<String> },
}

impl DomainEvent for ReservationEvent {
    fn event_type(&self) -> String {
        let name = match self {
            Self::ReservationRequested { .. } => "ReservationRequested",
            Self::ReservationConfirmed { .. } => "ReservationConfirmed",
            Self::ReservationCancelled { .. } => "ReservationCancelled",
            Self::ReservationCompleted { .. } => "ReservationCompleted",
            Self::AdminNoteWritten { .. } => "AdminNoteWritten",
        };
        name.to_owned()
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

/// The aggregate. A replay of a query never reads its state, so it has none.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Reservation;

#[derive(Debug, thiserror::Error)]
#[error("reservations are only replayed here")]
pub(crate) struct OnlyReplayed;

impl Aggregate for Reservation {
    const TYPE: &'static str = "reservation";
    type Command = ();
    type Event = ReservationEvent;
    type Error = OnlyReplayed;
    type Services = ();

    async fn handle(&mut self, (): (), (): &(), _: &EventSink<Self>) -> Result<(), OnlyReplayed> {
        Err(OnlyReplayed)
    }

    fn apply(&mut self, _: ReservationEvent) {}
}
