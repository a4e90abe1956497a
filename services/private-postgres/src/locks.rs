//! The two file locks by which processes agree on who starts and who stops the server.
//!
//! The kernel gives a lock back when its holder dies, so a `kill -9` never leaves one behind; for that reason nothing here may
//! ever depend on what is written in a lock file.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::Error;
use super::cluster::{START_LIMIT, STOP_LIMIT};

/// How often a lock held by another process is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// How much longer than the work under a lock we wait for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The right to start the server, or to find out that it runs. One process at a time.
#[derive(Debug)]
pub(super) struct StartLock {
    _lock: Flock<File>,
}

impl StartLock {
    /// Waits for its turn, as long as a start and a stop before it may take.
    pub(super) fn take(path: &Path) -> Result<Self, Error> {
        let limit = START_LIMIT + STOP_LIMIT + PATIENCE;
        Ok(Self { _lock: acquire(path, FlockArg::LockExclusiveNonblock, limit)? })
    }
}

/// A share in the server, or, made exclusive, the right to stop it.
#[derive(Debug)]
pub(super) struct Lease {
    lock: Flock<File>,
}

impl Lease {
    /// Takes a share; waits while somebody is stopping the server.
    pub(super) fn take(path: &Path) -> Result<Self, Error> {
        Ok(Self { lock: acquire(path, FlockArg::LockSharedNonblock, STOP_LIMIT + PATIENCE)? })
    }

    /// The exclusive lease, if nobody else has a share; without waiting. Of several that leave at the same moment
    /// exactly one gets it: giving up the share comes first, so the last to ask finds no other left.
    pub(super) fn into_exclusive(self) -> Option<Self> {
        match self.lock.relock(FlockArg::LockExclusiveNonblock) {
            Ok(()) => Some(self),
            Err(_) => None,
        }
    }
}

fn acquire(path: &Path, kind: FlockArg, limit: Duration) -> Result<Flock<File>, Error> {
    let mut options = OpenOptions::new();
    let mut file =
        options.create(true).append(true).mode(0o600).open(path).map_err(Error::io("open", path))?;
    let started = Instant::now();
    loop {
        file = match Flock::lock(file, kind) {
            Ok(lock) => return Ok(lock),
            Err((file, Errno::EWOULDBLOCK | Errno::EINTR)) if started.elapsed() < limit => file,
            Err((_, Errno::EWOULDBLOCK | Errno::EINTR)) => {
                return Err(Error::Locked { path: path.to_owned(), waited: limit });
            }
            Err((_, errno)) => return Err(Error::io("lock", path)(errno.into())),
        };
        thread::sleep(RETRY_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    //! Who may stop the server.
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use std::sync::Barrier;

    use super::*;

    #[test]
    fn of_holders_that_leave_together_exactly_one_may_stop() {
        const HOLDERS: usize = 16;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lease");
        let ready = Barrier::new(HOLDERS);
        let leave = || {
            let lease = Lease::take(&path).unwrap();
            ready.wait();
            let alone = lease.into_exclusive();
            // Whoever got it keeps it until all have asked.
            ready.wait();
            alone.is_some()
        };
        let alone = thread::scope(|scope| {
            let leaving: Vec<_> = (0..HOLDERS).map(|_| scope.spawn(leave)).collect();
            leaving.into_iter().map(|thread| thread.join().unwrap()).filter(|alone| *alone).count()
        });
        assert_eq!(alone, 1);
    }
}
