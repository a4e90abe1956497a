//! A database beside the live one, in the same server, in which a backup is tried. It is dropped in the end.
//!
//! It must never touch the live database but to hold a lock there: one such database at a time, so that one that a killed
//! command left behind can be told and dropped.

use std::sync::Arc;

use anyhow::{Context, bail};
use daybook_event_log::EventLog;
use daybook_event_log::postgres::{Options, PoolSize, PostgresLog, create_pool};
use daybook_event_log::vault::Vault;
use daybook_projections::{KEEP, Rebuild};
use deadpool_postgres::Pool;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

use super::{Backend, bring_up_to_date, key_ring, log};
use crate::settings::Settings;

/// Advisory lock of the live database that is held while its scratch database is there.
const SCRATCH_LOCK: i64 = i64::from_be_bytes(*b"daybook\x10");

/// How its name begins; the number of the live database follows.
const PREFIX: &str = "daybook_restore_";

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
    pool: Pool,
    vault: Vault,
}

impl Scratch {
    /// Makes it, empty. One that was left behind is dropped first.
    ///
    /// # Errors
    /// When another one is in use, or the account may not make databases.
    pub async fn create(backend: &Backend) -> anyhow::Result<Self> {
        let (keeper, connection) = backend.config.connect(NoTls).await?;
        // It ends with the session.
        tokio::spawn(connection);
        let sql = "SELECT pg_try_advisory_lock($1), (SELECT oid FROM pg_database WHERE datname = current_database())";
        let row = keeper.query_one(sql, &[&SCRATCH_LOCK]).await?;
        if !row.try_get::<_, bool>(0)? {
            bail!("another `daybook restore --verify` is under way; wait for it");
        }
        let name = format!("{PREFIX}{}", row.try_get::<_, u32>(1)?);
        let mut config = backend.config.clone();
        config.dbname(&name);
        let scratch = Self { name, config, keeper };
        scratch.drop_database().await?;
        let sql = format!("CREATE DATABASE {} TEMPLATE template0", scratch.name);
        scratch.keeper.batch_execute(&sql).await.map_err(explain)?;
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
        let vault = Vault::new(pool.clone(), Arc::new(key_ring::open(settings, &pool).await?));
        key_ring::check(&vault, &pool).await?;
        let log = PostgresLog::connect(self.config.clone(), Options::default()).await?;
        Ok(Restored { log: Arc::new(log), pool, vault })
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

    /// What builds views in it.
    pub fn rebuild(&self) -> Rebuild {
        Rebuild::new(Arc::clone(&self.log), self.vault.clone(), self.pool.clone(), KEEP)
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

fn explain(error: tokio_postgres::Error) -> anyhow::Error {
    let is_forbidden = error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE);
    let error = anyhow::Error::new(error);
    if is_forbidden {
        return error.context(
            "a backup is tried in a database of its own, and the account of --database-url (DATABASE_URL) may not make \
             one: let an administrator run `ALTER ROLE … CREATEDB`, or name an account that may",
        );
    }
    error.context("the scratch database could not be made")
}
