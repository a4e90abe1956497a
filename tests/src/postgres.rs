//! A separate database for each test, on a real PostgreSQL with durable settings.
//!
//! All test binaries of a user share one private server in the temporary folder. Its data stays between runs; its process
//! ends with the last test process. `DAYBOOK_TEST_DATABASE_URL` names another server to use instead.
//!
//! The harness must never skip a test: without PostgreSQL's programs each test fails and says what to install.

mod name;
mod server;

use anyhow::Context;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls};

use self::name::DatabaseName;
use self::server::Server;

/// The database that `migrated` clones. The first test in this process that needs it creates it.
static TEMPLATE: OnceCell<DatabaseName> = OnceCell::const_new();

/// A database of one test. Dropping the value drops the database.
#[derive(Debug)]
pub struct TestDatabase {
    server: &'static Server,
    name: DatabaseName,
}

impl TestDatabase {
    /// Creates an empty database.
    ///
    /// # Errors
    /// When there is no PostgreSQL. The text says what to install or set.
    pub async fn empty() -> anyhow::Result<Self> {
        let server = Server::shared().await?;
        let name = DatabaseName::next();
        server.execute(&format!("CREATE DATABASE {name}")).await?;
        Ok(Self { server, name })
    }

    /// Creates an empty database without an encoding, which takes any bytes as text.
    ///
    /// # Errors
    /// As [`TestDatabase::empty`].
    pub async fn without_encoding() -> anyhow::Result<Self> {
        let server = Server::shared().await?;
        let name = DatabaseName::next();
        let sql = format!("CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
        server.execute(&sql).await?;
        Ok(Self { server, name })
    }

    /// Creates a migrated database. `migrate` runs once in a process, on a template that is then cloned, so all callers
    /// in a process must pass the same function. It must close its connections when it returns.
    ///
    /// # Errors
    /// As [`TestDatabase::empty`], and those of `migrate`.
    pub async fn migrated(migrate: impl AsyncFnOnce(Config) -> anyhow::Result<()>) -> anyhow::Result<Self> {
        let server = Server::shared().await?;
        let template = TEMPLATE.get_or_try_init(async || make_template(server, migrate).await).await?;
        let name = DatabaseName::next();
        server.execute(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await?;
        Ok(Self { server, name })
    }

    /// Connection settings.
    #[must_use]
    pub fn config(&self) -> Config {
        self.server.config(&self.name)
    }

    /// Connection settings as a `DATABASE_URL`, for a process that a test starts.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// The URL for another role, without a password. The private server trusts all roles; a named server has to trust it.
    #[must_use]
    pub fn url_as(&self, role: &str) -> String {
        self.server.url_as(&self.name, role)
    }

    /// Connects; the caller's runtime drives the connection.
    ///
    /// # Errors
    /// When the server refuses the connection.
    pub async fn connect(&self) -> anyhow::Result<Client> {
        let (client, connection) =
            self.config().connect(NoTls).await.context("connecting to the test's database")?;
        tokio::spawn(connection);
        Ok(client)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // On failure, the sweep of a later run drops it.
        let _ = self.server.execute_blocking(&self.name.drop_statement());
    }
}

async fn make_template(
    server: &Server,
    migrate: impl AsyncFnOnce(Config) -> anyhow::Result<()>,
) -> anyhow::Result<DatabaseName> {
    let name = DatabaseName::next();
    server.execute(&format!("CREATE DATABASE {name}")).await?;
    migrate(server.config(&name)).await.context("migrating the template of the tests' databases")?;
    // A database with connections cannot be cloned: forbid new ones and end those that are still closing.
    server.execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await?;
    let terminate =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    server.execute(&terminate).await?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn migrate(config: Config) -> anyhow::Result<()> {
        let (client, connection) = config.connect(NoTls).await?;
        let driver = tokio::spawn(connection);
        client
            .batch_execute("CREATE TABLE page (day date PRIMARY KEY); INSERT INTO page VALUES ('2026-12-01')")
            .await?;
        drop(client);
        Ok(driver.await??)
    }

    async fn count(client: &Client, statement: &str) -> i64 {
        client.query_one(statement, &[]).await.unwrap().get(0)
    }

    #[tokio::test]
    async fn an_empty_database_has_no_tables_and_durable_settings() {
        let database = TestDatabase::empty().await.unwrap();
        let client = database.connect().await.unwrap();
        assert_eq!(count(&client, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").await, 0);
        let fsync: String = client.query_one("SHOW fsync", &[]).await.unwrap().get(0);
        assert_eq!(fsync, "on");
    }

    #[tokio::test]
    async fn each_test_changes_its_own_clone() {
        let first = TestDatabase::migrated(migrate).await.unwrap();
        let second = TestDatabase::migrated(migrate).await.unwrap();
        let changed = first.connect().await.unwrap();
        changed.batch_execute("INSERT INTO page VALUES ('2026-12-02')").await.unwrap();
        assert_eq!(count(&changed, "SELECT count(*) FROM page").await, 2);
        let untouched = second.connect().await.unwrap();
        assert_eq!(count(&untouched, "SELECT count(*) FROM page").await, 1);
    }

    #[tokio::test]
    async fn clones_can_be_created_concurrently() {
        let one = async || TestDatabase::migrated(migrate).await.unwrap();
        let databases = futures_util::join!(one(), one(), one());
        let client = databases.2.connect().await.unwrap();
        assert_eq!(count(&client, "SELECT count(*) FROM page").await, 1);
    }

    #[tokio::test]
    async fn the_url_connects_to_the_same_database() {
        let database = TestDatabase::empty().await.unwrap();
        let (client, connection) = database.url().parse::<Config>().unwrap().connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        let name: String = client.query_one("SELECT current_database()", &[]).await.unwrap().get(0);
        assert_eq!(Some(name.as_str()), database.config().get_dbname());
    }

    #[tokio::test]
    async fn a_database_is_dropped_even_while_a_client_is_connected() {
        let database = TestDatabase::empty().await.unwrap();
        let (_connected, name) = (database.connect().await.unwrap(), database.name.to_string());
        drop(database);
        let other = TestDatabase::empty().await.unwrap();
        let client = other.connect().await.unwrap();
        let found = client.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&name]).await.unwrap();
        assert!(found.is_none());
    }

    #[tokio::test]
    async fn the_sweep_drops_leftovers_of_ended_processes_only() {
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        let server = Server::shared().await.unwrap();
        let leftover = DatabaseName::for_process(ended.id());
        let living = TestDatabase::empty().await.unwrap();
        server.execute(&format!("CREATE DATABASE {leftover}")).await.unwrap();
        server.sweep().await.unwrap();
        let client = living.connect().await.unwrap();
        let swept = format!("SELECT count(*) FROM pg_database WHERE datname = '{leftover}'");
        assert_eq!(count(&client, &swept).await, 0);
    }
}
