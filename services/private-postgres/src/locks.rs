//! The two file locks by which processes agree on who starts and who stops the server.
//!
//! The kernel releases a lock when its holder dies, so a `kill -9` never leaves one behind. For that reason nothing here
//! may ever depend on the contents of a lock file.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::Error;
use crate::cluster::{START_LIMIT, STOP_LIMIT};

/// Pause between two attempts to get a lock.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// How much longer we wait for a lock than the work under it may take.
const GRACE: Duration = Duration::from_secs(60);

/// The exclusive right to start the server, or to find it running.
#[derive(Debug)]
pub(crate) struct StartLock {
    _lock: Flock<File>,
}

impl StartLock {
    /// Waits as long as a start and a stop by another process may take.
    pub(crate) fn acquire(path: &Path) -> Result<Self, Error> {
        let limit = START_LIMIT + STOP_LIMIT + GRACE;
        Ok(Self { _lock: acquire(path, FlockArg::LockExclusiveNonblock, limit)? })
    }
}

/// Shared by all users of the server; exclusive, the right to stop it.
#[derive(Debug)]
pub(crate) struct UsageLock {
    lock: Flock<File>,
}

impl UsageLock {
    /// Waits while another process stops the server.
    pub(crate) fn acquire_shared(path: &Path) -> Result<Self, Error> {
        Ok(Self { lock: acquire(path, FlockArg::LockSharedNonblock, STOP_LIMIT + GRACE)? })
    }

    /// Makes the lock exclusive, without waiting, if nobody else holds it; otherwise releases it. Of several users that
    /// leave at the same moment exactly one succeeds: each releases its shared lock first, so the last one to ask finds
    /// no other.
    pub(crate) fn into_exclusive(self) -> Option<Self> {
        self.lock.relock(FlockArg::LockExclusiveNonblock).is_ok().then_some(self)
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
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn exactly_one_of_several_users_that_leave_together_gets_the_exclusive_lock() {
        const USERS: usize = 16;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.lock");
        let ready = Barrier::new(USERS);
        let leave = || {
            let lock = UsageLock::acquire_shared(&path).unwrap();
            ready.wait();
            let exclusive = lock.into_exclusive();
            // The winner keeps the lock until all have asked.
            ready.wait();
            exclusive.is_some()
        };
        let winners = thread::scope(|scope| {
            let leaving: Vec<_> = (0..USERS).map(|_| scope.spawn(leave)).collect();
            leaving.into_iter().map(|thread| thread.join().unwrap()).filter(|won| *won).count()
        });
        assert_eq!(winners, 1);
    }
}
