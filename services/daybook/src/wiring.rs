//! Opens and closes the parts that commands work with.
//!
//! It must never decide anything about bookings or views.

mod clock;
mod database;
mod discards;
mod empty_database;
mod engine;
mod log;
mod master_key;
mod pinned;
mod scratch;
mod supervisor;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use daybook_commands::{Commands, Origin, SystemClock};
use daybook_domain::Actor;
use daybook_event_log::postgres::{PoolSize, create_pool, migrate};
use daybook_event_log::{EventLog, Position};
#[cfg(feature = "migration")]
use daybook_migration::{GateSettings, Gates, Migration, Retirement, Workflows};
use daybook_projections::{Auditor, GenerationStatus, KEEP, Rebuild, ViewError, generation};
use daybook_vault::Vault;
use deadpool_postgres::Pool;
use tokio::time::Instant;
use tokio_postgres::{Config, NoTls};
use uuid::Uuid;

pub use clock::ClockWatch;
pub use empty_database::EmptyDatabase;
pub use engine::RunningEngine;
pub use log::LogIdentity;
pub use scratch::{Purpose, Restored, Scratch};
pub use supervisor::Supervisor;

use crate::settings::Settings;
use clock::{ClockCheck, ClockedLog};
use database::DatabaseServer;
use discards::DiscardedEvents;

/// How long a command waits for the views to show its changes.
pub const VIEWS_PATIENCE: Duration = Duration::from_secs(120);

/// Pause between checks of the views.
const VIEWS_PAUSE: Duration = Duration::from_millis(50);

/// What to do if the data dir has no database yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMissing {
    /// Create one: this command may start a new clinic.
    Allowed,
    /// Refuse: this is most likely the wrong folder.
    Refused,
}

/// The open parts that a command works with.
#[derive(Debug)]
pub struct Backend {
    pub log: Arc<dyn EventLog>,
    /// Connections to the database.
    pub pool: Pool,
    /// How to connect to the database.
    pub config: Config,
    /// Seals and opens patients' details.
    pub vault: Vault,
    /// The write side.
    pub commands: Commands,
    clock: ClockCheck,
    server: DatabaseServer,
}

impl Backend {
    /// Starts or finds the database, applies migrations, and opens the parts.
    ///
    /// # Errors
    /// The part that could not be opened, with its cause.
    pub async fn open(settings: &Settings, if_missing: IfMissing) -> anyhow::Result<Self> {
        settings.check_master_key()?;
        let server = DatabaseServer::start(settings, if_missing).await?;
        Self::open_on(settings, server).await
    }

    async fn open_on(settings: &Settings, server: DatabaseServer) -> anyhow::Result<Self> {
        let config = server.config().clone();
        apply_migrations(&config).await.with_context(|| server.describe_failure())?;
        let pool = create_pool(&config, PoolSize::default())?;
        let keys = master_key::open(settings, &pool).await?;
        let vault = Vault::new(pool.clone(), Arc::new(keys.clone()));
        master_key::check(&vault, &pool).await?;
        pinned::check(settings, &keys, &pool).await?;
        let clock = ClockCheck::default();
        if let Some(difference) = clock.measure(&pool).await? {
            tracing::warn!("durations and lags are wrong, and nothing is recorded: {difference}");
        }
        let log = log::open(settings, &config, &pool).await?;
        let log: Arc<dyn EventLog> = Arc::new(ClockedLog { log, clock: clock.clone() });
        let writing = daybook_commands::Settings {
            zone: settings.zone,
            clock: Arc::new(SystemClock),
            bounds: settings.bounds,
        };
        let discards = Arc::new(DiscardedEvents(pool.clone()));
        let commands = Commands::open_without(Arc::clone(&log), vault.clone(), writing, discards).await?;
        Ok(Self { log, pool, config, vault, commands, clock, server })
    }

    /// Runs a command's body on this backend and closes it, also when the body fails.
    ///
    /// # Errors
    /// The body's error, or else the failure to stop the private PostgreSQL.
    pub async fn run<T>(self, body: impl AsyncFnOnce(&Self) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let outcome = body(&self).await;
        let closed = self.close().await;
        let outcome = outcome?;
        closed.map(|()| outcome)
    }

    /// Waits for `work` while an engine of this process keeps the views up, or stands by behind the leader.
    pub async fn with_engine<T>(&self, work: impl Future<Output = T>) -> T {
        let engine = self.start_engine();
        let outcome = work.await;
        engine.stop().await;
        outcome
    }

    /// Refuses if a live view is ahead of the log, because an older log was restored. Such a view would skip events that a
    /// command appends.
    ///
    /// # Errors
    /// The view that is ahead, and the next command.
    pub async fn check_views_not_ahead(&self) -> anyhow::Result<()> {
        log::check_views_not_ahead(&self.log, &self.pool).await
    }

    /// Refuses a clock that differs from the database's.
    ///
    /// # Errors
    /// The difference.
    pub async fn check_clock(&self) -> anyhow::Result<()> {
        match self.clock.measure(&self.pool).await? {
            Some(difference) => anyhow::bail!(difference),
            None => Ok(()),
        }
    }

    /// Measures the clock from now on: while it is wrong, nothing is recorded.
    pub fn watch_clock(&self) -> ClockWatch {
        self.clock.clone().watch(self.pool.clone())
    }

    /// The identity of the log; none while it is empty.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn log_identity(&self, settings: &Settings) -> anyhow::Result<Option<LogIdentity>> {
        log::identify(settings, &self.log).await
    }

    /// Starts the engine that keeps the views up to date. It stands by if another process leads.
    pub fn start_engine(&self) -> RunningEngine {
        RunningEngine::start(Arc::clone(&self.log), self.vault.clone(), self.pool.clone())
    }

    /// Rebuilds views and keeps the default number of former generations.
    pub fn rebuild(&self) -> Rebuild {
        self.rebuild_keeping(KEEP)
    }

    /// Rebuilds views and keeps this number of former generations.
    pub fn rebuild_keeping(&self, generations: usize) -> Rebuild {
        Rebuild::new(Arc::clone(&self.log), self.vault.clone(), self.pool.clone(), generations)
    }

    /// Advances, rolls back, retires and restores, on gates that are measured by these settings.
    #[cfg(feature = "migration")]
    pub fn workflows(&self, settings: &Settings) -> Workflows {
        let migration = self.migration(settings);
        let retirement = Retirement::new(Arc::clone(&self.log), self.vault.clone(), self.pool.clone());
        Workflows::new(self.commands.clone(), migration, retirement)
    }

    /// Reads the state of the migration and measures its gates.
    #[cfg(feature = "migration")]
    pub fn migration(&self, settings: &Settings) -> Migration {
        let asked = gate_settings(settings);
        Migration::new(Arc::clone(&self.log), self.vault.clone(), self.pool.clone(), asked)
    }

    /// Measures the gates of the migration.
    #[cfg(feature = "migration")]
    pub fn gates(&self, settings: &Settings) -> Gates {
        Gates::new(Arc::clone(&self.log), self.pool.clone(), gate_settings(settings))
    }

    /// Audits views.
    pub fn auditor(&self) -> Auditor {
        Auditor::new(Arc::clone(&self.log), self.vault.clone(), self.pool.clone())
    }

    /// Starts the supervisor of the private PostgreSQL; none if the database was configured.
    pub fn supervise(&self) -> Option<Supervisor> {
        self.server.private().map(|server| Supervisor::start(server, self.config.clone()))
    }

    /// Whether the database server belongs to this installation alone.
    pub const fn is_private(&self) -> bool {
        self.server.is_private()
    }

    /// A command line that connects to the database. It contains no password.
    pub fn connect_hint(&self) -> &str {
        self.server.connect_hint()
    }

    /// A command line that connects with the runbook's tables under their plain names. It contains no password.
    pub fn runbook_hint(&self) -> &str {
        self.server.runbook_hint()
    }

    /// Waits until all live views have reached a position, and returns their status.
    ///
    /// # Errors
    /// [`ViewError::TimedOut`] if that takes longer than [`VIEWS_PATIENCE`], or [`ViewError::NotWritable`].
    pub async fn views_at(&self, position: Position) -> anyhow::Result<Vec<GenerationStatus>> {
        let deadline = Instant::now() + VIEWS_PATIENCE;
        loop {
            let live = generation::live(&self.pool.get().await?).await?;
            if live.iter().all(|status| status.position >= position) {
                return Ok(live);
            }
            live.iter()
                .filter(|status| status.position < position)
                .try_for_each(GenerationStatus::check_writable)?;
            if Instant::now() >= deadline {
                let what =
                    "the views to show the change, which is recorded; `daybook status` shows their lag";
                return Err(ViewError::TimedOut { what, seconds: VIEWS_PATIENCE.as_secs() }.into());
            }
            tokio::time::sleep(VIEWS_PAUSE).await;
        }
    }

    /// Closes everything. The private PostgreSQL is stopped last, and only if no other process uses it.
    async fn close(self) -> anyhow::Result<()> {
        let Self { log, pool, config: _, vault, commands, clock: _, server } = self;
        drop((commands, vault, log));
        pool.close();
        server.stop().await
    }
}

/// Opens the backend, runs a command's body on it and closes it, also when the body fails.
///
/// # Errors
/// The part that could not be opened, or the body's error.
pub async fn with_backend<T>(
    settings: &Settings,
    if_missing: IfMissing,
    body: impl AsyncFnOnce(&Backend) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    Backend::open(settings, if_missing).await?.run(body).await
}

/// As [`with_backend`], for a command that waits for the views: the engine runs until the body ends, because no service
/// has to be running.
///
/// # Errors
/// As [`with_backend`].
pub async fn with_engine<T>(
    settings: &Settings,
    if_missing: IfMissing,
    body: impl AsyncFnOnce(&Backend) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    with_backend(settings, if_missing, async |backend| backend.with_engine(body(backend)).await).await
}

/// As [`with_backend`], for a command that also works before there is a database in the data dir.
///
/// # Errors
/// As [`with_backend`].
pub async fn with_backend_if_begun<T>(
    settings: &Settings,
    body: impl AsyncFnOnce(Option<&Backend>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    if !database::has_begun(settings) {
        return body(None).await;
    }
    with_backend(settings, IfMissing::Refused, async |backend| body(Some(backend)).await).await
}

#[cfg(feature = "migration")]
fn gate_settings(settings: &Settings) -> GateSettings {
    GateSettings { soak: settings.soak, ..GateSettings::default() }
}

/// The store of the event log: `postgres` or `eventstore`.
pub const fn log_kind(settings: &Settings) -> &'static str {
    log::name(&settings.event_store)
}

/// Applies pending migrations.
async fn apply_migrations(config: &Config) -> anyhow::Result<()> {
    let (mut client, connection) = config.connect(NoTls).await?;
    let driver = tokio::spawn(connection);
    let migrated = migrate(&mut client).await;
    drop(client);
    driver.abort();
    let applied = migrated?.applied;
    if !applied.is_empty() {
        tracing::info!(?applied, "database migrations applied");
    }
    Ok(())
}

/// Origin of a change that an operator makes on this machine, with a new correlation id.
pub fn operator_now() -> Origin {
    Origin { correlation: Some(Uuid::now_v7()), ..Origin::from_actor(operator()) }
}

/// The operating system user, as events name the author of a change.
pub fn operator() -> Actor {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid());
    let name = user.ok().flatten().map_or_else(|| "unknown".to_owned(), |user| user.name);
    Actor::named(&format!("cli:{name}"))
}
