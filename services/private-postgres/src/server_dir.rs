//! Where things are: the folder of the cluster, its lock files, its socket.
//!
//! It must never put the socket into a folder that others may enter: whoever reaches the socket is let in.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Error;
use super::account::Account;

/// Permissions of every folder made here: its owner's alone.
const PRIVATE_MODE: u32 = 0o700;

/// The port has no meaning on a socket but is part of the socket's file name.
pub(super) const PORT: u16 = 5432;

/// Name of the socket in its folder.
const SOCKET_NAME: &str = ".s.PGSQL.5432";

/// The longest path of a Unix socket that both Linux (107 bytes) and macOS (103 bytes) take.
const MAX_SOCKET_PATH_BYTES: usize = 103;

/// How many bytes of the home's hash name a short socket folder.
const SHORT_NAME_BYTES: usize = 8;

/// The folder `<data dir>/postgres` and whose it is.
#[derive(Debug, Clone)]
pub(super) struct Home {
    data_dir: PathBuf,
    path: PathBuf,
    account: Account,
}

impl Home {
    /// Makes the folders where they are missing and settles who the server runs as.
    pub(super) fn prepare(data_dir: &Path) -> Result<Self, Error> {
        make_private(data_dir)?;
        // One name for one folder, however it was called: the lock files and the socket's name hang on it.
        let data_dir = data_dir.canonicalize().map_err(Error::io("find", data_dir))?;
        let path = data_dir.join("postgres");
        make_private(&path)?;
        let account = Account::of(&path)?;
        account.take_over(&path)?;
        Ok(Self { data_dir, path, account })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn account(&self) -> Account {
        self.account
    }

    /// PostgreSQL's own data directory.
    pub(super) fn cluster(&self) -> PathBuf {
        self.path.join("cluster")
    }

    /// Where a new cluster is made before it gets its name, so that a half-made one is never taken for a whole one.
    pub(super) fn unfinished_cluster(&self) -> PathBuf {
        self.path.join("cluster.unfinished")
    }

    pub(super) fn server_log(&self) -> PathBuf {
        self.path.join("server.log")
    }

    /// Held alone by whoever starts the server.
    pub(super) fn start_lock(&self) -> PathBuf {
        self.data_dir.join("postgres.start.lock")
    }

    /// Held together by all who use the server, and alone by whoever stops it.
    pub(super) fn lease(&self) -> PathBuf {
        self.data_dir.join("postgres.lease")
    }

    /// What PostgreSQL's tools printed the last time.
    pub(super) fn tool_output(&self) -> PathBuf {
        self.data_dir.join("postgres.tools.log")
    }

    /// The folder for the socket: inside the home, or a short one below the temporary folder where that path is too long.
    pub(super) fn socket_dir(&self) -> Result<PathBuf, Error> {
        let inside = self.path.join("socket");
        let dir = if is_usable_socket_dir(&inside) { inside } else { self.short_socket_dir() };
        make_private(&dir)?;
        self.claim(&dir)?;
        Ok(dir)
    }

    fn short_socket_dir(&self) -> PathBuf {
        let digest = Sha256::digest(self.path.as_os_str().as_bytes());
        let name: String = digest.iter().take(SHORT_NAME_BYTES).map(|byte| format!("{byte:02x}")).collect();
        let parent = match self.account {
            Account::Own => std::env::temp_dir(),
            // Root's own temporary folder may be closed to the account.
            Account::Unprivileged { .. } => PathBuf::from("/tmp"),
        };
        parent.join(format!("daybook-{name}"))
    }

    /// Makes sure that nobody else prepared the folder for us: its name can be guessed.
    fn claim(&self, dir: &Path) -> Result<(), Error> {
        let found = fs::symlink_metadata(dir).map_err(Error::io("look at", dir))?;
        let own = [self.account.uid(), nix::unistd::geteuid().as_raw()].contains(&found.uid());
        if !found.is_dir() || !own {
            return Err(Error::ForeignFolder { path: dir.to_owned() });
        }
        fs::set_permissions(dir, fs::Permissions::from_mode(PRIVATE_MODE))
            .map_err(Error::io("close", dir))?;
        self.account.take_over(dir)
    }

    /// Leaves no empty folder in `/tmp` when the server is down. That it cannot be removed does no harm.
    pub(super) fn remove_short_socket_dir(&self, dir: &Path) {
        if !dir.starts_with(&self.path) && fs::remove_dir(dir).is_err() {
            tracing::debug!(dir = %dir.display(), "the folder of the socket was left in place");
        }
    }
}

/// The file by which servers agree on who may listen in a folder.
pub(super) fn socket_lock_file(socket_dir: &Path) -> PathBuf {
    socket_dir.join(format!("{SOCKET_NAME}.lock"))
}

/// A comma separates folders in PostgreSQL's settings and in libpq's `host`, and settings are text.
fn is_usable_socket_dir(dir: &Path) -> bool {
    let bytes = dir.as_os_str().len() + 1 + SOCKET_NAME.len();
    let plain = |text: &str| !text.contains([',', '"', '\n']);
    bytes <= MAX_SOCKET_PATH_BYTES && OsStr::to_str(dir.as_os_str()).is_some_and(plain)
}

fn make_private(dir: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(PRIVATE_MODE).create(dir).map_err(Error::io("create", dir))
}

#[cfg(test)]
mod tests {
    //! The choice of the socket's folder.
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use super::*;

    #[test]
    fn a_long_data_dir_gets_a_short_socket_folder_that_is_private() {
        let temporary = tempfile::tempdir().unwrap();
        let home = Home::prepare(&temporary.path().join("x".repeat(MAX_SOCKET_PATH_BYTES))).unwrap();
        let dir = home.socket_dir().unwrap();
        assert!(is_usable_socket_dir(&dir), "{}", dir.display());
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, PRIVATE_MODE);
        assert_eq!(dir, home.socket_dir().unwrap(), "the same home leads to the same folder");
        home.remove_short_socket_dir(&dir);
        assert!(!dir.exists());
    }

    #[test]
    fn a_short_socket_folder_that_is_a_link_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let home = Home::prepare(&temporary.path().join("y".repeat(MAX_SOCKET_PATH_BYTES))).unwrap();
        let dir = home.short_socket_dir();
        std::os::unix::fs::symlink(temporary.path(), &dir).unwrap();
        let refused = home.socket_dir();
        fs::remove_file(&dir).unwrap();
        assert!(matches!(refused, Err(Error::ForeignFolder { .. })));
    }

    #[test]
    fn a_comma_in_the_path_is_no_good_for_a_socket() {
        assert!(is_usable_socket_dir(Path::new("/data/socket")));
        assert!(!is_usable_socket_dir(Path::new("/a,b/socket")));
    }
}
