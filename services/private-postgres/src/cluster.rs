//! The PostgreSQL cluster of a data directory: created once, then started and stopped.
//!
//! This module must never delete or overwrite a cluster that has its final name, and never touch the pid file of a
//! running server.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::installation::Installation;
use crate::postmaster::Postmaster;
use crate::server_dir::{ServerDir, socket_lock_file};
use crate::{Error, USER, program, session, settings};

/// How long the creation of a cluster may take on a slow disk.
const INITDB_LIMIT: Duration = Duration::from_secs(180);

/// How long a start may take. After a crash the server replays up to `max_wal_size` of its log.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(300);

/// How long a stop may take. The server writes all dirty pages to disk.
pub(crate) const STOP_LIMIT: Duration = Duration::from_secs(120);

/// How long a stop without a checkpoint may take: PostgreSQL kills a backend that does not end within 5 s.
const IMMEDIATE_STOP_LIMIT: Duration = Duration::from_secs(30);

/// How much later than `pg_ctl` itself we give up on `pg_ctl`.
const PG_CTL_GRACE: Duration = Duration::from_secs(15);

/// How many times, and with which pause, a start is retried while processes of a killed server are still ending.
const START_ATTEMPTS: u32 = 60;
const START_PAUSE: Duration = Duration::from_millis(250);

/// PostgreSQL's message while processes of a killed server are still ending.
const STILL_IN_USE: &str = "is still in use";

/// A server log larger than this is renamed at a start; one older log is kept.
const MAX_LOG_BYTES: u64 = 16 * 1024 * 1024;

/// How many fatal lines of the server's log go into an error.
const MAX_FATAL_LINES: usize = 3;

/// An existing cluster and the installation that runs it.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    server_dir: ServerDir,
    installation: Installation,
}

impl Cluster {
    /// Finds the matching installation, and creates the cluster if there is none. Call it with the start lock held.
    pub(crate) fn open_or_create(server_dir: ServerDir) -> Result<Self, Error> {
        let version = major_version(&server_dir.cluster_dir());
        let installation = Installation::for_cluster(server_dir.path(), version)?;
        let cluster = Self { server_dir, installation };
        if version.is_none() {
            cluster.create()?;
        }
        Ok(cluster)
    }

    pub(crate) fn server_dir(&self) -> &ServerDir {
        &self.server_dir
    }

    fn create(&self) -> Result<(), Error> {
        tracing::info!(folder = %self.server_dir.path().display(), "creating a private PostgreSQL");
        let unfinished = self.server_dir.unfinished_cluster_dir();
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(Error::io("remove", &unfinished))?;
        }
        let mut command = self.server_dir.command(&self.installation.program("initdb"))?;
        command.arg("-D").arg(self.server_dir.inherited_path(&unfinished)).args(["-U", USER]);
        // Byte order: unlike a locale's order, an update of the operating system cannot change it under an index.
        command.args(["--encoding=UTF8", "--locale=C", "--data-checksums"]);
        command.args(["--auth-local=trust", "--auth-host=reject"]);
        program::run("initdb", &mut command, &self.server_dir.program_output(), INITDB_LIMIT)?;
        include_settings(&unfinished)?;
        rename_durably(&unfinished, &self.server_dir.cluster_dir())
    }

    /// Makes sure that the server runs and accepts connections. Returns its socket folder, which differs from
    /// `socket_dir` if another process started the server with another one. Call it with the start lock held.
    pub(crate) fn ensure_running(&self, socket_dir: &Path) -> Result<PathBuf, Error> {
        if let Some(found) = self.find_running()? {
            return Ok(found);
        }
        self.write_settings(socket_dir)?;
        rename_large_log(&self.server_dir.server_log())?;
        self.start(socket_dir)?;
        session::wait_until_ready(socket_dir, START_LIMIT, || self.is_running())?;
        tracing::info!(socket = %socket_dir.display(), "the private PostgreSQL is running");
        Ok(socket_dir.to_owned())
    }

    fn is_running(&self) -> bool {
        Postmaster::running(&self.server_dir).is_some()
    }

    /// The socket folder of a server that already runs, or is still starting or recovering.
    fn find_running(&self) -> Result<Option<PathBuf>, Error> {
        let recorded = Postmaster::recorded(&self.server_dir);
        let Some(socket_dir) = recorded.and_then(|postmaster| postmaster.socket_dir) else { return Ok(None) };
        if session::is_ready(&socket_dir) {
            tracing::debug!(socket = %socket_dir.display(), "found the private PostgreSQL running");
            return Ok(Some(socket_dir));
        }
        if !self.is_running() {
            return Ok(None);
        }
        match session::wait_until_ready(&socket_dir, START_LIMIT, || self.is_running()) {
            Ok(()) => Ok(Some(socket_dir)),
            Err(Error::Unreachable { .. }) if !self.is_running() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn start(&self, socket_dir: &Path) -> Result<(), Error> {
        for _ in 1..START_ATTEMPTS {
            match self.start_once(socket_dir) {
                Err(Error::ProgramFailed { output, .. }) if output.contains(STILL_IN_USE) => {
                    thread::sleep(START_PAUSE)
                }
                result => return result,
            }
        }
        self.start_once(socket_dir)
    }

    fn start_once(&self, socket_dir: &Path) -> Result<(), Error> {
        self.remove_stale_lock_files(socket_dir)?;
        let log = self.server_dir.server_log();
        let log_bytes = fs::metadata(&log).map_or(0, |log| log.len());
        let mut command = self.pg_ctl("start", START_LIMIT)?;
        command.arg("-l").arg(self.server_dir.inherited_path(&log));
        let limit = START_LIMIT + PG_CTL_GRACE;
        program::run("pg_ctl start", &mut command, &self.server_dir.program_output(), limit)
            .map_err(|error| with_fatal_lines(error, &log, log_bytes))
    }

    /// Stops the server if it runs, closing its connections, and waits until it is down.
    pub(crate) fn stop(&self) -> Result<(), Error> {
        self.stop_within(STOP_LIMIT)
    }

    /// A backend that hangs keeps the server from stopping. After the limit the server is stopped without it, as in a crash:
    /// the next start replays PostgreSQL's log.
    pub(crate) fn stop_within(&self, limit: Duration) -> Result<(), Error> {
        if !self.is_running() {
            return Ok(());
        }
        if let Err(error) = self.stop_once("fast", limit) {
            tracing::warn!(%error, "the private PostgreSQL does not stop; ending its processes");
            self.stop_once("immediate", IMMEDIATE_STOP_LIMIT)?;
        }
        tracing::info!("the private PostgreSQL is stopped");
        Ok(())
    }

    fn stop_once(&self, mode: &str, limit: Duration) -> Result<(), Error> {
        let mut command = self.pg_ctl("stop", limit)?;
        command.args(["-m", mode]);
        let output = self.server_dir.program_output();
        program::run("pg_ctl stop", &mut command, &output, limit + PG_CTL_GRACE)
    }

    /// `pg_ctl` puts the server into its own session, out of reach of our terminal's signals.
    fn pg_ctl(&self, action: &str, limit: Duration) -> Result<Command, Error> {
        let mut command = self.server_dir.command(&self.installation.program("pg_ctl"))?;
        command.arg(action).arg("-D").arg(self.server_dir.inherited_path(&self.server_dir.cluster_dir()));
        command.args(["-w", "-t", &limit.as_secs().to_string()]);
        Ok(command)
    }

    /// PostgreSQL itself removes the lock files (in the cluster and beside the socket) of a dead process, but refuses to
    /// start when a zombie or an unrelated process has the recorded process id. Both folders belong to this cluster
    /// alone and we hold the start lock, so we may remove them. The shared memory still prevents a second server.
    fn remove_stale_lock_files(&self, socket_dir: &Path) -> Result<(), Error> {
        if self.is_running() {
            return Ok(());
        }
        for file in [self.server_dir.pid_file(), socket_lock_file(socket_dir)] {
            match fs::remove_file(&file) {
                Ok(()) => {
                    let file = file.display();
                    tracing::warn!(%file, "the private PostgreSQL did not stop cleanly; removed its lock file");
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io("remove", &file)(error)),
            }
        }
        Ok(())
    }

    fn write_settings(&self, socket_dir: &Path) -> Result<(), Error> {
        let path = self.server_dir.cluster_dir().join(settings::FILE_NAME);
        let text = settings::text(&self.server_dir.inherited_path(socket_dir));
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(true).mode(0o600);
        let written = options.open(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(Error::io("write", &path))?;
        self.server_dir.account().chown(&path)
    }
}

/// The major version that made a cluster; `None` if there is no cluster.
fn major_version(cluster_dir: &Path) -> Option<u32> {
    fs::read_to_string(cluster_dir.join("PG_VERSION")).ok()?.trim().parse().ok()
}

fn include_settings(cluster_dir: &Path) -> Result<(), Error> {
    let path = cluster_dir.join("postgresql.conf");
    let mut file = OpenOptions::new().append(true).open(&path).map_err(Error::io("open", &path))?;
    let name = settings::FILE_NAME;
    writeln!(file, "\ninclude_if_exists = '{name}'\n# Put your own settings below this line.")
        .and_then(|()| file.sync_all())
        .map_err(Error::io("write", &path))
}

fn rename_durably(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(Error::io("create", to))?;
    let Some(folder) = to.parent() else { return Ok(()) };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("write", folder))
}

fn rename_large_log(log: &Path) -> Result<(), Error> {
    match fs::metadata(log) {
        Ok(found) if found.len() > MAX_LOG_BYTES => {
            fs::rename(log, log.with_extension("log.1")).map_err(Error::io("rename", log))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("read", log)(error)),
    }
}

/// Adds the reason for a failed start: `pg_ctl` does not print it, but the server's log has it.
fn with_fatal_lines(error: Error, log: &Path, from_byte: u64) -> Error {
    let Error::ProgramFailed { program, outcome, output } = error else { return error };
    let bytes = fs::read(log).unwrap_or_default();
    let new = bytes.get(usize::try_from(from_byte).unwrap_or_default()..).unwrap_or_default();
    let text = String::from_utf8_lossy(new);
    let fatal: Vec<_> =
        text.lines().filter(|line| line.contains("FATAL:") || line.contains("PANIC:")).collect();
    let shown = fatal[fatal.len().saturating_sub(MAX_FATAL_LINES)..].join("\n");
    let output = format!("{output}\n{shown}\n(the server's log is {})", log.display());
    Error::ProgramFailed { program, outcome, output }
}
