//! Opens an empty log for each adapter, together with the resources that the log needs.

use std::sync::Arc;

use daybook_event_log::eventstore::ConnectionString;
use daybook_event_log::postgres::{Options, migrate};
use daybook_event_log::{EventLog, EventStoreLog, MemoryLog, PostgresLog};
use daybook_log_server::Server;
use daybook_tests::postgres::TestDatabase;
use tokio_postgres::{Config, NoTls};

/// A log, and the database or server that it needs, if any.
pub(crate) struct Opened {
    log: Arc<dyn EventLog>,
    _database: Option<TestDatabase>,
    _server: Option<Server>,
}

impl Opened {
    pub(crate) fn log(&self) -> Arc<dyn EventLog> {
        Arc::clone(&self.log)
    }
}

pub(crate) async fn memory() -> Opened {
    Opened { log: Arc::new(MemoryLog::new()), _database: None, _server: None }
}

pub(crate) async fn postgres() -> Opened {
    let database = database().await;
    Opened { log: Arc::new(connect(&database).await), _database: Some(database), _server: None }
}

pub(crate) async fn eventstore() -> Opened {
    let server = Server::start(daybook_log_server::Options::default()).await.unwrap();
    let log = connect_to(&server.url()).await;
    Opened { log: Arc::new(log), _database: None, _server: Some(server) }
}

pub(crate) async fn connect_to(url: &str) -> EventStoreLog {
    // The client waits for this interval before its first connection.
    let address = ConnectionString::parse(&format!("{url}&discoveryInterval=1")).unwrap();
    EventStoreLog::connect(address).await.unwrap()
}

/// Creates a database with the schema and no rows.
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
