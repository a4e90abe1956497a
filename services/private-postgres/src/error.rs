//! Errors of the private PostgreSQL server. Their texts say what to do.
//!
//! An error must never carry a database row or a statement, since its text ends up in logs.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The reason why the private server, or a PostgreSQL program, cannot be used.
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
    NotInstalled { searched: Vec<PathBuf> },

    /// No installed `pg_dump` can read the server.
    #[error(
        "the server is PostgreSQL {server}, but no pg_dump and pg_restore of that version or newer are installed \
         (found: {}); install the client programs of PostgreSQL {server}, or set DAYBOOK_POSTGRES_BIN to the folder \
         that holds them",
        if .installed.is_empty() { "none" } else { .installed }
    )]
    NoDumpPrograms {
        /// Major version of the server.
        server: u32,
        /// Installed major versions, separated by commas.
        installed: String,
    },

    /// The folder in `DAYBOOK_POSTGRES_BIN` lacks a program.
    #[error(
        "DAYBOOK_POSTGRES_BIN is `{}`, but there is no usable `{program}` in it; point it at the folder that holds \
         PostgreSQL's programs, or unset it to search the usual places",
        .dir.display()
    )]
    ProgramMissing {
        dir: PathBuf,
        /// The first missing program.
        program: &'static str,
    },

    /// The cluster was made by a major version that is not installed.
    #[error(
        "the data in `{}` was written by PostgreSQL {cluster}, but only version {installed} is installed; install \
         PostgreSQL {cluster}, or move the data with pg_upgrade",
        .server_dir.display()
    )]
    VersionMismatch {
        /// The server's folder.
        server_dir: PathBuf,
        /// Major version that wrote the data.
        cluster: u32,
        /// Installed major versions, separated by commas.
        installed: String,
    },

    /// This process runs as root, and there is no unprivileged account for PostgreSQL.
    #[error(
        "PostgreSQL cannot run as root, and this system has neither a user `postgres` nor a user `nobody`; start \
         daybook as an ordinary user, or set DATABASE_URL"
    )]
    NoAccount,

    /// A folder that must be private belongs to another account.
    #[error("`{}` belongs to another account; run daybook as that account, or choose another DAYBOOK_DATA_DIR", .path.display())]
    ForeignFolder { path: PathBuf },

    /// Another process held a lock for longer than any start or stop takes.
    #[error("another daybook process has held `{}` for {} s; look for one that hangs", .path.display(), .waited.as_secs())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The time after which we gave up.
        waited: Duration,
    },

    /// A PostgreSQL program failed or did not end in time.
    #[error("{program} failed ({outcome}): {output}")]
    ProgramFailed {
        /// Name of the program, and the action for `pg_ctl`.
        program: &'static str,
        /// Its exit status, or that it timed out.
        outcome: String,
        /// The end of its output; for a failed start also the fatal lines of the server's log.
        output: String,
    },

    /// The server runs but does not accept our connection.
    #[error("the private PostgreSQL in `{}` does not accept connections", .socket_dir.display())]
    Unreachable {
        socket_dir: PathBuf,
        /// Error of the last attempt.
        #[source]
        source: tokio_postgres::Error,
    },

    /// A file or folder could not be used.
    #[error("cannot {action} `{}`", .path.display())]
    Io {
        /// The failed action as a verb: `create`, `open`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Error of the operating system.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: turns an I/O error into [`Error::Io`].
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

fn list(folders: &[PathBuf]) -> String {
    let shown: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
    shown.join(", ")
}
