//! Connections to the private server: their settings, the wait until it is ready, and the database it must have.
//!
//! This module must never know a schema or a table: those belong to the migrations.

use std::future::Future;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use crate::server_dir::PORT;
use crate::{DATABASE, Error, USER};

/// How long one attempt to connect may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Pause between two attempts to connect to a server that is starting.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// The database that every cluster has.
const MAINTENANCE_DATABASE: &str = "postgres";

/// Everything but the unreserved characters of a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Connection settings for `database` through the socket in `socket_dir`.
pub(crate) fn config(socket_dir: &Path, database: &str) -> Config {
    let mut config = Config::new();
    config.host_path(socket_dir).port(PORT).user(USER).dbname(database);
    config.application_name("daybook").connect_timeout(CONNECT_LIMIT);
    config
}

/// The same settings as a URL for libpq and compatible drivers.
pub(crate) fn url(socket_dir: &Path, database: &str) -> String {
    let socket_dir = socket_dir.to_string_lossy();
    let host = utf8_percent_encode(&socket_dir, RESERVED);
    format!("postgresql://{USER}@{host}:{PORT}/{database}")
}

/// A command line for a shell.
pub(crate) fn psql_command(socket_dir: &Path, user: &str, database: &str) -> String {
    format!("psql -h {} -U {user} {database}", shell_word(&socket_dir.to_string_lossy()))
}

fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Whether the server accepts connections now.
pub(crate) fn is_ready(socket_dir: &Path) -> bool {
    wait_until_ready(socket_dir, Duration::ZERO, || true).is_ok()
}

/// Tries to connect until the server accepts; gives up after `limit`, or once it is no longer `running`.
pub(crate) fn wait_until_ready(
    socket_dir: &Path,
    limit: Duration,
    running: impl Fn() -> bool,
) -> Result<(), Error> {
    let started = Instant::now();
    loop {
        let last = match block_on(connect(socket_dir))? {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        if started.elapsed() >= limit || !running() {
            return Err(Error::Unreachable { socket_dir: socket_dir.to_owned(), source: last });
        }
        thread::sleep(RETRY_PAUSE);
    }
}

/// Creates Daybook's database if it is missing. Call it with the start lock held.
pub(crate) fn ensure_database(socket_dir: &Path) -> Result<(), Error> {
    let unreachable = |source| Error::Unreachable { socket_dir: socket_dir.to_owned(), source };
    block_on(async {
        let client = connect(socket_dir).await?;
        if client.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&DATABASE]).await?.is_some() {
            return Ok(());
        }
        match client.batch_execute(&format!("CREATE DATABASE {DATABASE}")).await {
            Err(error) if error.code() == Some(&SqlState::DUPLICATE_DATABASE) => Ok(()),
            result => result,
        }
    })?
    .map_err(unreachable)
}

async fn connect(socket_dir: &Path) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config(socket_dir, MAINTENANCE_DATABASE).connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Runs `future` on its own thread, since the caller may be inside a runtime.
fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> Result<T, Error> {
    let run = || -> io::Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(future))
    };
    let result = thread::scope(|scope| match scope.spawn(run).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    });
    result.map_err(Error::io("start a runtime for", Path::new("the private PostgreSQL")))
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    #[test]
    fn the_url_leads_to_the_same_socket_as_the_config() {
        let folder = Path::new("/tmp/a b/socket");
        let parsed: Config = url(folder, DATABASE).parse().unwrap();
        assert_eq!(parsed.get_hosts(), [Host::Unix(folder.to_owned())]);
        assert_eq!(parsed.get_hosts(), config(folder, DATABASE).get_hosts());
        assert_eq!((parsed.get_user(), parsed.get_dbname()), (Some(USER), Some(DATABASE)));
    }

    #[test]
    fn the_psql_command_line_is_quoted_for_a_shell() {
        assert_eq!(
            psql_command(Path::new("/data/socket"), USER, DATABASE),
            "psql -h /data/socket -U daybook daybook"
        );
        assert_eq!(
            psql_command(Path::new("/it's"), USER, DATABASE),
            r"psql -h '/it'\''s' -U daybook daybook"
        );
    }
}
