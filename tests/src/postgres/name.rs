//! Names of the tests' databases. Each holds the id of its process, so that leftovers can be recognised.
//!
//! A name must never need quoting in SQL.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use uuid::Uuid;

pub(super) const PREFIX: &str = "daybook_test_";

/// Number of the next database of this process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A database name of the harness's own form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DatabaseName(String);

impl DatabaseName {
    /// A new name for this process.
    pub(super) fn next() -> Self {
        Self::for_process(std::process::id())
    }

    /// A new name for the process `pid`. The random end keeps apart processes with the same id.
    pub(super) fn for_process(pid: u32) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(format!("{PREFIX}{pid}_{number}_{}", Uuid::new_v4().simple()))
    }

    /// Parses the name of an existing database; `None` if it is not the harness's.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let name = Self(name.to_owned());
        name.pid().map(|_| name)
    }

    fn pid(&self) -> Option<Pid> {
        let (pid, _) = self.0.strip_prefix(PREFIX)?.split_once('_')?;
        pid.parse().ok().map(Pid::from_raw)
    }

    /// Whether its process has ended.
    pub(super) fn is_leftover(&self) -> bool {
        self.pid().is_some_and(|pid| kill(pid, None) == Err(Errno::ESRCH))
    }

    /// The SQL statement that drops the database and ends its connections.
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
    use super::*;

    #[test]
    fn only_names_made_by_the_harness_are_recognised() {
        let name = DatabaseName::next();
        assert_eq!(DatabaseName::parse(&name.to_string()), Some(name));
        for other in ["postgres", "daybook", "daybook_test_", "daybook_test_x_1_a"] {
            assert_eq!(DatabaseName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn names_fit_into_an_identifier() {
        const MAX_IDENTIFIER_BYTES: usize = 63;
        assert!(DatabaseName::for_process(u32::MAX).to_string().len() <= MAX_IDENTIFIER_BYTES);
    }
}
