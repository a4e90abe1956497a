//! A database that nothing of Daybook is in yet, into which a backup is to be restored.
//!
//! It must never make anything there itself: what is in it after a restore is what the backup holds.

use std::sync::Arc;

use daybook_event_log::EventLog;
use tokio_postgres::{Client, Config, NoTls};

use super::database::DatabaseServer;
use super::{Backend, IfMissing, log};
use crate::failure::UsageError;
use crate::settings::{Database, Settings};

/// Anything of Daybook's: a schema, or the table of its migrations.
const ANYTHING: &str = "
    SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname IN ('event_log', 'privacy', 'control'))
        OR to_regclass('daybook_schema_history') IS NOT NULL";

/// An empty database, and the server that it is in.
pub struct EmptyDatabase {
    server: DatabaseServer,
    client: Client,
}

impl EmptyDatabase {
    /// Starts or finds the database that the settings name, and makes sure that it is empty.
    ///
    /// # Errors
    /// When it is not, or cannot be reached.
    pub async fn find(settings: &Settings) -> anyhow::Result<Self> {
        let server = DatabaseServer::start(settings, IfMissing::Allowed).await?;
        match connect_to_empty(settings, server.config()).await {
            Ok(client) => Ok(Self { server, client }),
            Err(error) => {
                server.stop().await?;
                Err(error)
            }
        }
    }

    /// How to connect.
    pub const fn config(&self) -> &Config {
        self.server.config()
    }

    /// A connection to it.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Its name in the server.
    pub fn name(&self) -> &str {
        let config = self.config();
        config.get_dbname().or(config.get_user()).unwrap_or_default()
    }

    /// The log that the settings name, where that is not in the database.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn log_elsewhere(&self, settings: &Settings) -> anyhow::Result<Arc<dyn EventLog>> {
        log::connect(settings, self.config()).await
    }

    /// Opens the parts on what was restored into it.
    ///
    /// # Errors
    /// The part that could not be opened.
    pub async fn open(self, settings: &Settings) -> anyhow::Result<Backend> {
        drop(self.client);
        Backend::open_on(settings, self.server).await
    }

    /// Leaves it as it is.
    ///
    /// # Errors
    /// When the private PostgreSQL could not be stopped.
    pub async fn leave(self) -> anyhow::Result<()> {
        drop(self.client);
        self.server.stop().await
    }
}

async fn connect_to_empty(settings: &Settings, config: &Config) -> anyhow::Result<Client> {
    let (client, connection) = config.connect(NoTls).await?;
    // It ends with the client.
    tokio::spawn(connection);
    if client.query_one(ANYTHING, &[]).await?.try_get(0)? {
        return Err(UsageError(describe_taken(settings)).into());
    }
    Ok(client)
}

fn describe_taken(settings: &Settings) -> String {
    let elsewhere = match settings.database {
        Database::Private => format!(
            "the database in `{}` holds a clinic's book already, or a part of one: name a new folder by --data-dir \
             (DAYBOOK_DATA_DIR)",
            settings.data_dir.display()
        ),
        Database::Given(_) => {
            "the database that --database-url (DATABASE_URL) names holds a clinic's book already, or a part of one: make a \
             new one with `createdb`, and name that"
                .to_owned()
        }
    };
    format!(
        "{elsewhere}; a backup is restored into an empty database only, so that nothing is ever lost by it. \
         `daybook restore --verify` tries a backup without touching what is there"
    )
}
