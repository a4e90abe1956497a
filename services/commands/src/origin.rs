//! Where a command comes from: who gave it, in which request, and what they had been shown.

use chrono::{DateTime, Utc};
use daybook_domain::{Actor, ReadModel};
use daybook_event_log::Metadata;
use daybook_event_log::codec::TraceParent;
use uuid::Uuid;

/// Where a command comes from. It ends up in the metadata of every event that the command causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Who gave it.
    pub actor: Actor,
    /// The request or run it belongs to; the same on all events of one.
    pub correlation: Option<Uuid>,
    /// The event or command it follows from.
    pub causation: Option<Uuid>,
    /// The trace it was given in.
    pub traceparent: Option<TraceParent>,
    /// The read model that the client had been shown.
    pub read_model: Option<ReadModel>,
}

impl Origin {
    /// An actor alone.
    pub const fn of(actor: Actor) -> Self {
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
        }
    }
}
