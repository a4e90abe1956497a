//! File descriptors: how many connections the process's limit allows.
//!
//! Each connection takes one. Without a bound, connections of strangers would leave none for the databases and files.

use std::num::NonZeroUsize;

use anyhow::{Context, ensure};
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// Descriptors that connections of clients never take: those of the databases, the log, files, and the runtime.
const RESERVED: rlim_t = 256;

/// Fewest descriptors that the service starts with.
const MIN_DESCRIPTORS: rlim_t = 512;

/// Raises the process's limit as far as it needs and may, and returns the number of connections that it allows.
///
/// The limit is not raised further than needed: programs that this process starts inherit it, and some of them touch every
/// descriptor that they could have.
///
/// # Errors
/// If the limit is too low, or cannot be read.
pub(crate) fn connections() -> anyhow::Result<NonZeroUsize> {
    let (soft, hard) =
        getrlimit(Resource::RLIMIT_NOFILE).context("the limit of open files cannot be read")?;
    let limit = hard.min(wanted()).max(soft);
    let limit = match setrlimit(Resource::RLIMIT_NOFILE, limit, hard) {
        Ok(()) => limit,
        Err(error) => {
            tracing::warn!(%error, soft, limit, "the limit of open files could not be raised");
            soft
        }
    };
    allowed(limit)
}

fn wanted() -> rlim_t {
    rlim_t::try_from(daybook_api::Settings::MAX_CONNECTIONS.get()).unwrap_or(rlim_t::MAX) + RESERVED
}

fn allowed(limit: rlim_t) -> anyhow::Result<NonZeroUsize> {
    ensure!(
        limit >= MIN_DESCRIPTORS,
        "this process may open {limit} files, and the service needs {MIN_DESCRIPTORS}; raise the limit (`ulimit -n`, \
         LimitNOFILE of systemd, nofile of Docker), to 4096 or more if you can"
    );
    let connections = usize::try_from(limit.min(wanted()) - RESERVED)?;
    NonZeroUsize::new(connections).context("no file descriptor is left for connections")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn databases_and_files_keep_their_share_of_the_descriptors() {
        for (limit, connections) in [(512, 256), (1024, 768), (1 << 20, 10_000), (rlim_t::MAX, 10_000)] {
            assert_eq!(allowed(limit).unwrap().get(), connections, "{limit}");
        }
        let refused = allowed(511).unwrap_err().to_string();
        assert!(refused.contains("may open 511 files") && refused.contains("ulimit -n"), "{refused}");
    }
}
