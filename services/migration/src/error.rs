//! Why a step of the migration was not carried out. No variant shows what a row or an event says.

use daybook_commands::CommandError;
use daybook_domain::routing::RoutingRejection;
use daybook_event_log::{Position, ReadError};
use daybook_projections::{Digest, Generation, ViewError};

/// Why a step of the migration was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The views cannot be read or changed.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The change of the routing was rejected or could not be recorded.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A view has parked events.
    #[error(
        "{generation} has {events} parked events. Retry or discard them first; `daybook projection parked list` shows them"
    )]
    Parked {
        /// The view.
        generation: Generation,
        /// How many.
        events: u64,
    },
    /// The views differ.
    #[error(
        "the views differ at position {position} in {reservations} reservations; `daybook projection verify` shows where, \
         and `daybook projection rebuild all` builds both again"
    )]
    ViewsDiffer {
        /// Position of the comparison.
        position: Position,
        /// In how many reservations.
        reservations: u64,
    },
    /// The log says that no view is retired.
    #[error("no view is retired; `daybook projection list` shows which ones serve")]
    NotRetired,
    /// The rebuilt view could not be compared.
    #[error(
        "the rebuilt view could not be compared with the other one and does not count as restored; \
         `daybook projection restore legacy` tries again"
    )]
    NotCompared,
    /// The rebuilt view has another digest although no event of a view was recorded since the retirement.
    #[error(
        "{generation} was built from the same events as the retired view but has another digest: {found} instead of \
         {recorded}. It does not serve and does not count as restored. It is kept for inspection; \
         `daybook projection retire legacy` drops it"
    )]
    NotAsRetired {
        /// The new generation.
        generation: Generation,
        /// Its digest.
        found: Digest,
        /// The digest that the retirement recorded.
        recorded: Box<str>,
    },
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
