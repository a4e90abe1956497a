//! A database beside the live one, in the same server, in which a backup is tried or the migration rehearsed. It is dropped
//! in the end.
//!
//! It must never touch the live database but to hold a lock there: one such database at a time for each purpose, so that one
//! that a killed command left behind can be told and dropped.

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

use super::{Backend, RunningEngine, bring_up_to_date, log, master_key};
use crate::settings::Settings;

/// What a scratch database is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A backup is restored into it, to prove it.
    Restore,
    /// The migration is gone through in it.
    Rehearsal,
}

impl Purpose {
    /// Advisory lock of the live database that is held while its scratch database is there.
    const fn lock(self) -> i64 {
        match self {
            Self::Restore => i64::from_be_bytes(*b"daybook\x10"),
            Self::Rehearsal => i64::from_be_bytes(*b"daybook\x11"),
        }
    }

    /// How its name begins; the number of the live database follows.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Restore => "daybook_restore_",
            Self::Rehearsal => "daybook_rehearsal_",
        }
    }

    /// The command that makes it.
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
    /// Makes it, empty. One that was left behind is dropped first.
    ///
    /// # Errors
    /// When another one is in use, or the account may not make databases.
    pub async fn create(backend: &Backend, purpose: Purpose) -> anyhow::Result<Self> {
        let (keeper, connection) = backend.config.connect(NoTls).await?;
        // It ends with the session.
        tokio::spawn(connection);
        let sql = "SELECT pg_try_advisory_lock($1), (SELECT oid FROM pg_database WHERE datname = current_database())";
        let row = keeper.query_one(sql, &[&purpose.lock()]).await?;
        if !row.try_get::<_, bool>(0)? {
            bail!("another `{}` is under way; wait for it", purpose.command());
        }
        let name = format!("{}{}", purpose.prefix(), row.try_get::<_, u32>(1)?);
        let mut config = backend.config.clone();
        config.dbname(&name);
        let scratch = Self { name, config, keeper };
        scratch.drop_database().await?;
        let sql = format!("CREATE DATABASE {} TEMPLATE template0", scratch.name);
        scratch.keeper.batch_execute(&sql).await.map_err(|error| explain(purpose, error))?;
        Ok(scratch)
    }

    /// Its name in the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens the parts on what was restored into it, brought up to date.
    ///
    /// # Errors
    /// The part that could not be opened; also when the master key is another one than the backup's.
    pub async fn open(&self, settings: &Settings) -> anyhow::Result<Restored> {
        bring_up_to_date(&self.config)
            .await
            .context("the restored database could not be brought up to date")?;
        let pool = create_pool(&self.config, PoolSize::default())?;
        let vault = Vault::new(pool.clone(), Arc::new(master_key::open(settings, &pool).await?));
        master_key::check(&vault, &pool).await?;
        let log = PostgresLog::connect(self.config.clone(), Options::default()).await?;
        Ok(Restored { log: Arc::new(log), config: self.config.clone(), pool, vault })
    }

    /// Drops it with all that is in it.
    ///
    /// # Errors
    /// When the server refuses; the next one to be made drops it.
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
    /// The id of the log's first event of the catalog, by which logs are told apart.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn first_event(&self) -> anyhow::Result<Option<Uuid>> {
        log::first_event(&self.log).await
    }

    /// Puts an exported log into it, where the live one is elsewhere, so that no dump has it.
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
        let clock = daybook_commands::Settings { zone: settings.zone, clock: Arc::new(SystemClock) };
        Ok(Commands::open(Arc::clone(&self.log), self.vault.clone(), clock).await?)
    }

    /// Starts the engine that keeps its views up.
    pub fn start_engine(&self) -> RunningEngine {
        RunningEngine::start(Arc::clone(&self.log), self.vault.clone(), self.pool.clone())
    }

    /// What builds views in it.
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
            "`{}` works in a database of its own, and the account of --database-url (DATABASE_URL) may not make one: let \
             an administrator run `ALTER ROLE … CREATEDB`, or name an account that may",
            purpose.command()
        ));
    }
    error.context("the scratch database could not be made")
}
