//! What a writer expects of the end of a stream.

use std::fmt;

use super::position::Revision;

/// Where a stream has to end for an append to succeed. There is no "anywhere", which could not be idempotent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expected {
    /// The stream does not exist.
    NoStream,
    /// The stream's last event has this revision.
    Exact(Revision),
}

impl Expected {
    /// The expectation for a stream with this last revision.
    pub fn after(last: Option<Revision>) -> Self {
        last.map_or(Self::NoStream, Self::Exact)
    }

    /// The expected last revision, or `None` if the stream must not exist.
    pub const fn last(self) -> Option<Revision> {
        match self {
            Self::NoStream => None,
            Self::Exact(revision) => Some(revision),
        }
    }

    /// Revision of the first appended event.
    pub fn first_revision(self) -> Revision {
        self.last().map_or(Revision::FIRST, Revision::next)
    }

    /// Compares the expectation with the stream's last revision, for an append of this many events. Adapters
    /// that store streams themselves use this rule.
    pub fn check(self, events: usize, last: Option<Revision>) -> AppendCheck {
        if self.last() == last {
            return AppendCheck::AtEnd;
        }
        let end = self.first_revision().plus(events.saturating_sub(1) as u64);
        if last.is_some_and(|last| end <= last) { AppendCheck::MaybeRecorded } else { AppendCheck::Conflict }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStream => formatter.write_str("not to exist"),
            Self::Exact(revision) => write!(formatter, "to end at revision {revision}"),
        }
    }
}

/// Result of comparing an append with its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendCheck {
    /// The append continues the stream.
    AtEnd,
    /// The stream is longer. The append is already recorded if the events at its place have its ids;
    /// otherwise it conflicts.
    MaybeRecorded,
    /// The append neither continues the stream nor can already be recorded.
    Conflict,
}
