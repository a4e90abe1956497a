//! Who PostgreSQL's programs run as, and how they reach a folder that this account could not walk to.
//!
//! It must never run a server as root, widen the permissions of a folder outside the cluster, or hand the account a
//! capability.
//!
//! Started as root, we run the programs as `postgres` or `nobody`. The data dir is then often below a folder that only
//! root may enter (`/root`, a `mktemp -d` clone). Ways that were weighed:
//! - *ambient `CAP_DAC_OVERRIDE`*: every statement of the database could then read and write any file of the machine;
//! - *a cluster elsewhere with a link to it*: deleting or copying the data dir would no longer delete or copy the data;
//! - *opening up the folders above*: not ours to change.
//!
//! So we open the home folder as root and let the programs inherit the descriptor: `/proc/self/fd/9` leads into the
//! folder without a walk down from `/`, for the server and for every process it starts, and gives access to
//! nothing else. (The working directory would do the same, but up to version 15 PostgreSQL leaves and re-enters it by name.)
//! The same short name also frees the server's socket from the limit on the length of socket paths.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{User, geteuid};

use super::Error;

/// The descriptor of the home folder in PostgreSQL's processes, and its name there.
const INHERITED_HOME: &str = "/proc/self/fd/9";

/// Moves the home folder from standard input, where we pass it, to its descriptor, then becomes the program.
const INHERIT_HOME: &str = "exec 9<&0 </dev/null; exec \"$@\"";

/// Accounts to run as when we are root, the best first. `postgres` comes with the distribution's package.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// All that PostgreSQL's programs get of our environment: it may hold keys and tokens, and `PG*` would change defaults.
const KEPT_VARIABLES: [&str; 4] = ["PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

/// The account that owns the cluster and runs its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Account {
    /// Ourselves: the usual case.
    Own,
    /// We are root, and this is somebody else.
    Unprivileged {
        /// User id.
        uid: u32,
        /// Primary group id.
        gid: u32,
    },
}

impl Account {
    /// The account for the cluster in `home` (which exists). As root an existing owner stays the owner, so that a
    /// cluster goes on being readable when a `postgres` user appears later.
    pub(super) fn of(home: &Path) -> Result<Self, Error> {
        let owner = fs::metadata(home).map_err(Error::io("look at", home))?;
        let own_uid = geteuid().as_raw();
        match (own_uid, owner.uid()) {
            (0, 0) => Self::unprivileged(),
            (0, uid) => Ok(Self::Unprivileged { uid, gid: owner.gid() }),
            (own, uid) if own == uid => Ok(Self::Own),
            _ => Err(Error::ForeignFolder { path: home.to_owned() }),
        }
    }

    fn unprivileged() -> Result<Self, Error> {
        let user = UNPRIVILEGED.iter().find_map(|name| User::from_name(name).ok().flatten());
        let user = user.ok_or(Error::NoAccount)?;
        Ok(Self::Unprivileged { uid: user.uid.as_raw(), gid: user.gid.as_raw() })
    }

    /// User id of the account.
    pub(super) fn uid(self) -> u32 {
        match self {
            Self::Own => geteuid().as_raw(),
            Self::Unprivileged { uid, .. } => uid,
        }
    }

    /// Gives `path` to the account.
    pub(super) fn take_over(self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Own => Ok(()),
            Self::Unprivileged { uid, gid } => {
                chown(path, Some(uid), Some(gid)).map_err(Error::io("change the owner of", path))
            }
        }
    }

    /// How processes of the account must call a path inside of `home`; other paths keep their name.
    pub(super) fn name_of(self, home: &Path, path: &Path) -> PathBuf {
        match path.strip_prefix(home) {
            Ok(inside) if self.inherits_home() => Path::new(INHERITED_HOME).join(inside),
            Ok(_) | Err(_) => path.to_owned(),
        }
    }

    /// The path that [`Account::name_of`] gave a name to.
    pub(super) fn path_of(home: &Path, name: &Path) -> PathBuf {
        match name.strip_prefix(INHERITED_HOME) {
            Ok(inside) => home.join(inside),
            Err(_) => name.to_owned(),
        }
    }

    /// Only Linux has `/proc/self/fd`; elsewhere the account has to be able to walk to the data dir.
    fn inherits_home(self) -> bool {
        cfg!(target_os = "linux") && matches!(self, Self::Unprivileged { .. })
    }

    /// A command that runs `program` as the account, in a process group of its own (a Ctrl-C in the terminal is for us,
    /// not for the database), with a bare environment and messages in English.
    pub(super) fn command(self, home: &Path, program: &Path) -> Result<Command, Error> {
        let mut command = match self {
            Self::Unprivileged { .. } if self.inherits_home() => inheriting_home(home, program)?,
            Self::Own | Self::Unprivileged { .. } => plain(program),
        };
        if let Self::Unprivileged { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        let kept = KEPT_VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.current_dir("/").env_clear().envs(kept).env("LC_ALL", "C").process_group(0);
        Ok(command)
    }
}

fn plain(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

fn inheriting_home(home: &Path, program: &Path) -> Result<Command, Error> {
    let folder = File::open(home).map_err(Error::io("open", home))?;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", INHERIT_HOME, "sh"]).arg(program).stdin(Stdio::from(folder));
    Ok(command)
}
