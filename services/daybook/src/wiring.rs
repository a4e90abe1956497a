//! How the parts are put together, in one place for all commands.
//!
//! It must never decide anything about bookings or views: it opens the parts in their order and closes them in the reverse.

mod database;
mod empty;
mod engine;
mod log;
mod master_key;
mod scratch;
mod supervisor;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use daybook_commands::{Commands, Origin, SystemClock};
use daybook_domain::Actor;
use daybook_event_log::postgres::{PoolSize, create_pool, migrate};
use daybook_event_log::vault::Vault;
use daybook_event_log::{EventLog, Position};
#[cfg(feature = "migration")]
use daybook_migration::{GateSettings, Gates, Migration, Retirement, Workflows};
use daybook_projections::{Auditor, GenerationStatus, KEEP, Rebuild, ViewError, generation};
use deadpool_postgres::Pool;
use tokio::time::Instant;
use tokio_postgres::{Config, NoTls};
use uuid::Uuid;

pub use empty::EmptyDatabase;
pub use engine::RunningEngine;
pub use log::LogIdentity;
pub use scratch::{Purpose, Restored, Scratch};
pub use supervisor::Supervisor;

use crate::settings::Settings;
use database::DatabaseServer;

/// How long a command waits for the views to hold what it has done.
pub const VIEWS_PATIENCE: Duration = Duration::from_secs(120);

/// How often it looks meanwhile.
const VIEWS_PAUSE: Duration = Duration::from_millis(50);

/// What to do where there is no database in the data dir yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMissing {
    /// Make one: this command may begin a clinic's book.
    Allowed,
    /// Refuse: there is nothing to look at or to change, most likely because this is the wrong folder.
    Refused,
}

/// All that a command works with.
#[derive(Debug)]
pub struct Backend {
    /// The event log.
    pub log: Arc<dyn EventLog>,
    /// Connections to the views, and to whatever else is asked of the database.
    pub pool: Pool,
    /// How to connect to the database.
    pub config: Config,
    /// Seals and opens patients' details.
    pub vault: Vault,
    /// The write side.
    pub commands: Commands,
    server: DatabaseServer,
}

impl Backend {
    /// Starts or finds the database, brings its schema up to date, and opens the parts on it.
    ///
    /// # Errors
    /// The part that could not be opened, with its cause.
    pub async fn open(settings: &Settings, beginning: IfMissing) -> anyhow::Result<Self> {
        settings.check_master_key()?;
        let server = DatabaseServer::start(settings, beginning).await?;
        Self::open_on(settings, server).await
    }

    async fn open_on(settings: &Settings, server: DatabaseServer) -> anyhow::Result<Self> {
        let config = server.config().clone();
        bring_up_to_date(&config).await.with_context(|| server.describe_failure())?;
        let pool = create_pool(&config, PoolSize::default())?;
        let keys = master_key::open(settings, &pool).await?;
        let vault = Vault::new(pool.clone(), Arc::new(keys));
        master_key::check(&vault, &pool).await?;
        let log = log::open(settings, &config, &pool).await?;
        let clock = daybook_commands::Settings { zone: settings.zone, clock: Arc::new(SystemClock) };
        let commands = Commands::open(Arc::clone(&log), vault.clone(), clock).await?;
        Ok(Self { log, pool, config, vault, commands, server })
    }

    /// The same for a command that only looks and can do without: nothing where the data dir has no database yet.
    ///
    /// # Errors
    /// The part that could not be opened, with its cause.
    pub async fn open_if_begun(settings: &Settings) -> anyhow::Result<Option<Self>> {
        if !database::has_begun(settings) {
            return Ok(None);
        }
        Self::open(settings, IfMissing::Refused).await.map(Some)
    }

    /// Makes sure that no view that serves is ahead of the log. For commands that append: a view that is ahead, because an older
    /// log was restored, would pass over what they append.
    ///
    /// # Errors
    /// Which view is ahead, and what to do.
    pub async fn check_views_not_ahead(&self) -> anyhow::Result<()> {
        log::check_not_overtaken(&self.log, &self.pool).await
    }

    /// Which log this is; none while it is empty.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn log_identity(&self, settings: &Settings) -> anyhow::Result<Option<LogIdentity>> {
        log::identify(settings, &self.log).await
    }

    /// Starts the engine that keeps the views up. Where another process does so already, it stands by.
    pub fn start_engine(&self) -> RunningEngine {
        RunningEngine::start(Arc::clone(&self.log), self.vault.clone(), self.pool.clone())
    }

    /// What rebuilds views, and keeps so many former generations of each as is usual.
    pub fn rebuild(&self) -> Rebuild {
        self.rebuild_keeping(KEEP)
    }

    /// What rebuilds views, and keeps so many former generations of each.
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

    /// Shows where the migration stands, and measures its gates by these settings.
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

    /// What audits views.
    pub fn auditor(&self) -> Auditor {
        Auditor::new(Arc::clone(&self.log), self.vault.clone(), self.pool.clone())
    }

    /// Starts what brings the private PostgreSQL back if it dies; nothing where the database is somebody else's.
    pub fn supervise(&self) -> Option<Supervisor> {
        self.server.private().map(|server| Supervisor::start(server, self.config.clone()))
    }

    /// A command line by which a person looks into the database. It holds no password.
    pub fn connect_hint(&self) -> &str {
        self.server.connect_hint()
    }

    /// A command line by which a person finds the runbook's tables under their plain names. It holds no password.
    pub fn runbook_hint(&self) -> &str {
        self.server.runbook_hint()
    }

    /// Waits until all views that serve hold everything up to a position; says where they stand.
    ///
    /// # Errors
    /// [`ViewError::TimedOut`] where that takes longer than [`VIEWS_PATIENCE`].
    pub async fn views_at(&self, position: Position) -> anyhow::Result<Vec<GenerationStatus>> {
        let deadline = Instant::now() + VIEWS_PATIENCE;
        loop {
            let live = generation::live(&self.pool.get().await?).await?;
            if live.iter().all(|standing| standing.position >= position) {
                return Ok(live);
            }
            if Instant::now() >= deadline {
                let what = "the views to hold what was recorded; `daybook status` shows how far they are";
                return Err(ViewError::TimedOut { what, seconds: VIEWS_PATIENCE.as_secs() }.into());
            }
            tokio::time::sleep(VIEWS_PAUSE).await;
        }
    }

    /// Closes everything, the private PostgreSQL last and only if nobody else uses it.
    ///
    /// # Errors
    /// When it could not be stopped.
    pub async fn close(self) -> anyhow::Result<()> {
        let Self { log, pool, config: _, vault, commands, server } = self;
        drop((commands, vault, log));
        pool.close();
        server.stop().await
    }
}

#[cfg(feature = "migration")]
fn gate_settings(settings: &Settings) -> GateSettings {
    GateSettings { soak: settings.soak, ..GateSettings::default() }
}

/// Where the settings keep the event log: `postgres` or `eventstore`.
pub const fn log_kind(settings: &Settings) -> &'static str {
    log::name(&settings.event_store)
}

/// Runs the migrations that have not run.
async fn bring_up_to_date(config: &Config) -> anyhow::Result<()> {
    let (mut client, connection) = config.connect(NoTls).await?;
    let driver = tokio::spawn(connection);
    let migrated = migrate(&mut client).await;
    drop(client);
    driver.abort();
    let applied = migrated?.applied;
    if !applied.is_empty() {
        tracing::info!(?applied, "the database's schema was brought up to date");
    }
    Ok(())
}

/// Where a change of the routing comes from that is made on this machine.
pub fn operator_now() -> Origin {
    Origin { correlation: Some(Uuid::now_v7()), ..Origin::of(operator()) }
}

/// Who gives a command on this machine: the events of what they change carry it.
pub fn operator() -> Actor {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid());
    let name = user.ok().flatten().map_or_else(|| "unknown".to_owned(), |user| user.name);
    Actor::named(&format!("cli:{name}"))
}
