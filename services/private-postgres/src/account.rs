//! The operating system account that PostgreSQL's programs run as, and their access to the server's folder.
//!
//! This module must never run a server as root, widen the permissions of a folder outside the server's own, or grant
//! the account a capability.
//!
//! PostgreSQL refuses to run as root, so root runs the programs as `postgres` or `nobody`. The data directory is then
//! often below a folder that only root can enter (`/root`, or a clone made in a `mktemp -d` folder). Rejected solutions:
//! - *ambient `CAP_DAC_OVERRIDE`*: every SQL statement could read and write any file of the machine;
//! - *a cluster elsewhere and a link to it*: deleting or copying the data directory would not delete or copy the data;
//! - *wider permissions on the folders above*: they are not ours to change.
//!
//! Instead, root opens the server's folder and the programs inherit the descriptor: `/proc/self/fd/9` leads into the
//! folder without a path walk from `/`, for the server and all its child processes, and gives access to nothing else.
//! (The working directory would do the same, but PostgreSQL up to version 15 leaves it and re-enters it by name.)
//! This short name also keeps socket paths within their length limit.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{User, geteuid};

use crate::Error;

/// Name of the server's folder in processes that inherit its descriptor.
const INHERITED_DIR: &str = "/proc/self/fd/9";

/// Moves the folder's descriptor from standard input to its number, then executes the program.
const INHERIT_DIR: &str = "exec 9<&0 </dev/null; exec \"$@\"";

/// Accounts to run as when we are root, in order of preference. Distribution packages create `postgres`.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// The only environment variables that PostgreSQL's programs get: others may hold secrets, and `PG*` changes defaults.
pub const KEPT_VARIABLES: [&str; 4] = ["PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

/// The account that owns the cluster and runs its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// The account of this process.
    Current,
    /// Another account, because this process runs as root.
    Unprivileged {
        uid: u32,
        /// Primary group id.
        gid: u32,
    },
}

impl Account {
    /// The account for an existing server folder. For root, the folder's owner stays the owner: a cluster made as
    /// `nobody` must stay readable after a `postgres` account appears.
    pub(crate) fn for_server_dir(dir: &Path) -> Result<Self, Error> {
        let owner = fs::metadata(dir).map_err(Error::io("read", dir))?;
        let own_uid = geteuid().as_raw();
        match (own_uid, owner.uid()) {
            (0, 0) => Self::unprivileged(),
            (0, uid) => Ok(Self::Unprivileged { uid, gid: owner.gid() }),
            (own, uid) if own == uid => Ok(Self::Current),
            _ => Err(Error::ForeignFolder { path: dir.to_owned() }),
        }
    }

    fn unprivileged() -> Result<Self, Error> {
        let user = UNPRIVILEGED.iter().find_map(|name| User::from_name(name).ok().flatten());
        let user = user.ok_or(Error::NoAccount)?;
        Ok(Self::Unprivileged { uid: user.uid.as_raw(), gid: user.gid.as_raw() })
    }

    pub(crate) fn uid(self) -> u32 {
        match self {
            Self::Current => geteuid().as_raw(),
            Self::Unprivileged { uid, .. } => uid,
        }
    }

    /// Makes the account the owner of `path`.
    pub(crate) fn chown(self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Current => Ok(()),
            Self::Unprivileged { uid, gid } => {
                chown(path, Some(uid), Some(gid)).map_err(Error::io("change the owner of", path))
            }
        }
    }

    /// The name of `path` in processes of the account. It differs from `path` only inside `server_dir`.
    pub(crate) fn inherited_path(self, server_dir: &Path, path: &Path) -> PathBuf {
        match path.strip_prefix(server_dir) {
            Ok(inside) if self.inherits_dir() => Path::new(INHERITED_DIR).join(inside),
            Ok(_) | Err(_) => path.to_owned(),
        }
    }

    /// The inverse of [`Account::inherited_path`].
    pub(crate) fn original_path(server_dir: &Path, inherited: &Path) -> PathBuf {
        match inherited.strip_prefix(INHERITED_DIR) {
            Ok(inside) => server_dir.join(inside),
            Err(_) => inherited.to_owned(),
        }
    }

    /// Only Linux has `/proc/self/fd`. On other systems the account needs access to the data directory by its path.
    fn inherits_dir(self) -> bool {
        cfg!(target_os = "linux") && matches!(self, Self::Unprivileged { .. })
    }

    /// A command that runs `program` as the account, with a minimal environment and English messages. It gets its own
    /// process group, since a Ctrl-C in the terminal is meant for Daybook and not for the database.
    pub(crate) fn command(self, server_dir: &Path, program: &Path) -> Result<Command, Error> {
        let mut command = if self.inherits_dir() {
            let dir = File::open(server_dir).map_err(Error::io("open", server_dir))?;
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", INHERIT_DIR, "sh"]).arg(program).stdin(dir);
            shell
        } else {
            let mut command = Command::new(program);
            command.stdin(Stdio::null());
            command
        };
        if let Self::Unprivileged { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        let kept = KEPT_VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.current_dir("/").env_clear().envs(kept).env("LC_ALL", "C").process_group(0);
        Ok(command)
    }
}
