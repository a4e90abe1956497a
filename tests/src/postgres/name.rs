//! Names of the tests' databases. Each says which process made it, so that leftovers can be told from those in use.
//!
//! They must never need quoting in SQL.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use uuid::Uuid;

/// How all of them begin.
pub(super) const PREFIX: &str = "daybook_test_";

/// Distinguishes the databases of one process.
static MADE: AtomicU64 = AtomicU64::new(0);

/// The name of a database that the harness made, or may make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DatabaseName(String);

impl DatabaseName {
    /// A new name of this process.
    pub(super) fn next() -> Self {
        Self::of_process(std::process::id())
    }

    /// A new name as the process `pid` would make it. The random end keeps apart processes that had the same number.
    pub(super) fn of_process(pid: u32) -> Self {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        Self(format!("{PREFIX}{pid}_{number}_{}", Uuid::new_v4().simple()))
    }

    /// The name of an existing database, if the harness made it.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let ours = Self(name.to_owned());
        ours.pid().map(|_| ours)
    }

    fn pid(&self) -> Option<Pid> {
        let (pid, _) = self.0.strip_prefix(PREFIX)?.split_once('_')?;
        pid.parse().ok().map(Pid::from_raw)
    }

    /// Whether the process that made it has ended.
    pub(super) fn is_leftover(&self) -> bool {
        self.pid().is_some_and(|pid| kill(pid, None) == Err(Errno::ESRCH))
    }

    /// The statement that removes it, whoever is connected.
    pub(super) fn drop_statement(&self) -> String {
        format!("DROP DATABASE IF EXISTS {self} WITH (FORCE)")
    }
}

impl fmt::Display for DatabaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    //! Telling our names from those of others.
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

    use super::*;

    #[test]
    fn only_our_own_names_are_recognised() {
        let name = DatabaseName::next();
        assert_eq!(DatabaseName::parse(&name.to_string()), Some(name));
        for other in ["postgres", "daybook", "daybook_test_", "daybook_test_x_1_a"] {
            assert_eq!(DatabaseName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn names_fit_into_an_identifier() {
        const MAX_IDENTIFIER_BYTES: usize = 63;
        assert!(DatabaseName::of_process(u32::MAX).to_string().len() <= MAX_IDENTIFIER_BYTES);
    }
}
