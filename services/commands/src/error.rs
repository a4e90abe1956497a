//! Why a command was not carried out. Refusals of the domain stand apart from faults of what is underneath.
//!
//! One fault may have to be told to everybody who waited for one append, so errors are cheap to clone.

use std::error::Error;
use std::sync::Arc;

use daybook_domain::catalog::CatalogRejection;
use daybook_domain::hours::HoursRejection;
use daybook_domain::routing::RoutingRejection;
use daybook_domain::schedule::Rejection;
use daybook_event_log::{AppendError, DecodeError, ReadError};
use daybook_vault::VaultError;

/// What is underneath an error.
pub type Source = Arc<dyn Error + Send + Sync>;

/// Why a command was not carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommandError {
    /// A fact of the page stopped it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// A fact of the catalog stopped it.
    #[error(transparent)]
    Catalog(#[from] CatalogRejection),
    /// A fact of the clinic's hours stopped it.
    #[error(transparent)]
    Hours(#[from] HoursRejection),
    /// A fact of the routing stopped it.
    #[error(transparent)]
    Routing(#[from] RoutingRejection),
    /// Others changed the same stream again and again, or too many commands wait for it. Nothing was recorded.
    #[error("too many others are changing the same day; try again")]
    Contended,
    /// The log cannot be reached. Nothing was recorded.
    #[error("nothing can be recorded at the moment")]
    Unavailable(#[source] Source),
    /// No answer came in time: it may have been recorded or not. A repetition under the same key finds out.
    #[error("it is not known whether the command was recorded")]
    Unanswered(#[source] Source),
    /// What was to be recorded is larger than a log takes. Nothing was recorded.
    #[error("the command is larger than the event log takes")]
    TooLarge(#[source] Source),
    /// The vault could not seal, or could not destroy keys.
    #[error("the vault failed")]
    Vault(#[source] Arc<VaultError>),
    /// The log holds an event that this release does not understand.
    #[error("the event log holds an event that this release does not understand")]
    Codec(#[source] Arc<DecodeError>),
    /// The log holds what no adapter writes, or was given what makes no sense.
    #[error("the event log is at fault")]
    Log(#[source] Source),
}

impl From<VaultError> for CommandError {
    fn from(error: VaultError) -> Self {
        Self::Vault(Arc::new(error))
    }
}

impl From<DecodeError> for CommandError {
    fn from(error: DecodeError) -> Self {
        Self::Codec(Arc::new(error))
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
