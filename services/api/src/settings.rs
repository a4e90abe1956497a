//! The settings of the API, and the parts of Daybook that it calls.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use daybook_commands::{Clock, Commands};
use daybook_domain::phone::Region;
use daybook_event_log::EventLog;
use daybook_projections::query::Queries;
use daybook_projections::{Batches, LagRule, Router};
use subtle::ConstantTimeEq;

use crate::request::client_network::TrustedProxies;
use crate::request::origins::AllowedOrigins;
use crate::staff::{KeySet, TokenRules};

#[cfg(feature = "migration")]
use crate::migration::start::MigrationParts;
#[cfg(feature = "migration")]
use daybook_migration::guardrails::Watching;

/// The settings of the API.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address to listen on. Port 0 means any free port.
    pub listen: SocketAddr,
    /// The secret that staff tokens are signed with. Without one, only those of the key set are accepted.
    pub jwt_secret: Option<JwtSecret>,
    /// The secret before it, whose tokens are still accepted.
    pub previous_jwt_secret: Option<JwtSecret>,
    /// The public keys of an issuer of staff tokens.
    pub key_set: Option<KeySet>,
    /// The token with which a monitoring system reads the metrics. Without one, only staff can.
    pub metrics_token: Option<MetricsToken>,
    /// Which tokens are accepted.
    pub token_rules: TokenRules,
    /// When the lag of a view makes the process not ready.
    pub lag_rule: LagRule,
    /// The region whose phone numbers are written without a calling code.
    pub region: Region,
    /// The proxies that may say on whose behalf they ask.
    pub trusted_proxies: TrustedProxies,
    /// The origins whose pages may use the public routes.
    pub allowed_origins: AllowedOrigins,
    /// How long a request waits for the position in `Daybook-At-Least`.
    pub at_least_patience: Duration,
    /// How long requests in flight may take to finish on shutdown.
    pub shutdown_patience: Duration,
    /// Worker threads. `None` means one per core.
    pub workers: Option<NonZeroUsize>,
    /// Most open connections of the process. Beyond them, the one that has waited longest for its client is closed.
    pub max_connections: NonZeroUsize,
    /// Most requests that are worked on at a time in each of the lanes: reads and writes, of strangers and of staff.
    pub places_per_lane: NonZeroUsize,
    /// How long a request may wait for a place before it is refused.
    pub max_queue_wait: Duration,
    /// Shadow reads and guardrails.
    #[cfg(feature = "migration")]
    pub watching: Watching,
}

impl Settings {
    /// Default of `at_least_patience`.
    pub const AT_LEAST_PATIENCE: Duration = Duration::from_secs(3);

    /// Default of `shutdown_patience`.
    pub const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(15);

    /// Default of `max_connections`.
    pub const MAX_CONNECTIONS: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

    /// Default of `places_per_lane`: enough to keep a small server busy, and few enough for its database connections.
    pub const PLACES_PER_LANE: NonZeroUsize = NonZeroUsize::new(32).expect("not zero");

    /// Default of `max_queue_wait`.
    pub const MAX_QUEUE_WAIT: Duration = Duration::from_millis(500);

    /// The default settings.
    pub fn new(listen: SocketAddr, jwt_secret: impl Into<Option<JwtSecret>>) -> Self {
        Self {
            listen,
            jwt_secret: jwt_secret.into(),
            previous_jwt_secret: None,
            key_set: None,
            metrics_token: None,
            token_rules: TokenRules::default(),
            lag_rule: LagRule::USUAL,
            region: Region::default(),
            trusted_proxies: TrustedProxies::default(),
            allowed_origins: AllowedOrigins::default(),
            at_least_patience: Self::AT_LEAST_PATIENCE,
            shutdown_patience: Self::SHUTDOWN_PATIENCE,
            workers: None,
            max_connections: Self::MAX_CONNECTIONS,
            places_per_lane: Self::PLACES_PER_LANE,
            max_queue_wait: Self::MAX_QUEUE_WAIT,
            #[cfg(feature = "migration")]
            watching: Watching::default(),
        }
    }
}

/// The parts of Daybook that the API calls.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The event log, for its head and health.
    pub log: Arc<dyn EventLog>,
    /// The write side.
    pub commands: Commands,
    /// The read side.
    pub queries: Queries,
    /// Chooses the view for a request.
    pub router: Router,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The batches of the projection engine, if this process runs one.
    pub batches: Option<Batches>,
    #[cfg(feature = "migration")]
    pub migration: MigrationParts,
}

/// The secret that staff tokens are signed with. `Debug` does not print it.
#[derive(Clone)]
pub struct JwtSecret(Box<[u8]>);

/// The secret is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token secret must have at least {min} bytes", min = JwtSecret::MIN_LENGTH)]
pub struct InvalidJwtSecret;

impl JwtSecret {
    /// Shortest secret, in bytes: the output size of HMAC-SHA-256.
    pub const MIN_LENGTH: usize = 32;

    /// Accepts a text of at least 32 bytes, without surrounding white space.
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

/// The token of a monitoring system. It has no end, so that a scraper need not renew it. `Debug` does not print it.
#[derive(Clone)]
pub struct MetricsToken(Box<[u8]>);

/// The text is not a token for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token for metrics must have at least {min} visible ASCII characters", min = JwtSecret::MIN_LENGTH)]
pub struct InvalidMetricsToken;

impl MetricsToken {
    /// Accepts a text of at least 32 visible ASCII characters, without surrounding white space.
    pub fn parse(text: &str) -> Result<Self, InvalidMetricsToken> {
        let text = text.trim().as_bytes();
        let is_valid = text.len() >= JwtSecret::MIN_LENGTH && text.iter().all(u8::is_ascii_graphic);
        if is_valid { Ok(Self(text.into())) } else { Err(InvalidMetricsToken) }
    }

    /// Whether a client sent this token. The comparison takes the same time wherever they differ.
    pub(crate) fn matches(&self, sent: &str) -> bool {
        self.0.ct_eq(sent.as_bytes()).into()
    }
}

impl fmt::Debug for MetricsToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MetricsToken(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_secret_has_a_minimum_length_and_is_not_printed() {
        assert_eq!(JwtSecret::parse("short").unwrap_err(), InvalidJwtSecret);
        let secret = JwtSecret::parse(&"s".repeat(32)).unwrap();
        assert_eq!(format!("{secret:?}"), "JwtSecret(..)");
    }

    #[test]
    fn a_token_for_metrics_is_long_matches_itself_alone_and_is_not_printed() {
        for wrong in ["short", &"t".repeat(31), &format!("{} {}", "t".repeat(20), "t".repeat(20))] {
            assert_eq!(MetricsToken::parse(wrong).unwrap_err(), InvalidMetricsToken);
        }
        let token = MetricsToken::parse(&format!(" {}\n", "t".repeat(32))).unwrap();
        assert!(token.matches(&"t".repeat(32)));
        assert!(!token.matches(&"t".repeat(33)) && !token.matches(&"T".repeat(32)) && !token.matches(""));
        assert_eq!(format!("{token:?}"), "MetricsToken(..)");
    }
}
