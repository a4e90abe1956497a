//! Settings: parsed from options and environment variables, with defaults.
//!
//! It must never create or connect to anything, open a file other than a secret's, or show a secret.

mod error;
mod flags;
mod options;
mod secret_files;
#[cfg(feature = "migration")]
mod soak;

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

#[cfg(feature = "migration")]
use daybook_api::Watching;
use daybook_api::{AllowedOrigins, JwtSecret, KeySource, MetricsToken, TokenRules, TrustedProxies};
use daybook_commands::StrangerBounds;
use daybook_domain::ClinicZone;
use daybook_domain::phone::Region;
use daybook_domain::routing::FlagsObserved;
#[cfg(feature = "migration")]
use daybook_domain::routing::{Limits, RolloutPercentage};
use daybook_event_log::eventstore::ConnectionString;
#[cfg(feature = "migration")]
use daybook_migration::SoakTimes;
use daybook_vault::MasterKey;
use tokio_postgres::Config;

pub use error::SettingsError;
pub use options::Options;
pub use secret_files::secrets_on_command_line;

/// Default address.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// Default data dir.
pub const DEFAULT_DATA_DIR: &str = ".daybook";

/// Default connect timeout of a configured database, unless its URL has one.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The waits that requests may have. A longer one outlasts the patience of clients, which then ask again.
const QUEUE_WAIT: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(30);

/// The windows that guardrails may evaluate. At most an hour: a fault has to be noticed the same day.
#[cfg(feature = "migration")]
const GUARD_WINDOW: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

/// The database.
#[derive(Debug, Clone)]
pub enum Database {
    /// A private PostgreSQL in the data dir.
    Private,
    /// A configured one.
    Given(Box<Config>),
}

/// The store of the event log.
#[derive(Debug, Clone)]
pub enum EventStore {
    /// In the database, beside the views.
    Database,
    /// In EventStoreDB; the database holds the views and the keys.
    EventStoreDb(Box<ConnectionString>),
}

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    /// For programs: one object a line.
    Json,
}

/// The settings of this process.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the service listens.
    pub listen: SocketAddr,
    /// The proxies that may say on whose behalf they ask.
    pub trusted_proxies: TrustedProxies,
    /// The origins whose pages may use the public routes.
    pub allowed_origins: AllowedOrigins,
    /// How long a request may wait for others.
    pub max_queue_wait: Duration,
    /// How much strangers may book.
    pub bounds: StrangerBounds,
    /// The folder of the private PostgreSQL and of secrets that were not given.
    pub data_dir: PathBuf,
    pub database: Database,
    /// Where the event log is.
    pub event_store: EventStore,
    /// The zone in which the clinic keeps its book.
    pub zone: ClinicZone,
    /// The region whose phone numbers are written without a calling code.
    pub region: Region,
    /// The master key, where it was given.
    pub master_key: Option<MasterKey>,
    /// The secret for tokens, where it was given.
    pub jwt_secret: Option<JwtSecret>,
    /// The secret for tokens before it.
    pub previous_jwt_secret: Option<JwtSecret>,
    /// The token with which a monitoring system reads the metrics.
    pub metrics_token: Option<MetricsToken>,
    /// The key set for tokens.
    pub jwks: Option<KeySource>,
    /// Which staff tokens are accepted.
    pub token_rules: TokenRules,
    /// How long each stage of the migration has to last.
    #[cfg(feature = "migration")]
    pub soak: SoakTimes,
    /// The old system's flags.
    pub flags: FlagsObserved,
    /// How reads are watched.
    #[cfg(feature = "migration")]
    pub watching: Watching,
    pub log_format: LogFormat,
    /// What is logged, where it was given.
    pub log_filter: Option<String>,
}

impl Settings {
    /// Parses the options.
    ///
    /// # Errors
    /// The first invalid option.
    pub fn parse(options: Options) -> Result<Self, SettingsError> {
        let zone = given(options.timezone).map(|name| ClinicZone::from_str(&name)).transpose();
        let region = given(options.region).map(|code| Region::from_str(&code)).transpose();
        let proxies = given(options.trusted_proxies).map(|list| list.parse()).transpose();
        let origins = given(options.allowed_origins).map(|list| list.parse()).transpose();
        let bounds = given(options.booking_bounds).map(|list| list.parse()).transpose();
        let data_dir = given(options.data_dir).unwrap_or_else(|| DEFAULT_DATA_DIR.to_owned());
        let master_key = given(options.master_key).map(|text| MasterKey::parse(&text)).transpose();
        let metrics_token = given(options.metrics_token).map(|text| MetricsToken::parse(&text)).transpose();
        let jwks = given(options.jwks).map(|text| text.parse()).transpose();
        Ok(Self {
            listen: parse_listen(given(options.listen))?,
            trusted_proxies: proxies.map_err(SettingsError::TrustedProxies)?.unwrap_or_default(),
            allowed_origins: origins.map_err(SettingsError::AllowedOrigins)?.unwrap_or_default(),
            max_queue_wait: parse_queue_wait(given(options.max_queue_wait))?,
            bounds: bounds.map_err(SettingsError::BookingBounds)?.unwrap_or_default(),
            data_dir: data_dir.into(),
            database: parse_database(given(options.database_url))?,
            event_store: parse_event_store(given(options.event_store_url).as_deref())?,
            zone: zone.map_err(SettingsError::Timezone)?.unwrap_or(ClinicZone::SEOUL),
            region: region.map_err(SettingsError::Region)?.unwrap_or_default(),
            master_key: master_key.map_err(|_| SettingsError::MasterKey)?,
            jwt_secret: parse_jwt_secret("--jwt-secret (DAYBOOK_JWT_SECRET)", given(options.jwt_secret))?,
            previous_jwt_secret: parse_jwt_secret(
                "--jwt-secret-previous (DAYBOOK_JWT_SECRET_PREVIOUS)",
                given(options.jwt_secret_previous),
            )?,
            metrics_token: metrics_token.map_err(|_| SettingsError::MetricsToken)?,
            jwks: jwks.map_err(SettingsError::Jwks)?,
            token_rules: TokenRules {
                audience: given(options.token_audience).map(Into::into),
                issuer: given(options.token_issuer).map(Into::into),
                max_lifetime: parse_token_lifetime(given(options.token_max_lifetime))?,
            },
            #[cfg(feature = "migration")]
            soak: soak::parse(given(options.soak).as_deref())?,
            flags: flags::parse(
                given(options.use_dynamic_services),
                given(options.dynamic_services_rollout_percentage),
            )?,
            #[cfg(feature = "migration")]
            watching: Watching {
                sample: parse_sample(given(options.shadow_sample))?,
                window: parse_window(given(options.guard_window))?,
                limits: parse_limits(given(options.guardrails))?,
            },
            log_format: parse_log_format(given(options.log_format))?,
            log_filter: given(options.log_filter),
        })
    }

    /// Refuses a generated secret for tokens if other machines can reach the service.
    ///
    /// # Errors
    /// [`SettingsError::JwtSecretUnset`].
    pub fn check_jwt_secret(&self) -> Result<(), SettingsError> {
        if self.jwt_secret.is_none() && self.jwks.is_none() && !self.is_loopback() {
            return Err(SettingsError::JwtSecretUnset { listen: self.listen });
        }
        Ok(())
    }

    /// Refuses a generated master key for a shared database if other machines can reach the service: the key would exist on one
    /// machine only.
    ///
    /// # Errors
    /// [`SettingsError::MasterKeyUnset`].
    pub fn check_master_key(&self) -> Result<(), SettingsError> {
        let shared = match self.database {
            Database::Private => false,
            Database::Given(_) => true,
        };
        if self.master_key.is_none() && shared && !self.is_loopback() {
            return Err(SettingsError::MasterKeyUnset { listen: self.listen });
        }
        Ok(())
    }

    fn is_loopback(&self) -> bool {
        self.listen.ip().to_canonical().is_loopback()
    }
}

/// Parses the connection string of an option.
///
/// # Errors
/// [`SettingsError::DatabaseUrl`], which names the option and does not show the string.
pub fn parse_connection(option: &'static str, text: &str) -> Result<Config, SettingsError> {
    let mut config = Config::from_str(text).map_err(|_| SettingsError::DatabaseUrl(option))?;
    if config.get_hosts().is_empty() {
        return Err(SettingsError::DatabaseUrl(option));
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_LIMIT);
    }
    Ok(config)
}

fn given(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn parse_listen(text: Option<String>) -> Result<SocketAddr, SettingsError> {
    let text = text.unwrap_or_else(|| DEFAULT_LISTEN.to_owned());
    text.parse().map_err(|_| SettingsError::Listen(text))
}

fn parse_queue_wait(text: Option<String>) -> Result<Duration, SettingsError> {
    let Some(text) = text else { return Ok(daybook_api::Settings::MAX_QUEUE_WAIT) };
    let wait = humantime::parse_duration(&text).ok().filter(|wait| QUEUE_WAIT.contains(wait));
    wait.ok_or(SettingsError::MaxQueueWait(text))
}

fn parse_database(url: Option<String>) -> Result<Database, SettingsError> {
    let Some(url) = url else { return Ok(Database::Private) };
    let config = parse_connection("--database-url (DATABASE_URL)", &url)?;
    Ok(Database::Given(Box::new(config)))
}

fn parse_event_store(url: Option<&str>) -> Result<EventStore, SettingsError> {
    match url {
        None | Some("postgres") => Ok(EventStore::Database),
        Some(url) if url.starts_with("esdb") => {
            let address = ConnectionString::parse(url).map_err(SettingsError::EventStoreDb)?;
            Ok(EventStore::EventStoreDb(Box::new(address)))
        }
        Some(_) => Err(SettingsError::EventStore),
    }
}

#[cfg(feature = "migration")]
fn parse_sample(text: Option<String>) -> Result<RolloutPercentage, SettingsError> {
    let Some(text) = text else { return Ok(Watching::default().sample) };
    let share = text.parse().ok().and_then(|percent: f64| RolloutPercentage::from_percent(percent).ok());
    share.ok_or(SettingsError::ShadowSample(text))
}

#[cfg(feature = "migration")]
fn parse_window(text: Option<String>) -> Result<Duration, SettingsError> {
    let Some(text) = text else { return Ok(Watching::WINDOW) };
    // A number without a unit is in seconds.
    let window = text.parse().map(Duration::from_secs).or_else(|_| humantime::parse_duration(&text)).ok();
    window.filter(|window| GUARD_WINDOW.contains(window)).ok_or(SettingsError::GuardWindow(text))
}

#[cfg(feature = "migration")]
fn parse_limits(text: Option<String>) -> Result<Limits, SettingsError> {
    text.map_or_else(|| Ok(Limits::default()), |text| text.parse().map_err(SettingsError::Guardrails))
}

fn parse_jwt_secret(option: &'static str, text: Option<String>) -> Result<Option<JwtSecret>, SettingsError> {
    let secret = text.map(|text| JwtSecret::parse(&text)).transpose();
    secret.map_err(|_| SettingsError::JwtSecret(option))
}

fn parse_token_lifetime(text: Option<String>) -> Result<Option<Duration>, SettingsError> {
    let Some(text) = text else { return Ok(None) };
    let lifetime = humantime::parse_duration(&text).ok().filter(|lifetime| !lifetime.is_zero());
    lifetime.map(Some).ok_or(SettingsError::TokenMaxLifetime(text))
}

fn parse_log_format(text: Option<String>) -> Result<LogFormat, SettingsError> {
    match text.as_deref() {
        None | Some("text") => Ok(LogFormat::Text),
        Some("json") => Ok(LogFormat::Json),
        Some(other) => Err(SettingsError::LogFormat(other.to_owned())),
    }
}

#[cfg(test)]
mod tests;
