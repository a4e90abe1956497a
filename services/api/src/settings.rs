//! What the API is told: where to listen, whom to believe, how long to wait; and the parts that do the work.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use daybook_commands::{Clock, Commands};
use daybook_event_log::EventLog;
use daybook_projections::query::Queries;
use daybook_projections::{Batches, LagRule, Router};

#[cfg(feature = "migration")]
use crate::migration::MigrationParts;
#[cfg(feature = "migration")]
use daybook_migration::guardrails::Watching;

/// How the API is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The secret that staff tokens are signed with.
    pub jwt_secret: JwtSecret,
    /// When a view that can be asked is so far behind, and so still, that the process says that it is not ready.
    pub lag_rule: LagRule,
    /// How long a request waits for the position that it asks for.
    pub at_least_patience: Duration,
    /// How long requests that are under way may take to finish when the process is told to stop.
    pub shutdown_patience: Duration,
    /// Threads that answer; none means as many as the machine has cores.
    pub workers: Option<NonZeroUsize>,
    /// How reads are watched.
    #[cfg(feature = "migration")]
    pub watching: Watching,
}

impl Settings {
    /// Longest wait for a position.
    pub const AT_LEAST_PATIENCE: Duration = Duration::from_secs(3);

    /// Longest wait for requests that are under way.
    pub const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(15);

    /// The usual ones.
    pub fn new(listen: SocketAddr, jwt_secret: JwtSecret) -> Self {
        Self {
            listen,
            jwt_secret,
            lag_rule: LagRule::USUAL,
            at_least_patience: Self::AT_LEAST_PATIENCE,
            shutdown_patience: Self::SHUTDOWN_PATIENCE,
            workers: None,
            #[cfg(feature = "migration")]
            watching: Watching::default(),
        }
    }
}

/// What does the work.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The event log, asked how far it is.
    pub log: Arc<dyn EventLog>,
    /// The write side.
    pub commands: Commands,
    /// The read side.
    pub queries: Queries,
    /// Which view answers whom.
    pub router: Router,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Batches of the engine that keeps the views up, where this process has one.
    pub batches: Option<Batches>,
    /// The parts of the migration.
    #[cfg(feature = "migration")]
    pub migration: MigrationParts,
}

/// The secret that staff tokens are signed with. It never shows itself.
#[derive(Clone)]
pub struct JwtSecret(Box<[u8]>);

/// The text is too short for a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret for tokens has at least {min} bytes", min = JwtSecret::MIN_LENGTH)]
pub struct InvalidJwtSecret;

impl JwtSecret {
    /// Shortest secret, in bytes: the width of the hash that it keys.
    pub const MIN_LENGTH: usize = 32;

    /// Takes a text of at least 32 bytes.
    pub fn parse(text: &str) -> Result<Self, InvalidJwtSecret> {
        let text = text.trim();
        if text.len() < Self::MIN_LENGTH { Err(InvalidJwtSecret) } else { Ok(Self(text.as_bytes().into())) }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for JwtSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JwtSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_secret_is_long_and_does_not_show_itself() {
        assert_eq!(JwtSecret::parse("short").unwrap_err(), InvalidJwtSecret);
        let secret = JwtSecret::parse(&"s".repeat(32)).unwrap();
        assert_eq!(format!("{secret:?}"), "JwtSecret(..)");
    }
}
