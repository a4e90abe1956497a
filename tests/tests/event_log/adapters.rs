//! An empty log of each adapter, with what has to live as long as it.

use std::sync::Arc;

use daybook_event_log::postgres::{Options, migrate};
use daybook_event_log::{EventLog, MemoryLog, PostgresLog};
use daybook_tests::postgres::TestDatabase;
use tokio_postgres::{Config, NoTls};

/// A log, and the database it is in where it has one.
pub(crate) struct Opened {
    log: Arc<dyn EventLog>,
    _database: Option<TestDatabase>,
}

impl Opened {
    pub(crate) fn log(&self) -> Arc<dyn EventLog> {
        Arc::clone(&self.log)
    }
}

pub(crate) async fn memory() -> Opened {
    Opened { log: Arc::new(MemoryLog::new()), _database: None }
}

pub(crate) async fn postgres() -> Opened {
    let database = database().await;
    Opened { log: Arc::new(connect(&database).await), _database: Some(database) }
}

/// A database with the schema and nothing in it.
pub(crate) async fn database() -> TestDatabase {
    TestDatabase::migrated(bring_up_to_date).await.unwrap()
}

pub(crate) async fn connect(database: &TestDatabase) -> PostgresLog {
    PostgresLog::connect(database.config(), Options::default()).await.unwrap()
}

/// Runs the migrations and closes the connection.
pub(crate) async fn bring_up_to_date(config: Config) -> anyhow::Result<()> {
    let (mut client, connection) = config.connect(NoTls).await?;
    let driver = tokio::spawn(connection);
    migrate(&mut client).await?;
    drop(client);
    Ok(driver.await??)
}
