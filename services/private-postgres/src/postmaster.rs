//! What `postmaster.pid` says, and whether it is still true.
//!
//! It must never take another process for the server: numbers of processes are given out again, in a container at once.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::account::Account;

/// Which line of the file holds the first folder of sockets, from 0.
const SOCKET_DIR_LINE: usize = 4;

/// The server that the file speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Postmaster {
    pid: i32,
    /// Folder of its socket; not yet known in the first moments of a start.
    pub(super) socket_dir: Option<PathBuf>,
}

impl Postmaster {
    /// Reads the file of `cluster`, if there is one that makes sense.
    pub(super) fn recorded(home: &Path, cluster: &Path) -> Option<Self> {
        Self::parse(home, &fs::read_to_string(pid_file(cluster)).ok()?)
    }

    fn parse(home: &Path, text: &str) -> Option<Self> {
        let lines: Vec<_> = text.lines().collect();
        // A negative number stands for a single-user backend.
        let pid = lines.first()?.trim().parse::<i32>().ok()?.checked_abs()?;
        let named = lines.get(SOCKET_DIR_LINE).filter(|line| !line.is_empty());
        let socket_dir = named.map(|line| Account::path_of(home, Path::new(line.trim_matches('"'))));
        Some(Self { pid, socket_dir })
    }

    /// Whether a process of this number runs, and is the server of `cluster`.
    pub(super) fn is_alive(&self, cluster: &Path) -> bool {
        let exists = !matches!(kill(Pid::from_raw(self.pid), None), Err(Errno::ESRCH));
        exists && self.works_in(cluster).unwrap_or(true)
    }

    /// A server always works in its data directory; a dead one nobody waited for works nowhere. `None` where there is no
    /// `/proc` to look at.
    fn works_in(&self, cluster: &Path) -> Option<bool> {
        if !Path::new("/proc/self/cwd").exists() {
            return None;
        }
        let (Ok(its), Ok(ours)) = (fs::metadata(format!("/proc/{}/cwd", self.pid)), fs::metadata(cluster))
        else {
            return Some(false);
        };
        Some((its.dev(), its.ino()) == (ours.dev(), ours.ino()))
    }

    /// The number of the process, for tests that kill it.
    #[cfg(test)]
    pub(super) fn pid(&self) -> Pid {
        Pid::from_raw(self.pid)
    }
}

/// The file in which a running server says who it is.
pub(super) fn pid_file(cluster: &Path) -> PathBuf {
    cluster.join("postmaster.pid")
}

#[cfg(test)]
mod tests {
    //! Reading the file, and seeing through a stale one.
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use super::*;

    #[test]
    fn the_socket_folder_is_named_by_our_own_path() {
        let text =
            "42\n/proc/self/fd/9/cluster\n1700000000\n5432\n/proc/self/fd/9/socket\n\n 1 2\nready   \n";
        let found = Postmaster::parse(Path::new("/data/postgres"), text).unwrap();
        assert_eq!(found, Postmaster { pid: 42, socket_dir: Some(PathBuf::from("/data/postgres/socket")) });
    }

    #[test]
    fn a_file_that_is_still_being_written_names_no_socket() {
        let found = Postmaster::parse(Path::new("/data"), "42\n/data/cluster\n").unwrap();
        assert_eq!(found.socket_dir, None);
        assert_eq!(Postmaster::parse(Path::new("/data"), ""), None);
    }

    #[test]
    fn a_process_that_only_has_the_number_is_not_the_server() {
        let cluster = tempfile::tempdir().unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        let reused = Postmaster { pid: own, socket_dir: None };
        assert_eq!(reused.is_alive(cluster.path()), !Path::new("/proc/self/cwd").exists());
    }
}
