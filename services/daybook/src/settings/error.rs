//! What is wrong with a setting. Each text names the option and its environment variable, and says what would do.
//!
//! No text shows a secret, nor a URL: it may hold a password.

use std::net::SocketAddr;

use daybook_domain::routing::InvalidLimits;
use daybook_domain::time::UnknownZone;
use daybook_event_log::eventstore::InvalidConnectionString;

#[cfg(feature = "migration")]
use super::soak::InvalidSoak;

/// Why the settings make no sense, or are not safe to serve with.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No address.
    #[error(
        "--listen (DAYBOOK_LISTEN) is {0:?}; write an address and a port such as 127.0.0.1:8080 or [::1]:8080"
    )]
    Listen(String),
    /// No connection string.
    #[error("{0} is no PostgreSQL connection string; write one such as postgresql://user@host:5432/database")]
    DatabaseUrl(&'static str),
    /// No URL of EventStoreDB.
    #[error("--event-store-url (EVENT_STORE_URL) cannot be used")]
    EventStoreDb(#[source] InvalidConnectionString),
    /// No place for the log that is known.
    #[error(
        "--event-store-url (EVENT_STORE_URL) is neither `postgres` nor a URL of EventStoreDB such as esdb://host:2113; \
         unset it, or set it to `postgres`"
    )]
    EventStore,
    /// No time zone.
    #[error("--timezone (DAYBOOK_TIMEZONE) cannot be used")]
    Timezone(#[source] UnknownZone),
    /// No master key.
    #[error(
        "--master-key (DAYBOOK_MASTER_KEY) is no key; write 64 hexadecimal digits, as `openssl rand -hex 32` makes them"
    )]
    MasterKey,
    /// Too short a secret.
    #[error(
        "--jwt-secret (DAYBOOK_JWT_SECRET) is too short; write 32 bytes or more, as `openssl rand -hex 32` makes them"
    )]
    JwtSecret,
    /// No soak times.
    #[cfg(feature = "migration")]
    #[error(
        "--soak (DAYBOOK_SOAK): {0}; write one such as canary-5=24h,canary-25=48h,dynamic=7d,stability=14d"
    )]
    Soak(#[source] InvalidSoak),
    /// The old switch says neither yes nor no.
    #[error("--use-dynamic-services (USE_DYNAMIC_SERVICES) is {0:?}; write `true` or `false`, or unset it")]
    UseDynamicServices(String),
    /// The old percentage is none.
    #[error(
        "--dynamic-services-rollout-percentage (DYNAMIC_SERVICES_ROLLOUT_PERCENTAGE) is {0:?}; write a percentage from 0 to \
         100, in steps of 0.01, or unset it"
    )]
    RolloutPercentage(String),
    /// No percentage.
    #[error(
        "--shadow-sample (DAYBOOK_SHADOW_SAMPLE) is {0:?}; write a percentage from 0 to 100, in steps of 0.01"
    )]
    ShadowSample(String),
    /// No limits.
    #[error("--guardrails (DAYBOOK_GUARDRAILS) cannot be used")]
    Guardrails(#[source] InvalidLimits),
    /// No length of a window.
    #[error("--guard-window (DAYBOOK_GUARD_WINDOW) is {0:?}; write a number of seconds from 1 to 3600")]
    GuardWindow(String),
    /// No form of log lines.
    #[error("--log-format (DAYBOOK_LOG_FORMAT) is {0:?}; write `text` or `json`")]
    LogFormat(String),
    /// No filter of log lines.
    #[error("--log-filter (RUST_LOG) is no filter; write one such as `info` or `warn,daybook_api=debug`")]
    LogFilter,
    /// Others can reach the service, and nobody chose the secret that lets staff in.
    #[error(
        "--listen (DAYBOOK_LISTEN) is {listen}, which others can reach, and no secret for tokens of staff is set: set \
         --jwt-secret (DAYBOOK_JWT_SECRET), the same in every process, or listen on 127.0.0.1"
    )]
    JwtSecretUnset {
        /// Where the service was to listen.
        listen: SocketAddr,
    },
    /// Others can reach the service and its database, and nobody chose the key that patients' details depend on.
    #[error(
        "--listen (DAYBOOK_LISTEN) is {listen}, which others can reach, the database is that of --database-url \
         (DATABASE_URL), and no master key is set: set --master-key (DAYBOOK_MASTER_KEY), the same in every process, \
         and keep a copy, for without it patients' details cannot be read"
    )]
    MasterKeyUnset {
        /// Where the service was to listen.
        listen: SocketAddr,
    },
}
