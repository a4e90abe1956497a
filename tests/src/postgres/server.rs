//! The server that the tests' databases are on: one for all test binaries of a user, or one that was named.
//!
//! It must never touch a database that the harness did not make.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use anyhow::{Context, ensure};
use daybook_private_postgres::{Options, PrivatePostgres};
use nix::unistd::geteuid;
use tokio::sync::OnceCell;
use tokio_postgres::{Config, NoTls};

use super::name::{DatabaseName, PREFIX};

/// Names a server to use instead of the private one; its user must be allowed to create databases.
const URL_VARIABLE: &str = "DAYBOOK_TEST_DATABASE_URL";

/// Found or started by the first test of the process.
static SHARED: OnceCell<Server> = OnceCell::const_new();

/// A server, and how to reach it.
#[derive(Debug)]
pub(super) struct Server {
    /// The database from which the others are made.
    config: Config,
    url: String,
    /// Kept until the process ends: a static is never dropped, so the server stops by its watcher.
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

    /// Drops the databases of processes that have ended. Only on the private server: the numbers in the names of
    /// another's databases may be of processes on another machine.
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
            // Another process may be sweeping the same one; what stays is swept the next time.
            client.batch_execute(&name.drop_statement()).await.ok();
        }
        Ok(())
    }

    /// How to connect to one of its databases.
    pub(super) fn config(&self, name: &DatabaseName) -> Config {
        let mut config = self.config.clone();
        config.dbname(name.to_string());
        config
    }

    /// The same as a URL.
    pub(super) fn url(&self, name: &DatabaseName) -> String {
        with_database(&self.url, name)
    }

    /// The same as another role, without a password. A server that was named has to trust it.
    pub(super) fn url_as(&self, name: &DatabaseName, role: &str) -> String {
        with_user(&self.url(name), role)
    }

    /// Runs one statement on a connection of its own: `CREATE DATABASE` takes no company.
    pub(super) async fn execute(&self, statement: &str) -> anyhow::Result<()> {
        let (client, connection) =
            self.config.connect(NoTls).await.context("connecting to the tests' server")?;
        tokio::spawn(connection);
        client.batch_execute(statement).await.with_context(|| format!("running `{statement}`"))
    }

    /// The same from where nothing can be awaited, inside a runtime or outside.
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
    own_folder(&dir)?;
    let mut postgres = PrivatePostgres::start(&dir, &Options::from_environment()).with_context(|| {
        format!(
            "starting the tests' PostgreSQL in {} (which may be deleted when no test runs)",
            dir.display()
        )
    })?;
    postgres.stop_with_process()?;
    Ok(postgres)
}

/// The name can be guessed and the temporary folder is open to all, so somebody else may have made it first.
fn own_folder(dir: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let found = fs::symlink_metadata(dir)?;
    let own = found.is_dir() && found.uid() == geteuid().as_raw();
    ensure!(own, "{} belongs to somebody else; set TMPDIR to a folder of your own", dir.display());
    Ok(())
}

/// `url` with another database: `postgresql://user@host:port/other?options`.
fn with_database(url: &str, name: &DatabaseName) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        // The form `host=… user=…`, in which the last word counts.
        return format!("{url} dbname={name}");
    };
    let (address, options) =
        rest.split_once('?').map_or((rest, String::new()), |(a, o)| (a, format!("?{o}")));
    let host = address.split_once('/').map_or(address, |(host, _)| host);
    format!("{scheme}://{host}/{name}{options}")
}

/// `url` with another user, and without a password.
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
    //! Rewriting the URL of a server.
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use super::*;

    #[test]
    fn the_database_of_a_url_is_replaced_and_its_options_stay() {
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
    fn the_user_of_a_url_is_replaced_and_the_password_is_gone() {
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
