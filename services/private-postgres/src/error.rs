//! Everything that can go wrong with a private PostgreSQL, in words that say what to do about it.
//!
//! It must never carry a database row or a statement: its texts end up in logs.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why there is no private PostgreSQL. The text names the remedy where there is one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// None of the usual places holds a PostgreSQL server.
    #[error(
        "PostgreSQL's server programs (initdb, pg_ctl, postgres) were not found.\n\
         Do one of these:\n  \
         - install them: `apt-get install postgresql` (Debian, Ubuntu), `dnf install postgresql-server` (Fedora), \
         `apk add postgresql` (Alpine), `brew install postgresql` (macOS), or run `make postgres`;\n  \
         - set DAYBOOK_POSTGRES_BIN to the folder that holds them;\n  \
         - set DATABASE_URL to use a server that is already running.\n\
         Searched: {}",
        list(.searched)
    )]
    BinariesMissing {
        /// The folders that were looked into.
        searched: Vec<PathBuf>,
    },

    /// No `pg_dump` that fits the server is installed.
    #[error(
        "the server is PostgreSQL {server}, and there is no pg_dump and pg_restore of that version or a newer one here \
         (found of version: {}); install PostgreSQL {server}'s client programs, or set DAYBOOK_POSTGRES_BIN to the folder \
         that holds them",
        if .installed.is_empty() { "none" } else { .installed }
    )]
    DumpToolsMissing {
        /// Major version of the server.
        server: u32,
        /// Major versions that are installed, as a list to print.
        installed: String,
    },

    /// The folder that was named explicitly is not one of PostgreSQL's.
    #[error(
        "DAYBOOK_POSTGRES_BIN is `{}`, but there is no usable `{program}` in it; point it at the folder that holds \
         PostgreSQL's programs, or unset it to have the usual places searched",
        .dir.display()
    )]
    BinariesIncomplete {
        /// The folder as it was given.
        dir: PathBuf,
        /// The first program that is missing there.
        program: &'static str,
    },

    /// The cluster on disk was made by another major version than any that is installed.
    #[error(
        "the data in `{}` was written by PostgreSQL {cluster}, and only version {installed} is installed; install \
         PostgreSQL {cluster}, or move the data with pg_upgrade",
        .home.display()
    )]
    VersionMismatch {
        /// Folder of the cluster.
        home: PathBuf,
        /// Major version that wrote the data.
        cluster: u32,
        /// Major versions that are installed, as a list to print.
        installed: String,
    },

    /// We are root, and there is no unprivileged account to run PostgreSQL as.
    #[error(
        "PostgreSQL refuses to run as root, and there is neither a user `postgres` nor a user `nobody` to run it as; \
         start daybook as an ordinary user, or set DATABASE_URL"
    )]
    NoAccount,

    /// A folder that must be ours alone belongs to somebody else.
    #[error("`{}` belongs to another account; run daybook as that account, or choose another DAYBOOK_DATA_DIR", .path.display())]
    ForeignFolder {
        /// The folder in question.
        path: PathBuf,
    },

    /// Another process held a lock for longer than any start or stop may take.
    #[error("another daybook process has held `{}` for {} s; look for one that hangs", .path.display(), .waited.as_secs())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long we waited.
        waited: Duration,
    },

    /// One of PostgreSQL's programs failed, or did not end in time.
    #[error("{tool} failed ({outcome}): {output}")]
    Tool {
        /// Name of the program.
        tool: &'static str,
        /// Its exit status, or that it ran out of time.
        outcome: String,
        /// What it printed, and for a start the fatal lines of the server's log.
        output: String,
    },

    /// The server runs but does not let us in.
    #[error("the private PostgreSQL in `{}` does not answer", .socket_dir.display())]
    Unreachable {
        /// Folder of its socket.
        socket_dir: PathBuf,
        /// What the last attempt said.
        #[source]
        source: tokio_postgres::Error,
    },

    /// A file or folder could not be used.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// What was tried, as a verb: `create`, `open`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Makes the closure that `map_err` wants out of what was being done, and to which file.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

fn list(folders: &[PathBuf]) -> String {
    let shown: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
    shown.join(", ")
}
