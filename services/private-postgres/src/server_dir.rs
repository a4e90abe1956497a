//! The folder `<data dir>/postgres`: cluster, lock files, log and socket.
//!
//! The socket must never be in a folder that others may enter: the server accepts every connection to it.

use std::fs::{self, DirBuilder};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::Error;
use crate::account::Account;

/// Permissions of every folder made here: for its owner only.
const PRIVATE_MODE: u32 = 0o700;

/// The port has no meaning for a socket, but it is part of the socket's file name.
pub(crate) const PORT: u16 = 5432;

const SOCKET_NAME: &str = ".s.PGSQL.5432";

/// The longest path of a Unix socket that both Linux (107 bytes) and macOS (103 bytes) accept.
const MAX_SOCKET_PATH_BYTES: usize = 103;

/// How many bytes of a hash name a temporary socket folder.
const TEMPORARY_NAME_BYTES: usize = 8;

/// The server's folder and the account that owns it.
#[derive(Debug, Clone)]
pub(crate) struct ServerDir {
    data_dir: PathBuf,
    path: PathBuf,
    account: Account,
}

impl ServerDir {
    /// Creates missing folders and chooses the account that the server runs as.
    pub(crate) fn prepare(data_dir: &Path) -> Result<Self, Error> {
        make_private(data_dir)?;
        // Every spelling of the path must lead to the same lock files and the same socket.
        let data_dir = data_dir.canonicalize().map_err(Error::io("find", data_dir))?;
        let path = data_dir.join("postgres");
        make_private(&path)?;
        let account = Account::for_server_dir(&path)?;
        account.chown(&path)?;
        Ok(Self { data_dir, path, account })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn account(&self) -> Account {
        self.account
    }

    /// A command that runs `program` as the server's account.
    pub(crate) fn command(&self, program: &Path) -> Result<Command, Error> {
        self.account.command(&self.path, program)
    }

    /// The name of `path` in the server's processes.
    pub(crate) fn inherited_path(&self, path: &Path) -> PathBuf {
        self.account.inherited_path(&self.path, path)
    }

    /// PostgreSQL's data directory.
    pub(crate) fn cluster_dir(&self) -> PathBuf {
        self.path.join("cluster")
    }

    /// A new cluster is made here and renamed when it is complete.
    pub(crate) fn unfinished_cluster_dir(&self) -> PathBuf {
        self.path.join("cluster.unfinished")
    }

    /// The file in which a running server records its process id and socket.
    pub(crate) fn pid_file(&self) -> PathBuf {
        self.cluster_dir().join("postmaster.pid")
    }

    pub(crate) fn server_log(&self) -> PathBuf {
        self.path.join("server.log")
    }

    pub(crate) fn start_lock(&self) -> PathBuf {
        self.data_dir.join("postgres.start.lock")
    }

    pub(crate) fn usage_lock(&self) -> PathBuf {
        self.data_dir.join("postgres.lease")
    }

    /// Holds the output of the last `initdb` or `pg_ctl`.
    pub(crate) fn program_output(&self) -> PathBuf {
        self.data_dir.join("postgres.tools.log")
    }

    /// Creates the folder for the socket: in the server's folder, or a temporary one if that path is unusable.
    pub(crate) fn socket_dir(&self) -> Result<PathBuf, Error> {
        let inside = self.path.join("socket");
        let dir = if is_usable_socket_dir(&inside) { inside } else { self.temporary_socket_dir() };
        make_private(&dir)?;
        self.secure(&dir)?;
        Ok(dir)
    }

    fn temporary_socket_dir(&self) -> PathBuf {
        let digest = Sha256::digest(self.path.as_os_str().as_bytes());
        let name: String =
            digest.iter().take(TEMPORARY_NAME_BYTES).map(|byte| format!("{byte:02x}")).collect();
        let parent = match self.account {
            Account::Current => std::env::temp_dir(),
            // The account may be unable to enter root's own temporary folder.
            Account::Unprivileged { .. } => PathBuf::from("/tmp"),
        };
        parent.join(format!("daybook-{name}"))
    }

    /// Refuses a folder that somebody else made first, as its name can be guessed, and sets owner and permissions.
    fn secure(&self, dir: &Path) -> Result<(), Error> {
        let found = fs::symlink_metadata(dir).map_err(Error::io("read", dir))?;
        let own = [self.account.uid(), nix::unistd::geteuid().as_raw()].contains(&found.uid());
        if !found.is_dir() || !own {
            return Err(Error::ForeignFolder { path: dir.to_owned() });
        }
        fs::set_permissions(dir, fs::Permissions::from_mode(PRIVATE_MODE))
            .map_err(Error::io("change the permissions of", dir))?;
        self.account.chown(dir)
    }

    /// Removes `dir` if it is a temporary socket folder. A leftover does no harm.
    pub(crate) fn remove_temporary_socket_dir(&self, dir: &Path) {
        if !dir.starts_with(&self.path) && fs::remove_dir(dir).is_err() {
            tracing::debug!(dir = %dir.display(), "could not remove the temporary socket folder");
        }
    }
}

/// The file by which PostgreSQL servers reserve a socket.
pub(crate) fn socket_lock_file(socket_dir: &Path) -> PathBuf {
    socket_dir.join(format!("{SOCKET_NAME}.lock"))
}

/// A comma separates folders in PostgreSQL's settings and in libpq's `host`, and settings are text.
fn is_usable_socket_dir(dir: &Path) -> bool {
    let bytes = dir.as_os_str().len() + 1 + SOCKET_NAME.len();
    let plain = |text: &str| !text.contains([',', '"', '\n']);
    bytes <= MAX_SOCKET_PATH_BYTES && dir.to_str().is_some_and(plain)
}

fn make_private(dir: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(PRIVATE_MODE).create(dir).map_err(Error::io("create", dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_data_dir_gets_a_private_temporary_socket_folder() {
        let temporary = tempfile::tempdir().unwrap();
        let data_dir = temporary.path().join("x".repeat(MAX_SOCKET_PATH_BYTES));
        let server_dir = ServerDir::prepare(&data_dir).unwrap();
        let dir = server_dir.socket_dir().unwrap();
        assert!(is_usable_socket_dir(&dir), "{}", dir.display());
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, PRIVATE_MODE);
        assert_eq!(dir, server_dir.socket_dir().unwrap(), "the same data dir leads to the same folder");
        server_dir.remove_temporary_socket_dir(&dir);
        assert!(!dir.exists());
    }

    #[test]
    fn a_temporary_socket_folder_that_is_a_link_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let data_dir = temporary.path().join("y".repeat(MAX_SOCKET_PATH_BYTES));
        let server_dir = ServerDir::prepare(&data_dir).unwrap();
        let dir = server_dir.temporary_socket_dir();
        std::os::unix::fs::symlink(temporary.path(), &dir).unwrap();
        let refused = server_dir.socket_dir();
        fs::remove_file(&dir).unwrap();
        assert!(matches!(refused, Err(Error::ForeignFolder { .. })));
    }

    #[test]
    fn a_socket_path_must_not_contain_a_comma() {
        assert!(is_usable_socket_dir(Path::new("/data/socket")));
        assert!(!is_usable_socket_dir(Path::new("/a,b/socket")));
    }
}
