//! The origin of a command: its actor, request and trace. It contains nothing about the patient.

use chrono::{DateTime, Utc};
use daybook_domain::{Actor, ReadModel};
use daybook_event_log::Metadata;
use daybook_event_log::codec::TraceParent;
use uuid::Uuid;

/// The origin of a command. It becomes part of the metadata of all its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The author of the command.
    pub actor: Actor,
    /// The request or run it belongs to.
    pub correlation: Option<Uuid>,
    /// The event or command that caused it.
    pub causation: Option<Uuid>,
    /// The W3C trace context.
    pub traceparent: Option<TraceParent>,
    /// The view that answered the client.
    pub read_model: Option<ReadModel>,
}

impl Origin {
    /// An origin with an actor only.
    pub const fn from_actor(actor: Actor) -> Self {
        Self { actor, correlation: None, causation: None, traceparent: None, read_model: None }
    }

    pub(crate) fn metadata(&self, recorded_at: DateTime<Utc>) -> Metadata {
        Metadata {
            recorded_at,
            actor: self.actor.clone(),
            correlation_id: self.correlation,
            causation_id: self.causation,
            traceparent: self.traceparent.clone(),
            read_model: self.read_model,
            decided_against: None,
        }
    }
}
