//! The private PostgreSQL server, for installations that set no `DATABASE_URL` and for the tests.
//!
//! The server lives in `<data dir>/postgres` and listens on a Unix socket. All processes that use one data directory
//! share one server: the first one starts it, the last one stops it. If that last process is killed, a small watcher
//! process stops the server instead. The next start finds and uses a server that still runs.
//!
//! [`PrivatePostgres::start`] is the entry point: `installation` finds PostgreSQL's programs, `server_dir` prepares the
//! folder, `locks` coordinates the processes, `cluster` runs the server, `session` connects to it.
//!
//! This crate must never listen on the network, trade durability for speed, or let a statement or its values into the
//! server's log. Its functions block: call them before the runtime starts, or from `spawn_blocking`.

mod account;
mod cluster;
mod error;
mod installation;
mod locks;
mod postmaster;
mod program;
mod server_dir;
mod session;
mod settings;
mod watcher;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use self::account::KEPT_VARIABLES;
pub use self::error::Error;
pub use self::installation::{DumpPrograms, client_program};

use self::cluster::Cluster;
use self::locks::{StartLock, UsageLock};
use self::server_dir::ServerDir;
use self::watcher::Watcher;

/// The role that owns the cluster. It is a superuser there, since the cluster holds only Daybook's data.
pub(crate) const USER: &str = "daybook";

/// The database that holds Daybook's schemas.
pub(crate) const DATABASE: &str = "daybook";

/// The result of [`PrivatePostgres::stop`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopOutcome {
    /// This was the last user, and the server is down.
    Stopped,
    /// Another process, or another value in this one, still uses the server.
    StillInUse,
}

/// A running private server. When the last value of all processes is dropped, the server stops.
#[derive(Debug)]
pub struct PrivatePostgres {
    cluster: Cluster,
    socket_dir: PathBuf,
    usage_lock: Option<UsageLock>,
    watcher: Option<Watcher>,
}

impl PrivatePostgres {
    /// Makes sure that the server of `data_dir` runs, and creates its cluster and database on the first call. Blocks
    /// until the server accepts connections; all waits have a limit.
    ///
    /// PostgreSQL's programs are taken from the folder in `DAYBOOK_POSTGRES_BIN`; if it is unset or empty, from the
    /// usual places. The server also stops if this process is killed, unless the system has no `flock` command; then it
    /// stays up until the next start finds it.
    ///
    /// # Errors
    /// [`Error::NotInstalled`] and its siblings say what to install or set; the others name the file or program that
    /// failed.
    pub fn start(data_dir: &Path) -> Result<Self, Error> {
        let server_dir = ServerDir::prepare(data_dir)?;
        let _start_lock = StartLock::acquire(&server_dir.start_lock())?;
        let usage_lock = UsageLock::acquire_shared(&server_dir.usage_lock())?;
        let cluster = Cluster::open_or_create(server_dir)?;
        let socket_dir = cluster.server_dir().socket_dir()?;
        // From here on, an error drops this value, which stops a server that has just started.
        let mut server = Self { cluster, socket_dir, usage_lock: Some(usage_lock), watcher: None };
        server.bring_up()?;
        server.watcher = Some(Watcher::spawn(server.cluster.server_dir())?);
        Ok(server)
    }

    /// Restarts the server if it has died, for example because memory ran out; otherwise does nothing.
    ///
    /// # Errors
    /// As [`PrivatePostgres::start`].
    pub fn revive(&mut self) -> Result<(), Error> {
        let _start_lock = StartLock::acquire(&self.cluster.server_dir().start_lock())?;
        self.bring_up()
    }

    fn bring_up(&mut self) -> Result<(), Error> {
        self.socket_dir = self.cluster.ensure_running(&self.socket_dir)?;
        session::ensure_database(&self.socket_dir)
    }

    /// Connection settings of the `daybook` database.
    #[must_use]
    pub fn config(&self) -> tokio_postgres::Config {
        session::config(&self.socket_dir, DATABASE)
    }

    /// Connection settings of the `daybook` database as a `DATABASE_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        session::url(&self.socket_dir, DATABASE)
    }

    /// A `psql` command line for a person who wants to look into the database.
    #[must_use]
    pub fn connect_hint(&self) -> String {
        self.connect_hint_as(USER)
    }

    /// A `psql` command line that connects as `role`. No role needs a password: the socket is in a folder that only its
    /// owner can enter.
    #[must_use]
    pub fn connect_hint_as(&self, role: &str) -> String {
        session::psql_command(&self.socket_dir, role, DATABASE)
    }

    /// Stops the server and waits until it is down, unless others still use it. Dropping the value does the same, but
    /// only logs errors.
    ///
    /// # Errors
    /// [`Error::ProgramFailed`] when the server does not stop in time.
    pub fn stop(mut self) -> Result<StopOutcome, Error> {
        self.stop_if_last()
    }

    fn stop_if_last(&mut self) -> Result<StopOutcome, Error> {
        drop(self.watcher.take());
        let exclusive = self.usage_lock.take().and_then(UsageLock::into_exclusive);
        // Held to the end of this function, so that no process starts the server while it is stopping.
        let Some(_exclusive) = exclusive else { return Ok(StopOutcome::StillInUse) };
        self.cluster.stop()?;
        self.cluster.server_dir().remove_temporary_socket_dir(&self.socket_dir);
        Ok(StopOutcome::Stopped)
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if let Err(error) = self.stop_if_last() {
            tracing::warn!(%error, "could not stop the private PostgreSQL; the next start will find it running");
        }
    }
}
