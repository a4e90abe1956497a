//! An empty database into which a backup is restored.
//!
//! It must never create anything in it: after a restore it contains exactly the backup.

use std::sync::Arc;

use daybook_event_log::EventLog;
use tokio_postgres::{Client, Config, NoTls};

use super::database::DatabaseServer;
use super::{Backend, IfMissing, log};
use crate::error::UsageError;
use crate::settings::{Database, Settings};

/// Whether there is a schema or the migrations table of Daybook.
const ANYTHING: &str = "
    SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname IN ('event_log', 'privacy', 'control'))
        OR to_regclass('daybook_schema_history') IS NOT NULL";

/// An empty database, and the server that it is in.
pub struct EmptyDatabase {
    server: DatabaseServer,
    client: Client,
}

impl EmptyDatabase {
    /// Starts or finds the configured database, and refuses if it is not empty.
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

    /// Connects to the configured log, if that is not in the database.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn log_elsewhere(&self, settings: &Settings) -> anyhow::Result<Arc<dyn EventLog>> {
        log::connect(settings, self.config()).await
    }

    /// Opens the parts on the restored database.
    ///
    /// # Errors
    /// The part that could not be opened.
    pub async fn open(self, settings: &Settings) -> anyhow::Result<Backend> {
        drop(self.client);
        Backend::open_on(settings, self.server).await
    }

    /// Closes it unchanged.
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
            "the database in `{}` already contains Daybook data. Use a new folder with --data-dir (DAYBOOK_DATA_DIR)",
            settings.data_dir.display()
        ),
        Database::Given(_) => {
            "the database of --database-url (DATABASE_URL) already contains Daybook data. Create a new one with `createdb`, and use \
             that"
                .to_owned()
        }
    };
    format!(
        "{elsewhere}. A backup can only be restored into an empty database. `daybook restore --verify` tests a backup without \
         changing the database"
    )
}
