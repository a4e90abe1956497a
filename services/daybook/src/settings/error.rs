//! Errors in settings. Each text names the option, its environment variable and a valid value.
//!
//! No text shows a secret or a URL: a URL may contain a password.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use daybook_api::{InvalidKeySource, InvalidOrigins, InvalidTrustedProxies};
use daybook_commands::InvalidStrangerBounds;
use daybook_domain::phone::UnknownRegion;
use daybook_domain::routing::InvalidLimits;
use daybook_domain::time::UnknownZone;
use daybook_event_log::eventstore::InvalidConnectionString;

#[cfg(feature = "migration")]
use super::soak::InvalidSoak;

/// Why the settings are invalid, or unsafe to serve with.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not an address and port.
    #[error(
        "--listen (DAYBOOK_LISTEN) is {0:?}; use an address and a port such as 127.0.0.1:8080 or [::1]:8080"
    )]
    Listen(String),
    #[error("--allowed-origins (DAYBOOK_ALLOWED_ORIGINS) cannot be used")]
    AllowedOrigins(#[source] InvalidOrigins),
    #[error("--trusted-proxies (DAYBOOK_TRUSTED_PROXIES) cannot be used")]
    TrustedProxies(#[source] InvalidTrustedProxies),
    /// Not a valid wait.
    #[error(
        "--max-queue-wait (DAYBOOK_MAX_QUEUE_WAIT) is {0:?}; use a duration from 10ms to 30s, such as 500ms"
    )]
    MaxQueueWait(String),
    #[error("--booking-bounds (DAYBOOK_BOOKING_BOUNDS) cannot be used")]
    BookingBounds(#[source] InvalidStrangerBounds),
    /// Not a connection string.
    #[error(
        "{0} is not a PostgreSQL connection string; use one such as postgresql://user@host:5432/database"
    )]
    DatabaseUrl(&'static str),
    /// Not a URL of EventStoreDB.
    #[error("--event-store-url (EVENT_STORE_URL) cannot be used")]
    EventStoreDb(#[source] InvalidConnectionString),
    /// Not a known store of the log.
    #[error(
        "--event-store-url (EVENT_STORE_URL) is neither `postgres` nor a URL of EventStoreDB such as esdb://host:2113; \
         unset it, or set it to `postgres`"
    )]
    EventStore,
    #[error("--timezone (DAYBOOK_TIMEZONE) cannot be used")]
    Timezone(#[source] UnknownZone),
    #[error("--region (DAYBOOK_REGION) cannot be used")]
    Region(#[source] UnknownRegion),
    /// Not a master key.
    #[error(
        "--master-key (DAYBOOK_MASTER_KEY) is not a key; use 64 hexadecimal digits, such as `openssl rand -hex 32` prints"
    )]
    MasterKey,
    /// The secret is too short.
    #[error("{0} is too short; use 32 bytes or more, such as `openssl rand -hex 32` prints")]
    JwtSecret(&'static str),
    #[error(
        "--metrics-token (DAYBOOK_METRICS_TOKEN) is too short or holds a space; use 32 visible ASCII characters or more, such \
         as `openssl rand -hex 32` prints"
    )]
    MetricsToken,
    #[error("--jwks (DAYBOOK_JWKS) cannot be used")]
    Jwks(#[source] InvalidKeySource),
    #[error("{0} is given by a value and by a file; use one of them")]
    SecretTwice(&'static str),
    #[error("cannot read {}, the file with {option}", path.display())]
    SecretFile {
        option: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is empty; it should contain {option}", path.display())]
    SecretFileEmpty { option: &'static str, path: PathBuf },
    /// Not a duration.
    #[error("--token-max-lifetime (DAYBOOK_TOKEN_MAX_LIFETIME) is {0:?}; use a duration such as 12h or 30d")]
    TokenMaxLifetime(String),
    /// Not soak times.
    #[cfg(feature = "migration")]
    #[error(
        "--soak (DAYBOOK_SOAK): {0}; use soak times such as canary-5=24h,canary-25=48h,dynamic=7d,stability=14d"
    )]
    Soak(#[source] InvalidSoak),
    /// Not a switch.
    #[error("--use-dynamic-services (USE_DYNAMIC_SERVICES) is {0:?}; use `true` or `false`, or unset it")]
    UseDynamicServices(String),
    /// Not a percentage.
    #[error(
        "--dynamic-services-rollout-percentage (DYNAMIC_SERVICES_ROLLOUT_PERCENTAGE) is {0:?}; use a percentage from 0 to \
         100 in steps of 0.01, or unset it"
    )]
    RolloutPercentage(String),
    /// Not a percentage.
    #[error(
        "--shadow-sample (DAYBOOK_SHADOW_SAMPLE) is {0:?}; use a percentage from 0 to 100 in steps of 0.01"
    )]
    ShadowSample(String),
    #[error("--guardrails (DAYBOOK_GUARDRAILS) cannot be used")]
    Guardrails(#[source] InvalidLimits),
    /// Not a valid window.
    #[error(
        "--guard-window (DAYBOOK_GUARD_WINDOW) is {0:?}; use seconds from 1 to 3600, or a duration such as 2m"
    )]
    GuardWindow(String),
    #[error("--log-format (DAYBOOK_LOG_FORMAT) is {0:?}; use `text` or `json`")]
    LogFormat(String),
    /// Not a log filter.
    #[error(
        "--log-filter (RUST_LOG) is not a log filter; use one such as `info` or `warn,daybook_api=debug`"
    )]
    LogFilter,
    /// Other machines can reach the service, but the secret for staff tokens would be generated.
    #[error(
        "--listen (DAYBOOK_LISTEN) is {listen}, which other machines can reach, but neither a secret nor a key set for \
         staff tokens is set. Set --jwt-secret (DAYBOOK_JWT_SECRET) to the same value in every process, set --jwks \
         (DAYBOOK_JWKS), or listen on 127.0.0.1"
    )]
    JwtSecretUnset {
        /// The address to listen on.
        listen: SocketAddr,
    },
    /// Other machines can reach the service and its database, but the master key would be generated.
    #[error(
        "--listen (DAYBOOK_LISTEN) is {listen}, which other machines can reach, and --database-url (DATABASE_URL) names a \
         shared database, but no master key is set. Set --master-key (DAYBOOK_MASTER_KEY) to the same value in every process \
         and keep a copy: without it nobody can read patients' details"
    )]
    MasterKeyUnset {
        /// The address to listen on.
        listen: SocketAddr,
    },
}
