//! The cluster itself: made once, started, found running, stopped.
//!
//! It must never delete or overwrite a cluster that has its final name, and never touch the pid file of a live server.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::installation::Binaries;
use super::postmaster::{Postmaster, pid_file};
use super::server_dir::{Home, socket_lock_file};
use super::{Error, Options, USER, program, session, settings};

/// How long making a new cluster may take on a slow disk.
const INITDB_LIMIT: Duration = Duration::from_secs(180);

/// How long a start may take; after a crash it replays up to `max_wal_size` of log.
pub(super) const START_LIMIT: Duration = Duration::from_secs(300);

/// How long a stop may take; it writes out all that is not yet on disk.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(120);

/// How much later than `pg_ctl` itself we give up on `pg_ctl`.
const PG_CTL_GRACE: Duration = Duration::from_secs(15);

/// How often a start is tried while processes of a killed server are still going down, and the pause between.
const START_ATTEMPTS: u32 = 60;
const START_PAUSE: Duration = Duration::from_millis(250);

/// What the server says when processes of its killed predecessor are not gone yet.
const PREDECESSOR_IS_GOING: &str = "is still in use";

/// A server log larger than this is put aside at a start; one older log is kept.
const MAX_LOG_BYTES: u64 = 16 * 1024 * 1024;

/// How many fatal lines of the server's log go into an error.
const MAX_FATAL_LINES: usize = 3;

/// A cluster that exists, and the programs that can run it.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    binaries: Binaries,
}

impl Cluster {
    /// Finds the programs that fit, and makes the cluster where there is none. Call it under the start lock.
    pub(super) fn find_or_create(home: &Home, options: &Options) -> Result<Self, Error> {
        let wanted = major_version(&home.cluster());
        let binaries = Binaries::find(options.binaries.as_deref(), home.path(), wanted)?;
        let cluster = Self { binaries };
        if wanted.is_none() {
            cluster.create(home)?;
        }
        Ok(cluster)
    }

    fn create(&self, home: &Home) -> Result<(), Error> {
        tracing::info!(folder = %home.path().display(), "making a private PostgreSQL");
        let unfinished = home.unfinished_cluster();
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(Error::io("remove", &unfinished))?;
        }
        let mut command = home.account().command(home.path(), &self.binaries.program("initdb"))?;
        command.arg("-D").arg(home.account().name_of(home.path(), &unfinished)).args(["-U", USER]);
        // Plain byte order: it never changes under an index when the operating system's locales do.
        command.args([
            "--encoding=UTF8",
            "--locale=C",
            "--data-checksums",
            "--auth-local=trust",
            "--auth-host=reject",
        ]);
        program::run("initdb", &mut command, &home.tool_output(), INITDB_LIMIT)?;
        include_our_settings(&unfinished)?;
        rename_durably(&unfinished, &home.cluster())
    }

    /// Makes sure that the server runs and answers; returns the folder of its socket, which is not `socket_dir` when an
    /// earlier process chose another. Call it under the start lock.
    pub(super) fn ensure_running(&self, home: &Home, socket_dir: &Path) -> Result<PathBuf, Error> {
        if let Some(found) = find_running(home)? {
            return Ok(found);
        }
        write_settings(home, socket_dir)?;
        put_aside_large_log(&home.server_log())?;
        self.start(home, socket_dir)?;
        session::wait_for_answer(socket_dir, START_LIMIT, || find_postmaster(home).is_some())?;
        tracing::info!(socket = %socket_dir.display(), "the private PostgreSQL runs");
        Ok(socket_dir.to_owned())
    }

    fn start(&self, home: &Home, socket_dir: &Path) -> Result<(), Error> {
        for _ in 1..START_ATTEMPTS {
            match self.start_once(home, socket_dir) {
                Err(Error::Tool { output, .. }) if output.contains(PREDECESSOR_IS_GOING) => {
                    thread::sleep(START_PAUSE)
                }
                result => return result,
            }
        }
        self.start_once(home, socket_dir)
    }

    fn start_once(&self, home: &Home, socket_dir: &Path) -> Result<(), Error> {
        clear_stale_lock_files(home, socket_dir)?;
        let log = home.server_log();
        let log_bytes = fs::metadata(&log).map_or(0, |log| log.len());
        let mut command = self.pg_ctl(home, "start", START_LIMIT)?;
        command.arg("-l").arg(home.account().name_of(home.path(), &log));
        let started =
            program::run("pg_ctl start", &mut command, &home.tool_output(), START_LIMIT + PG_CTL_GRACE);
        started.map_err(|error| with_fatal_lines(error, &log, log_bytes))
    }

    /// Stops the server if it runs, cutting off whoever is connected, and waits until it is down.
    pub(super) fn stop(&self, home: &Home) -> Result<(), Error> {
        if find_postmaster(home).is_none() {
            return Ok(());
        }
        let mut command = self.pg_ctl(home, "stop", STOP_LIMIT)?;
        command.args(["-m", "fast"]);
        program::run("pg_ctl stop", &mut command, &home.tool_output(), STOP_LIMIT + PG_CTL_GRACE)?;
        tracing::info!("the private PostgreSQL is stopped");
        Ok(())
    }

    /// `pg_ctl` puts the server into a session of its own, so that no signal of our terminal reaches it.
    fn pg_ctl(&self, home: &Home, action: &str, limit: Duration) -> Result<std::process::Command, Error> {
        let mut command = home.account().command(home.path(), &self.binaries.program("pg_ctl"))?;
        command.arg(action).arg("-D").arg(home.account().name_of(home.path(), &home.cluster()));
        command.args(["-w", "-t", &limit.as_secs().to_string()]);
        Ok(command)
    }
}

/// The version that a cluster was made by; `None` where there is no cluster.
fn major_version(cluster: &Path) -> Option<u32> {
    fs::read_to_string(cluster.join("PG_VERSION")).ok()?.trim().parse().ok()
}

fn find_postmaster(home: &Home) -> Option<Postmaster> {
    Postmaster::recorded(home.path(), &home.cluster())
        .filter(|postmaster| postmaster.is_alive(&home.cluster()))
}

/// The socket folder of a server that another process left running, or that is being started by none of us.
fn find_running(home: &Home) -> Result<Option<PathBuf>, Error> {
    let recorded = Postmaster::recorded(home.path(), &home.cluster());
    let Some(socket_dir) = recorded.and_then(|postmaster| postmaster.socket_dir) else { return Ok(None) };
    if session::answers(&socket_dir) {
        tracing::debug!(socket = %socket_dir.display(), "found the private PostgreSQL running");
        return Ok(Some(socket_dir));
    }
    if find_postmaster(home).is_none() {
        return Ok(None);
    }
    // It lives but is not ready: after a crash it replays its log first.
    match session::wait_for_answer(&socket_dir, START_LIMIT, || find_postmaster(home).is_some()) {
        Ok(()) => Ok(Some(socket_dir)),
        Err(Error::Unreachable { .. }) if find_postmaster(home).is_none() => Ok(None),
        Err(error) => Err(error),
    }
}

/// PostgreSQL clears its lock files (in the cluster and beside the socket) when the process they name is gone, but refuses
/// to start when another process, or a dead one nobody waited for, has the number. Both folders are this cluster's
/// alone and nobody else can be starting it, so we clear them; the shared memory still guards against a second server.
fn clear_stale_lock_files(home: &Home, socket_dir: &Path) -> Result<(), Error> {
    if find_postmaster(home).is_some() {
        return Ok(());
    }
    for file in [pid_file(&home.cluster()), socket_lock_file(socket_dir)] {
        match fs::remove_file(&file) {
            Ok(()) => {
                tracing::warn!(file = %file.display(), "removed: the private PostgreSQL had not stopped in order")
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("remove", &file)(error)),
        }
    }
    Ok(())
}

fn include_our_settings(cluster: &Path) -> Result<(), Error> {
    let path = cluster.join("postgresql.conf");
    let mut file = OpenOptions::new().append(true).open(&path).map_err(Error::io("open", &path))?;
    let name = settings::FILE_NAME;
    writeln!(file, "\ninclude_if_exists = '{name}'\n# Your own settings go below this line.")
        .map_err(Error::io("write", &path))?;
    file.sync_all().map_err(Error::io("write", &path))
}

fn write_settings(home: &Home, socket_dir: &Path) -> Result<(), Error> {
    let path = home.cluster().join(settings::FILE_NAME);
    let text = settings::text(&home.account().name_of(home.path(), socket_dir));
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true).mode(0o600);
    let written = options.open(&path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(Error::io("write", &path))?;
    home.account().take_over(&path)
}

fn rename_durably(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(Error::io("name", to))?;
    let Some(folder) = to.parent() else { return Ok(()) };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("write", folder))
}

fn put_aside_large_log(log: &Path) -> Result<(), Error> {
    match fs::metadata(log) {
        Ok(found) if found.len() > MAX_LOG_BYTES => {
            fs::rename(log, log.with_extension("log.1")).map_err(Error::io("rename", log))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("look at", log)(error)),
    }
}

/// `pg_ctl` only says that it failed; why is in the server's log.
fn with_fatal_lines(error: Error, log: &Path, from_byte: u64) -> Error {
    let Error::Tool { tool, outcome, output } = error else { return error };
    let bytes = fs::read(log).unwrap_or_default();
    let new = bytes.get(usize::try_from(from_byte).unwrap_or_default()..).unwrap_or_default();
    let text = String::from_utf8_lossy(new);
    let fatal: Vec<_> =
        text.lines().filter(|line| line.contains("FATAL:") || line.contains("PANIC:")).collect();
    let shown = fatal[fatal.len().saturating_sub(MAX_FATAL_LINES)..].join("\n");
    Error::Tool {
        tool,
        outcome,
        output: format!("{output}\n{shown}\n(the server's log is {})", log.display()),
    }
}
