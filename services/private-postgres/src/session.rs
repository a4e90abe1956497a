//! Talking to the private server: how to connect, whether it answers, and the database it must have.
//!
//! It must never know a schema or a table: what is in the database is the business of the migrations.

use std::future::Future;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use super::server_dir::PORT;
use super::{DATABASE, Error, USER};

/// How long one attempt to connect may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How often a server that is starting is asked again.
const ASK_PAUSE: Duration = Duration::from_millis(50);

/// The database that every cluster has.
const MAINTENANCE_DATABASE: &str = "postgres";

/// Everything but the unreserved characters of a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How to connect to `database` through the socket in `socket_dir`.
pub(super) fn config(socket_dir: &Path, database: &str) -> Config {
    let mut config = Config::new();
    config.host_path(socket_dir).port(PORT).user(USER).dbname(database);
    config.application_name("daybook").connect_timeout(CONNECT_LIMIT);
    config
}

/// The same as a URL that libpq and its relatives read.
pub(super) fn url(socket_dir: &Path, database: &str) -> String {
    let socket_dir = socket_dir.to_string_lossy();
    let host = utf8_percent_encode(&socket_dir, RESERVED);
    format!("postgresql://{USER}@{host}:{PORT}/{database}")
}

/// A command line for a shell.
pub(super) fn psql_command(socket_dir: &Path, user: &str, database: &str) -> String {
    format!("psql -h {} -U {user} {database}", shell_word(&socket_dir.to_string_lossy()))
}

fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Whether the server lets us in now.
pub(super) fn answers(socket_dir: &Path) -> bool {
    wait_for_answer(socket_dir, Duration::ZERO, || true).is_ok()
}

/// Asks until the server lets us in; gives up after `limit`, or as soon as it is no longer `alive`.
pub(super) fn wait_for_answer(
    socket_dir: &Path,
    limit: Duration,
    alive: impl Fn() -> bool,
) -> Result<(), Error> {
    let started = Instant::now();
    loop {
        let last = match block_on(connect(socket_dir))? {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        if started.elapsed() >= limit || !alive() {
            return Err(Error::Unreachable { socket_dir: socket_dir.to_owned(), source: last });
        }
        thread::sleep(ASK_PAUSE);
    }
}

/// Makes the database of Daybook where it is missing. Only one process at a time may call it.
pub(super) fn ensure_database(socket_dir: &Path) -> Result<(), Error> {
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

/// Connects and lets the connection live on the runtime of the caller.
async fn connect(socket_dir: &Path) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config(socket_dir, MAINTENANCE_DATABASE).connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Runs `future` to its end on a thread of its own: the caller may or may not be inside a runtime.
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
    //! What is handed to people and to other programs.
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

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
    fn the_psql_line_can_be_pasted() {
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
