//! The errors of the migration. No text contains data of a row or an event.

use daybook_commands::CommandError;
use daybook_domain::routing::RoutingRejection;
use daybook_event_log::{Position, ReadError};
use daybook_projections::{Digest, Generation, ViewError};

/// Why a step of the migration was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    #[error(transparent)]
    View(#[from] ViewError),
    /// The change of the routing was rejected or could not be recorded.
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(
        "{generation} has {events} parked events. Retry or discard them first; `daybook projection parked list` shows them"
    )]
    Parked { generation: Generation, events: u64 },
    #[error(
        "the views differ at position {position} in {reservations} reservations; `daybook projection verify` shows where, \
         and `daybook projection rebuild all` rebuilds both"
    )]
    ViewsDiffer { position: Position, reservations: u64 },
    /// The log says that no view is retired.
    #[error("no view is retired; `daybook projection list` shows the live ones")]
    NotRetired,
    #[error(
        "the rebuilt view could not be compared with the other one and does not count as restored; \
         `daybook projection restore legacy` tries again"
    )]
    NotCompared,
    /// The rebuilt view has another digest although no event of a view was recorded since the retirement.
    #[error(
        "{generation} was built from the same events as the retired view but has another digest: {found} instead of \
         {recorded}. It does not answer reads and does not count as restored. It is kept for inspection; \
         `daybook projection retire legacy` drops it"
    )]
    NotAsRetired { generation: Generation, found: Digest, recorded: Box<str> },
}

impl From<RoutingRejection> for MigrationError {
    fn from(rejection: RoutingRejection) -> Self {
        Self::Command(rejection.into())
    }
}

impl From<ReadError> for MigrationError {
    fn from(error: ReadError) -> Self {
        Self::View(error.into())
    }
}
