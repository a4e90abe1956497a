//! A database of its own for each test, on a real PostgreSQL with durable settings.
//!
//! All test binaries of a user share one private server below the temporary folder; it is kept between runs, and its
//! process ends with the last test process. `DAYBOOK_TEST_DATABASE_URL` names another server to use instead.
//!
//! It must never skip a test: without PostgreSQL's programs each test fails with the text that says what to install.

mod name;
mod server;

use anyhow::Context;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls};

use self::name::DatabaseName;
use self::server::Server;

/// The database that `migrated` clones, made by the first test of this process that asks for it.
static TEMPLATE: OnceCell<DatabaseName> = OnceCell::const_new();

/// A database that belongs to one test, dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    server: &'static Server,
    name: DatabaseName,
}

impl TestDatabase {
    /// A fresh database with nothing in it.
    ///
    /// # Errors
    /// When there is no PostgreSQL; the text says what to install or to set.
    pub async fn empty() -> anyhow::Result<Self> {
        let server = Server::shared().await?;
        let name = DatabaseName::next();
        server.execute(&format!("CREATE DATABASE {name}")).await?;
        Ok(Self { server, name })
    }

    /// A fresh database on which `migrate` was run. It runs once in a process, on a template that is then cloned, so all
    /// callers of a process must pass the same function. It must have closed its connections, or closes them on return.
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

    /// How to connect to it.
    #[must_use]
    pub fn config(&self) -> Config {
        self.server.config(&self.name)
    }

    /// The same as a `DATABASE_URL`, for a process that is started by a test.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// The same as another role. The private server lets everybody in; one that was named has to trust the role.
    #[must_use]
    pub fn url_as(&self, role: &str) -> String {
        self.server.url_as(&self.name, role)
    }

    /// A connection to it, driven by the runtime of the caller.
    ///
    /// # Errors
    /// When the server does not let us in.
    pub async fn connect(&self) -> anyhow::Result<Client> {
        let (client, connection) =
            self.config().connect(NoTls).await.context("connecting to the test's database")?;
        tokio::spawn(connection);
        Ok(client)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // A database that could not be dropped is dropped by the sweep of a later run.
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
    // A database with connections cannot be cloned: no new ones from here on, and an end to those still closing.
    server.execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await?;
    let cut_off = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    server.execute(&cut_off).await?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    //! The harness itself, on the server that it gives to the others.
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

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
    async fn each_test_changes_a_clone_of_its_own() {
        let first = TestDatabase::migrated(migrate).await.unwrap();
        let second = TestDatabase::migrated(migrate).await.unwrap();
        let changed = first.connect().await.unwrap();
        changed.batch_execute("INSERT INTO page VALUES ('2026-12-02')").await.unwrap();
        assert_eq!(count(&changed, "SELECT count(*) FROM page").await, 2);
        let untouched = second.connect().await.unwrap();
        assert_eq!(count(&untouched, "SELECT count(*) FROM page").await, 1);
    }

    #[tokio::test]
    async fn clones_are_made_side_by_side() {
        let one = async || TestDatabase::migrated(migrate).await.unwrap();
        let databases = futures_util::join!(one(), one(), one());
        let client = databases.2.connect().await.unwrap();
        assert_eq!(count(&client, "SELECT count(*) FROM page").await, 1);
    }

    #[tokio::test]
    async fn the_url_leads_to_the_same_database() {
        let database = TestDatabase::empty().await.unwrap();
        let (client, connection) = database.url().parse::<Config>().unwrap().connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        let name: String = client.query_one("SELECT current_database()", &[]).await.unwrap().get(0);
        assert_eq!(Some(name.as_str()), database.config().get_dbname());
    }

    #[tokio::test]
    async fn a_dropped_database_is_gone_though_a_client_was_connected() {
        let database = TestDatabase::empty().await.unwrap();
        let (_connected, name) = (database.connect().await.unwrap(), database.name.to_string());
        drop(database);
        let other = TestDatabase::empty().await.unwrap();
        let client = other.connect().await.unwrap();
        let found = client.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&name]).await.unwrap();
        assert!(found.is_none());
    }

    #[tokio::test]
    async fn leftovers_of_ended_runs_are_swept_and_those_of_living_ones_kept() {
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        let server = Server::shared().await.unwrap();
        let leftover = DatabaseName::of_process(ended.id());
        let living = TestDatabase::empty().await.unwrap();
        server.execute(&format!("CREATE DATABASE {leftover}")).await.unwrap();
        server.sweep().await.unwrap();
        let client = living.connect().await.unwrap();
        let swept = format!("SELECT count(*) FROM pg_database WHERE datname = '{leftover}'");
        assert_eq!(count(&client, &swept).await, 0);
    }
}
