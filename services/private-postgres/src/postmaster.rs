//! The server's main process, as recorded in `postmaster.pid`.
//!
//! This module must never take another process for the server: process ids are reused, in a container very soon.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::account::Account;
use crate::server_dir::ServerDir;

/// Index of the line that holds the first socket folder.
const SOCKET_DIR_LINE: usize = 4;

/// A process that was the server when the file was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Postmaster {
    pid: i32,
    /// Folder of its socket; unknown in the first moments of a start.
    pub(crate) socket_dir: Option<PathBuf>,
}

impl Postmaster {
    /// Reads the file; `None` if it is missing or malformed. The process may be dead.
    pub(crate) fn recorded(server_dir: &ServerDir) -> Option<Self> {
        Self::parse(server_dir.path(), &fs::read_to_string(server_dir.pid_file()).ok()?)
    }

    /// The recorded process, if it still runs as the server.
    pub(crate) fn running(server_dir: &ServerDir) -> Option<Self> {
        Self::recorded(server_dir).filter(|postmaster| postmaster.is_running(&server_dir.cluster_dir()))
    }

    fn parse(server_dir: &Path, text: &str) -> Option<Self> {
        let lines: Vec<_> = text.lines().collect();
        // A negative number stands for a single-user backend.
        let pid = lines.first()?.trim().parse::<i32>().ok()?.checked_abs()?;
        let named = lines.get(SOCKET_DIR_LINE).filter(|line| !line.is_empty());
        let socket_dir =
            named.map(|line| Account::original_path(server_dir, Path::new(line.trim_matches('"'))));
        Some(Self { pid, socket_dir })
    }

    fn is_running(&self, cluster_dir: &Path) -> bool {
        let exists = !matches!(kill(Pid::from_raw(self.pid), None), Err(Errno::ESRCH));
        exists && self.works_in(cluster_dir).unwrap_or(true)
    }

    /// A server always works in its data directory; a zombie has no working directory. `None` on systems without `/proc`.
    fn works_in(&self, cluster_dir: &Path) -> Option<bool> {
        if !Path::new("/proc/self/cwd").exists() {
            return None;
        }
        let (Ok(its), Ok(ours)) =
            (fs::metadata(format!("/proc/{}/cwd", self.pid)), fs::metadata(cluster_dir))
        else {
            return Some(false);
        };
        Some((its.dev(), its.ino()) == (ours.dev(), ours.ino()))
    }

    #[cfg(test)]
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_folder_is_mapped_back_to_its_original_path() {
        let text =
            "42\n/proc/self/fd/9/cluster\n1700000000\n5432\n/proc/self/fd/9/socket\n\n 1 2\nready   \n";
        let found = Postmaster::parse(Path::new("/data/postgres"), text).unwrap();
        assert_eq!(found, Postmaster { pid: 42, socket_dir: Some(PathBuf::from("/data/postgres/socket")) });
    }

    #[test]
    fn an_incomplete_file_names_no_socket() {
        let found = Postmaster::parse(Path::new("/data"), "42\n/data/cluster\n").unwrap();
        assert_eq!(found.socket_dir, None);
        assert_eq!(Postmaster::parse(Path::new("/data"), ""), None);
    }

    #[test]
    fn another_process_with_the_same_pid_is_not_the_server() {
        let cluster = tempfile::tempdir().unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        let reused = Postmaster { pid: own, socket_dir: None };
        assert_eq!(reused.is_running(cluster.path()), !Path::new("/proc/self/cwd").exists());
    }
}
