//! The server of the tests' databases: the private one of all test binaries of a user, or the one in
//! `DAYBOOK_TEST_DATABASE_URL`.
//!
//! This module must never touch a database that the harness did not create.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use anyhow::{Context, ensure};
use daybook_private_postgres::PrivatePostgres;
use nix::unistd::geteuid;
use tokio::sync::OnceCell;
use tokio_postgres::{Config, NoTls};

use super::name::{DatabaseName, PREFIX};

/// Names a server to use instead of the private one. Its user must be allowed to create databases.
const URL_VARIABLE: &str = "DAYBOOK_TEST_DATABASE_URL";

/// The server of this process. The first test that needs it finds or starts it.
static SHARED: OnceCell<Server> = OnceCell::const_new();

/// A server and its connection settings.
#[derive(Debug)]
pub(super) struct Server {
    /// Leads to the database in which `CREATE DATABASE` runs.
    config: Config,
    url: String,
    /// Kept until the process ends. A static is never dropped, so the watcher process stops the server.
    private: Option<PrivatePostgres>,
}

impl Server {
    /// The server of this process.
    pub(super) async fn shared() -> anyhow::Result<&'static Self> {
        SHARED.get_or_try_init(Self::find).await
    }

    async fn find() -> anyhow::Result<Self> {
        if let Ok(url) = std::env::var(URL_VARIABLE) {
            let config = url.parse().with_context(|| format!("reading {URL_VARIABLE}"))?;
            return Ok(Self { config, url, private: None });
        }
        let private = tokio::task::spawn_blocking(start_private).await??;
        let server = Self { config: private.config(), url: private.url(), private: Some(private) };
        server.sweep().await?;
        Ok(server)
    }

    /// Drops the databases of ended processes. On the private server only: on another server, a name may hold the id of a
    /// process on another machine.
    pub(super) async fn sweep(&self) -> anyhow::Result<()> {
        if self.private.is_none() {
            return Ok(());
        }
        let (client, connection) = self.config.connect(NoTls).await?;
        tokio::spawn(connection);
        let pattern = format!("{PREFIX}%");
        let rows = client.query("SELECT datname FROM pg_database WHERE datname LIKE $1", &[&pattern]).await?;
        let names = rows.iter().filter_map(|row| DatabaseName::parse(row.get(0)));
        for name in names.filter(DatabaseName::is_leftover) {
            // Another process may drop the same one. The next sweep drops leftovers.
            client.batch_execute(&name.drop_statement()).await.ok();
        }
        Ok(())
    }

    pub(super) fn config(&self, name: &DatabaseName) -> Config {
        let mut config = self.config.clone();
        config.dbname(name.to_string());
        config
    }

    pub(super) fn url(&self, name: &DatabaseName) -> String {
        with_database(&self.url, name)
    }

    /// A URL for another role, without a password. A named server has to trust the role.
    pub(super) fn url_as(&self, name: &DatabaseName, role: &str) -> String {
        with_user(&self.url(name), role)
    }

    /// Runs one statement on a new connection: `CREATE DATABASE` cannot run in a transaction.
    pub(super) async fn execute(&self, statement: &str) -> anyhow::Result<()> {
        let (client, connection) =
            self.config.connect(NoTls).await.context("connecting to the tests' server")?;
        tokio::spawn(connection);
        client.batch_execute(statement).await.with_context(|| format!("running `{statement}`"))
    }

    /// The blocking form of [`Server::execute`], for callers inside or outside a runtime.
    pub(super) fn execute_blocking(&self, statement: &str) -> anyhow::Result<()> {
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(self.execute(statement))
        };
        std::thread::scope(|scope| match scope.spawn(run).join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }
}

fn start_private() -> anyhow::Result<PrivatePostgres> {
    let dir = std::env::temp_dir().join(format!("daybook-tests-{}", geteuid()));
    make_own_folder(&dir)?;
    PrivatePostgres::start(&dir).with_context(|| {
        format!(
            "starting the tests' PostgreSQL in {} (which may be deleted when no test runs)",
            dir.display()
        )
    })
}

/// Creates the folder. Its name can be guessed and everybody can write to the temporary folder, so it may be another
/// user's.
fn make_own_folder(dir: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let found = fs::symlink_metadata(dir)?;
    let own = found.is_dir() && found.uid() == geteuid().as_raw();
    ensure!(own, "{} belongs to another user; set TMPDIR to a folder of your own", dir.display());
    Ok(())
}

/// Replaces the database in `url`.
fn with_database(url: &str, name: &DatabaseName) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        // In the form `host=… user=…` the last value wins.
        return format!("{url} dbname={name}");
    };
    let (address, options) =
        rest.split_once('?').map_or((rest, String::new()), |(a, o)| (a, format!("?{o}")));
    let host = address.split_once('/').map_or(address, |(host, _)| host);
    format!("{scheme}://{host}/{name}{options}")
}

/// Replaces the user in `url` and removes the password.
fn with_user(url: &str, role: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return format!("{url} user={role} password=''");
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{role}@{host}/{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_database_keeps_the_options_of_a_url() {
        let name = DatabaseName::next();
        for (url, expected) in [
            ("postgresql://u:p@h:5432/old", format!("postgresql://u:p@h:5432/{name}")),
            ("postgres://h/old?sslmode=disable", format!("postgres://h/{name}?sslmode=disable")),
            ("postgresql://u@%2Ftmp%2Fs", format!("postgresql://u@%2Ftmp%2Fs/{name}")),
            ("host=/tmp user=u dbname=old", format!("host=/tmp user=u dbname=old dbname={name}")),
        ] {
            let replaced = with_database(url, &name);
            assert_eq!(replaced, expected);
            assert_eq!(replaced.parse::<Config>().unwrap().get_dbname(), Some(name.to_string().as_str()));
        }
    }

    #[test]
    fn with_user_removes_the_password_of_a_url() {
        for (url, expected) in [
            ("postgresql://u:p@h:5432/d", "postgresql://reader@h:5432/d"),
            ("postgres://h/d?sslmode=disable", "postgres://reader@h/d?sslmode=disable"),
            ("postgresql://u@%2Ftmp%2Fs/d", "postgresql://reader@%2Ftmp%2Fs/d"),
            (
                "host=/tmp user=u password=p dbname=d",
                "host=/tmp user=u password=p dbname=d user=reader password=''",
            ),
        ] {
            let replaced = with_user(url, "reader");
            assert_eq!(replaced, expected);
            let config: Config = replaced.parse().unwrap();
            assert_eq!((config.get_user(), config.get_dbname()), (Some("reader"), Some("d")));
            assert!(config.get_password().unwrap_or_default().is_empty());
        }
    }
}
