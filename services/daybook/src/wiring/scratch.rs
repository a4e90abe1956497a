//! A scratch database in the live server, in which a backup is verified or the migration is rehearsed. It is dropped at the end.
//!
//! It must never change the live database. It only holds a lock there: one scratch database at a time per purpose, so that the
//! leftover of a killed command can be recognised and dropped.

use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

use anyhow::{Context, bail};
use daybook_commands::{Commands, SystemClock};
use daybook_event_log::EventLog;
use daybook_event_log::portable::Verified;
use daybook_event_log::postgres::{Options, PoolSize, PostgresLog, create_pool};
use daybook_projections::{KEEP, Rebuild, parked};
use daybook_vault::Vault;
use deadpool_postgres::Pool;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

use super::discards::DiscardedEvents;
use super::{Backend, RunningEngine, apply_migrations, log, master_key};
use crate::settings::Settings;

/// The use of a scratch database, which determines its name and lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A backup is verified in it.
    Restore,
    /// The migration is rehearsed in it.
    Rehearsal,
}

impl Purpose {
    /// Advisory lock in the live database, held while the scratch database exists.
    const fn lock(self) -> i64 {
        match self {
            Self::Restore => i64::from_be_bytes(*b"daybook\x10"),
            Self::Rehearsal => i64::from_be_bytes(*b"daybook\x11"),
        }
    }

    /// Prefix of its name; the OID of the live database follows.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Restore => "daybook_restore_",
            Self::Rehearsal => "daybook_rehearsal_",
        }
    }

    /// The command that creates it.
    const fn command(self) -> &'static str {
        match self {
            Self::Restore => "daybook restore --verify",
            Self::Rehearsal => "daybook migrate rehearse",
        }
    }
}

/// A scratch database.
pub struct Scratch {
    name: String,
    config: Config,
    /// A session on the live database, which holds the lock.
    keeper: Client,
}

/// The parts of Daybook on a restored database.
pub struct Restored {
    /// The log that was restored.
    pub log: Arc<dyn EventLog>,
    config: Config,
    pool: Pool,
    vault: Vault,
}

impl Scratch {
    /// Creates it, empty, and drops the leftover of a killed command first.
    ///
    /// # Errors
    /// When another one is in use, or the account may not create databases.
    pub async fn create(backend: &Backend, purpose: Purpose) -> anyhow::Result<Self> {
        let Some(scratch) = Self::find(backend, purpose).await? else {
            bail!("another `{}` is running; wait until it has finished", purpose.command());
        };
        scratch.drop_database().await?;
        let sql = format!("CREATE DATABASE {} TEMPLATE template0", scratch.name);
        scratch.keeper.batch_execute(&sql).await.map_err(|error| explain(purpose, error))?;
        Ok(scratch)
    }

    /// The place of it, locked; none if another command uses it.
    async fn find(backend: &Backend, purpose: Purpose) -> anyhow::Result<Option<Self>> {
        let (keeper, connection) = backend.config.connect(NoTls).await?;
        // It ends with the session.
        tokio::spawn(connection);
        let sql = "SELECT pg_try_advisory_lock($1), (SELECT oid FROM pg_database WHERE datname = current_database())";
        let row = keeper.query_one(sql, &[&purpose.lock()]).await?;
        if !row.try_get::<_, bool>(0)? {
            return Ok(None);
        }
        let name = format!("{}{}", purpose.prefix(), row.try_get::<_, u32>(1)?);
        let mut config = backend.config.clone();
        config.dbname(&name);
        Ok(Some(Self { name, config, keeper }))
    }

    /// Drops what killed commands left: the views in it hold patients' details. Leaves those in use alone.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn drop_leftovers(backend: &Backend) -> anyhow::Result<()> {
        for purpose in [Purpose::Restore, Purpose::Rehearsal] {
            let client = backend.pool.get().await?;
            let sql = "SELECT EXISTS (SELECT FROM pg_database d, pg_database own
                       WHERE own.datname = current_database() AND d.datname = $1 || own.oid)";
            if client.query_one(sql, &[&purpose.prefix()]).await?.try_get(0)?
                && let Some(scratch) = Self::find(backend, purpose).await?
            {
                scratch.remove().await?;
            }
        }
        Ok(())
    }

    /// Its name in the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Applies migrations and opens the parts on the restored database.
    ///
    /// # Errors
    /// The part that could not be opened; also when the master key is another one than the backup's.
    pub async fn open(&self, settings: &Settings) -> anyhow::Result<Restored> {
        apply_migrations(&self.config).await.context("the restored database could not be migrated")?;
        let pool = create_pool(&self.config, PoolSize::default())?;
        let vault = Vault::new(pool.clone(), Arc::new(master_key::open(settings, &pool).await?));
        master_key::check(&vault, &pool).await?;
        let log = PostgresLog::connect(self.config.clone(), Options::default()).await?;
        Ok(Restored { log: Arc::new(log), config: self.config.clone(), pool, vault })
    }

    /// Drops it.
    ///
    /// # Errors
    /// When the server refuses; the next run drops it then.
    pub async fn remove(self) -> anyhow::Result<()> {
        self.drop_database().await
    }

    async fn drop_database(&self) -> anyhow::Result<()> {
        // Connections of ours may still be closing.
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let dropped = self.keeper.batch_execute(&sql).await;
        dropped.with_context(|| format!("the scratch database {} could not be dropped", self.name))
    }
}

impl Restored {
    /// The id of the first catalog event, which identifies a log.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn first_event(&self) -> anyhow::Result<Option<Uuid>> {
        log::first_event(&self.log).await
    }

    /// Imports an exported log, if the live one is in EventStoreDB and therefore not in the dump.
    ///
    /// # Errors
    /// When the file cannot be read, or the database not be written to.
    pub async fn import(&self, exported: Verified<BufReader<File>>) -> anyhow::Result<()> {
        exported.import(&*self.log, &|_| {}).await?;
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        parked::renumber_discarded(&transaction, &*self.log).await?;
        Ok(transaction.commit().await?)
    }

    /// The write side on its log.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn commands(&self, settings: &Settings) -> anyhow::Result<Commands> {
        let clock = Arc::new(SystemClock);
        let writing = daybook_commands::Settings { zone: settings.zone, clock, bounds: settings.bounds };
        let discards = Arc::new(DiscardedEvents(self.pool.clone()));
        Ok(Commands::open_without(Arc::clone(&self.log), self.vault.clone(), writing, discards).await?)
    }

    /// Starts the engine that keeps its views up to date.
    pub fn start_engine(&self) -> RunningEngine {
        RunningEngine::start(Arc::clone(&self.log), self.vault.clone(), self.pool.clone())
    }

    /// Builds views in it.
    pub fn rebuild(&self) -> Rebuild {
        Rebuild::new(Arc::clone(&self.log), self.vault.clone(), self.pool.clone(), KEEP)
    }

    /// How to connect to its database.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Seals and opens patients' details with the keys that were restored.
    pub const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Its database.
    pub const fn pool(&self) -> &Pool {
        &self.pool
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        self.pool.close();
    }
}

fn explain(purpose: Purpose, error: tokio_postgres::Error) -> anyhow::Error {
    let is_forbidden = error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE);
    let error = anyhow::Error::new(error);
    if is_forbidden {
        return error.context(format!(
            "`{}` needs a scratch database, but the account of --database-url (DATABASE_URL) may not create one. Ask an \
             administrator to run `ALTER ROLE … CREATEDB`, or use an account that may",
            purpose.command()
        ));
    }
    error.context("the scratch database could not be created")
}
