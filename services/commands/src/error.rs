//! Why a command failed. Rejections by the domain are separate from faults of the log and the vault.
//!
//! Several callers can wait for the same append and all receive its error, so errors are cheap to clone. No error contains
//! anything about a patient.

use std::error::Error;
use std::sync::Arc;

use daybook_domain::access::AccessRejection;
use daybook_domain::catalog::CatalogRejection;
use daybook_domain::hours::HoursRejection;
use daybook_domain::routing::RoutingRejection;
use daybook_domain::schedule::Rejection;
use daybook_event_log::{AppendError, DecodeError, Position, ReadError};
use daybook_vault::VaultError;

/// The cause of an error.
pub type Source = Arc<dyn Error + Send + Sync>;

/// Why a command failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommandError {
    /// Rejected by a day schedule.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    #[error(transparent)]
    Catalog(#[from] CatalogRejection),
    /// Rejected by the clinic's hours.
    #[error(transparent)]
    Hours(#[from] HoursRejection),
    #[error(transparent)]
    Routing(#[from] RoutingRejection),
    #[error(transparent)]
    Access(#[from] AccessRejection),
    /// Too many conflicts with other processes, or too many waiting commands. Nothing was recorded.
    #[error("too many concurrent changes to the same data; try again")]
    Contended,
    /// The log cannot be reached. Nothing was recorded.
    #[error("the event log is not available")]
    Unavailable(#[source] Source),
    /// There was no answer in time, so the command may have been recorded or not. A repetition with the same key finds out.
    #[error("the event log did not answer, so the command may have been recorded or not")]
    Unanswered(#[source] Source),
    /// The events are too large for one append. Nothing was recorded.
    #[error("the command is too large for the event log")]
    TooLarge(#[source] Source),
    /// The vault could not seal a text or destroy keys.
    #[error("the vault failed")]
    Vault(#[source] Arc<VaultError>),
    /// The log contains an event that this release cannot decode.
    #[error(
        "the event at position {position} cannot be decoded; use the release that wrote it, or leave it out: `daybook projection parked discard {position}`"
    )]
    Codec {
        position: Position,
        #[source]
        source: Arc<DecodeError>,
    },
    /// The log contains invalid data, or received an invalid append.
    #[error("the event log is corrupt or was used incorrectly")]
    Log(#[source] Source),
}

impl From<VaultError> for CommandError {
    fn from(error: VaultError) -> Self {
        Self::Vault(Arc::new(error))
    }
}

impl From<ReadError> for CommandError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable(_) => Self::Unavailable(Arc::new(error)),
            ReadError::Corrupt { .. } => Self::Log(Arc::new(error)),
        }
    }
}

impl From<AppendError> for CommandError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::RevisionConflict { .. } => Self::Contended,
            AppendError::Unavailable(_) => Self::Unavailable(Arc::new(error)),
            AppendError::Unknown(_) => Self::Unanswered(Arc::new(error)),
            AppendError::TooLarge { .. } => Self::TooLarge(Arc::new(error)),
            AppendError::Invalid(_) => Self::Log(Arc::new(error)),
        }
    }
}
