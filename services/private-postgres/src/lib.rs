//! A PostgreSQL of our own, for people who set no `DATABASE_URL`, and for the tests.
//!
//! It lives in `<data dir>/postgres`, listens on a Unix socket only, and is shared by every `daybook` process that uses
//! the data dir: the first starts it, the last to leave stops it. A server left behind by processes that were killed is
//! found and used again.
//!
//! It must never listen on the network, never trade durability for speed, and never write a statement or its values
//! into its log. Everything here blocks: call it before the runtime starts, or from `spawn_blocking`.

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

pub use self::error::Error;

use self::cluster::Cluster;
use self::installation::Binaries;
use self::locks::{Lease, StartLock};
use self::server_dir::Home;
use self::watcher::Watcher;

/// The role that owns the private cluster. It is a superuser there, as the cluster serves nobody else.
pub const USER: &str = "daybook";

/// The database that holds Daybook's schemas.
pub const DATABASE: &str = "daybook";

/// The environment variable that names the folder of PostgreSQL's binaries.
pub const BINARIES_VARIABLE: &str = "DAYBOOK_POSTGRES_BIN";

/// What may be chosen about a private PostgreSQL.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Folder that holds `initdb`, `pg_ctl` and `postgres`; without it the usual places are searched.
    pub binaries: Option<PathBuf>,
}

impl Options {
    /// Reads `DAYBOOK_POSTGRES_BIN`; an empty value counts as unset.
    #[must_use]
    pub fn from_environment() -> Self {
        let binaries =
            std::env::var_os(BINARIES_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self { binaries }
    }

    /// Path of another of PostgreSQL's programs, such as `psql`, from the folder of the server's.
    ///
    /// # Errors
    /// [`Error::BinariesMissing`] and its kin say what to install or set.
    pub fn program(&self, name: &'static str) -> Result<PathBuf, Error> {
        Binaries::find(self.binaries.as_deref(), Path::new(""), None)?.existing_program(name)
    }
}

/// The programs that dump and restore a database.
#[derive(Debug, Clone)]
pub struct DumpPrograms {
    /// Writes a dump.
    pub pg_dump: PathBuf,
    /// Reads one.
    pub pg_restore: PathBuf,
}

impl DumpPrograms {
    /// Finds those that fit a server of this major version, private or not, where the private one's programs are found.
    ///
    /// # Errors
    /// [`Error::DumpToolsMissing`], which says what to install or to set.
    pub fn find(options: &Options, server: u32) -> Result<Self, Error> {
        let found = Binaries::find_for_dumps(options.binaries.as_deref(), server)?;
        Ok(Self { pg_dump: found.program("pg_dump"), pg_restore: found.program("pg_restore") })
    }
}

/// What leaving a private PostgreSQL came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// We were the last, and the server is down.
    Stopped,
    /// Another process (or another value in this one) still uses the server.
    LeftRunning,
}

/// A share in a running private PostgreSQL. Dropping it gives the share back; the last one stops the server.
#[derive(Debug)]
pub struct PrivatePostgres {
    home: Home,
    cluster: Cluster,
    socket_dir: PathBuf,
    lease: Option<Lease>,
    watcher: Option<Watcher>,
}

impl PrivatePostgres {
    /// Makes sure that the server of `data_dir` runs, makes the cluster and the database where there are none yet, and
    /// takes a share in it. Blocks until the server answers; all waits are bounded.
    ///
    /// # Errors
    /// [`Error::BinariesMissing`] and its kin say what to install or set; the others name the file or the tool that failed.
    pub fn start(data_dir: &Path, options: &Options) -> Result<Self, Error> {
        let home = Home::prepare(data_dir)?;
        let _start_lock = StartLock::take(&home.start_lock())?;
        let lease = Lease::take(&home.lease())?;
        // From here on a failure must not leave a server without a holder: dropping the half-made value stops it.
        let cluster = Cluster::find_or_create(&home, options)?;
        let mut server =
            Self { socket_dir: home.socket_dir()?, home, cluster, lease: Some(lease), watcher: None };
        server.bring_up()?;
        Ok(server)
    }

    /// Starts the server again if it has died under us (out of memory, a `kill -9`); does nothing while it answers.
    ///
    /// # Errors
    /// As [`PrivatePostgres::start`].
    pub fn revive(&mut self) -> Result<(), Error> {
        let _start_lock = StartLock::take(&self.home.start_lock())?;
        self.bring_up()
    }

    fn bring_up(&mut self) -> Result<(), Error> {
        self.socket_dir = self.cluster.ensure_running(&self.home, &self.socket_dir)?;
        session::ensure_database(&self.socket_dir)
    }

    /// How to connect to the `daybook` database.
    #[must_use]
    pub fn config(&self) -> tokio_postgres::Config {
        session::config(&self.socket_dir, DATABASE)
    }

    /// The same as [`PrivatePostgres::config`] in the form of a `DATABASE_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        session::url(&self.socket_dir, DATABASE)
    }

    /// A command line that a person can paste to look into the database.
    #[must_use]
    pub fn connect_hint(&self) -> String {
        self.connect_hint_as(USER)
    }

    /// The same as another role. Whoever reaches the socket is let in as any: it lies in a folder of its owner's alone.
    #[must_use]
    pub fn connect_hint_as(&self, role: &str) -> String {
        session::psql_command(&self.socket_dir, role, DATABASE)
    }

    /// Has the server stopped when this process ends in whatever way, `kill -9` included, unless others still use it.
    ///
    /// For programs that have no orderly end of their own, as test binaries. Where there is no `flock` command the
    /// server stays up instead, and the next start finds it.
    ///
    /// # Errors
    /// [`Error::Io`] when the watching process cannot be started.
    pub fn stop_with_process(&mut self) -> Result<(), Error> {
        if self.watcher.is_none() {
            self.watcher = Some(Watcher::spawn(&self.home)?);
        }
        Ok(())
    }

    /// Gives the share back; the last holder stops the server and waits for it. Call it where an error should be seen:
    /// dropping the value does the same and only logs.
    ///
    /// # Errors
    /// [`Error::Tool`] when the server would not stop in time.
    pub fn stop(mut self) -> Result<Departure, Error> {
        self.leave()
    }

    fn leave(&mut self) -> Result<Departure, Error> {
        drop(self.watcher.take());
        let Some(lease) = self.lease.take() else { return Ok(Departure::LeftRunning) };
        let Some(_alone) = lease.into_exclusive() else { return Ok(Departure::LeftRunning) };
        // Held to the end of this function, so that nobody starts what is being stopped.
        self.cluster.stop(&self.home)?;
        self.home.remove_short_socket_dir(&self.socket_dir);
        Ok(Departure::Stopped)
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if let Err(error) = self.leave() {
            tracing::warn!(%error, "the private PostgreSQL could not be stopped; the next start will find it running");
        }
    }
}
