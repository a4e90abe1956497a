//! Errors of the read side. One type serves every folder: the layers pass errors up unchanged, and callers match on the same
//! few variants wherever an error comes from. It uses the values of [`crate::control::ids`] only, no type of a later folder.
//!
//! No variant contains, or may print, the contents of a row or an event.

use daybook_event_log::codec::DecodeError;
use daybook_event_log::postgres::PostgresError;
use daybook_event_log::{Position, ReadError, RecordedEvent, Revision, StreamName};
use daybook_vault::VaultError;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{WasNull, WrongType};

use crate::control::ids::{BlockingKey, Epoch, FOLD_VERSION, Generation, GenerationState};

/// Why a view could not be updated, rebuilt, compared or read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the names of these fields say what they are")]
pub enum ViewError {
    /// PostgreSQL refused a statement or cannot be reached.
    #[error("the views' database failed")]
    Database(#[source] PostgresError),
    /// The log cannot be read.
    #[error("the event log could not be read")]
    Log(#[from] ReadError),
    /// The keys of patients' details cannot be read.
    #[error("patients' details could not be decrypted")]
    Vault(#[from] VaultError),
    /// An event cannot be applied.
    #[error(
        "the event at position {position} of {stream} ({kind}) cannot be applied; run `daybook events show {stream}` to see it"
    )]
    Event {
        position: Position,
        stream: StreamName,
        revision: Revision,
        kind: Box<str>,
        #[source]
        source: EventFault,
    },
    /// Only a kept generation can be promoted again.
    #[error("{generation} {}; run `daybook projection list` to see which generations are kept", describe_state(*state))]
    NotKept { generation: Generation, state: Option<GenerationState> },
    /// A generation that is being built or does not exist has no complete rows.
    #[error("{generation} {}; run `daybook projection list` to see which generations can be read", describe_rows(*state))]
    NoRows { generation: Generation, state: Option<GenerationState> },
    /// Two past generations of a view cannot have the same name.
    #[error(
        "{generation} already has the name {name}; choose another name, or drop it with `daybook projection drop {generation}`"
    )]
    NameTaken { name: Box<str>, generation: Generation },
    /// Only a generation that nobody reads can be dropped.
    #[error("{generation} {} and cannot be dropped", describe_state(*state))]
    NotToBeDropped { generation: Generation, state: Option<GenerationState> },
    /// No reservation has this id.
    #[error("neither {generation} nor the log has this reservation; check the id")]
    NoSuchReservation { generation: Generation },
    /// Only a complete generation can be compared.
    #[error("{generation} {}; run `daybook projection list` to see which can be compared", describe_state(*state))]
    NotComparable { generation: Generation, state: Option<GenerationState> },
    /// Digests of different fold versions cannot be compared.
    #[error(
        "{generation} was built with fold version {version}, but this release has version {FOLD_VERSION}; \
         run `daybook projection rebuild {}`", generation.model
    )]
    OtherRules { generation: Generation, version: u32 },
    /// Two generations can only be compared at one position, and these will never reach the same one.
    #[error(
        "{behind} stays at position {behind_at}, but {ahead} is already at {ahead_at}; \
         run `daybook projection rebuild {} --until {behind_at} --name NAME` to build a generation at the earlier position",
        ahead.model
    )]
    Apart { behind: Generation, behind_at: Position, ahead: Generation, ahead_at: Position },
    /// A table in `control` contains a value that this release does not write.
    #[error("the control tables contain {what} that this release does not know")]
    Control { what: &'static str },
    /// PostgreSQL returned a query plan in an unknown format.
    #[error("PostgreSQL's query plan has an unknown format; is the server newer than this release?")]
    Plan,
    /// A row does not have the format that its view writes.
    #[error("a row of {generation} has an unknown format; rebuild the view")]
    Row { generation: Generation },
    /// Another process moved the checkpoint after the batch was read.
    #[error("another process has advanced {generation}")]
    Overtaken { generation: Generation },
    /// Another process is the leader now. The batch in progress was not committed.
    #[error("another process has become the leader since epoch {epoch}")]
    Deposed { epoch: Epoch },
    /// Only one rebuild can run at a time.
    #[error("another rebuild is under way; wait for it to end")]
    RebuildUnderWay,
    /// A rebuilt view does not match the other view. The live generation was not replaced.
    #[error(
        "{0} differs from the other view and was not promoted; run `daybook projection verify` to see where"
    )]
    Differs(Generation),
    /// The view has no live generation.
    #[error("the {model} view has no live generation; run `daybook projection rebuild {model}`")]
    NotLive { model: daybook_domain::ReadModel },
    #[error("the {model} view is retired; run `daybook projection restore {model}` to bring it back")]
    Retired { model: daybook_domain::ReadModel },
    /// A view with parked events is incomplete and must not serve.
    #[error(
        "{generation} has {events} parked events and was not promoted; run `daybook projection parked list` to see them"
    )]
    Parked { generation: Generation, events: u64 },
    /// A kept generation may contain an event that was discarded after it was replaced.
    #[error(
        "{0} may contain an event that was discarded after it was replaced; run `daybook projection rebuild` instead"
    )]
    OlderThanDiscard(Generation),
    /// With this many failures, parking would leave most of the log out. The view stops instead.
    #[error(
        "more than {limit} events of {generation} cannot be applied; was the log written by a newer release, or are its keys missing?"
    )]
    TooManyParked { generation: Generation, limit: u64 },
    /// The event at this position is not parked, or only waits for another one.
    #[error(
        "the event at position {0} did not fail in any view; run `daybook projection parked list` to see which events did. If a view \
         took it with an earlier release and this one cannot read it, run `daybook projection rebuild` first, which stops at it"
    )]
    NotParked(Position),
    /// No parked event blocks this key.
    #[error("nothing is blocked under the name {0}; run `daybook projection parked list` to see what is")]
    NotBlocked(BlockingKey),
    /// An event that a live generation has applied, or has not reached yet, cannot be discarded.
    #[error(
        "the event at position {position} cannot be discarded: {generation} has applied it or has not reached it yet; \
         fix the cause, then run `daybook projection parked retry`"
    )]
    AlreadyApplied { position: Position, generation: Generation },
    /// PostgreSQL refuses to write a live generation; the others go on.
    #[error("{generation} cannot be written: {cause}; fix that, or run `daybook projection rebuild {}`", generation.model)]
    NotWritable { generation: Generation, cause: Box<str> },
    /// Code of this release panicked on an event. The panic's message is in the process's log.
    #[error("this release failed with a panic while it applied events")]
    Panicked,
    /// The server hangs, or cannot be reached.
    #[error("the views' database did not answer a read within {seconds} s")]
    Unanswered { seconds: u64 },
    /// A wait reached its time limit.
    #[error("waited {seconds} s for {what}")]
    TimedOut { what: &'static str, seconds: u64 },
}

/// Why an event cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum EventFault {
    /// Its payload or metadata cannot be decoded.
    #[error("it could not be decoded")]
    Decode(#[from] DecodeError),
    /// Its sealed part cannot be decrypted.
    #[error("its sealed part could not be decrypted")]
    Sealed(#[from] VaultError),
    /// Its decrypted part is not a patient's details.
    #[error("its sealed part does not contain a patient's details")]
    Details,
    /// PostgreSQL rejects a value of its row. The server's message is left out because it may quote the row.
    #[error("PostgreSQL rejects a value of its row (SQLSTATE {})", .0.code())]
    Refused(SqlState),
    /// A value that no view can hold. The code is the one with which PostgreSQL rejects it.
    #[error("{what}, which PostgreSQL rejects (SQLSTATE {})", .code.code())]
    Unstorable { what: &'static str, code: SqlState },
    /// The row that it changes cannot be read.
    #[error("the row that it changes has an unknown format")]
    Row,
    /// Code of this release panics on it.
    #[error("this release fails on it with a panic, which is a bug")]
    Panicked,
    /// The cause as recorded when it was parked.
    #[error("{0}")]
    Recorded(Box<str>),
}

impl EventFault {
    /// Whether the event itself is the cause, so that a retry would fail in the same way. A vault that cannot be reached is
    /// not the event's fault. Neither is a key that cannot be unwrapped: with a wrong master key that affects every event.
    pub(crate) const fn is_permanent(&self) -> bool {
        match self {
            Self::Decode(_)
            | Self::Details
            | Self::Refused(_)
            | Self::Unstorable { .. }
            | Self::Row
            | Self::Panicked
            | Self::Recorded(_) => true,
            Self::Sealed(VaultError::UnknownKey(_) | VaultError::NotAuthentic(_)) => true,
            Self::Sealed(
                VaultError::Store(_)
                | VaultError::Provider(_)
                | VaultError::NotFetched(_)
                | VaultError::Randomness(_)
                | VaultError::TooManyKeys { .. }
                | VaultError::Overloaded
                | VaultError::Shared(_),
            ) => false,
        }
    }
}

/// An error and its sources on one line.
pub fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

const fn describe_state(state: Option<GenerationState>) -> &'static str {
    match state {
        None => "does not exist",
        Some(GenerationState::Building) => "is being built",
        Some(GenerationState::Live) => "is live",
        Some(GenerationState::Failed) => "was never completed",
        Some(GenerationState::Past) => "is a past generation",
        Some(GenerationState::Kept) => "has lost its tables",
    }
}

const fn describe_rows(state: Option<GenerationState>) -> &'static str {
    match state {
        None => "does not exist",
        Some(GenerationState::Building) => "is being built",
        Some(GenerationState::Failed) => "was never completed",
        Some(GenerationState::Live | GenerationState::Kept | GenerationState::Past) => "has lost its tables",
    }
}

/// [`PostgresError`] drops the server's message, which may quote a row.
impl From<tokio_postgres::Error> for ViewError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// A pool without a connection means that the database cannot be reached.
impl From<deadpool_postgres::PoolError> for ViewError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        Self::Database(error.into())
    }
}

impl ViewError {
    /// The error for an event that cannot be applied.
    pub fn from_event(recorded: &RecordedEvent, fault: impl Into<EventFault>) -> Self {
        let RecordedEvent { position, stream, revision, event_type: kind, .. } = recorded;
        let (position, revision) = (*position, *revision);
        Self::Event {
            position,
            stream: stream.clone(),
            revision,
            kind: (**kind).into(),
            source: fault.into(),
        }
    }

    /// Whether a table or schema is missing: somebody dropped a view's tables by hand.
    pub fn is_missing_table(&self) -> bool {
        let missing = [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME];
        matches!(self, Self::Database(PostgresError::Refused { code, .. }) if missing.contains(code))
    }

    /// Whether an event is certainly the cause, so that a retry fails in the same way: PostgreSQL rejected a value (class 21,
    /// 22, 23 or 54), or code panicked.
    pub(crate) fn is_an_events(&self) -> bool {
        if let Self::Database(PostgresError::Refused { code, .. }) = self {
            return is_in_class(code, &["21", "22", "23", "54"]);
        }
        matches!(self, Self::Panicked)
    }

    /// The fault of an event whose application failed with this error, if it can be an event's fault at all. An outage
    /// never is, nor is somebody else's lock.
    pub(crate) fn as_fault(&self) -> Option<EventFault> {
        if let Self::Database(PostgresError::Refused { code, .. }) = self {
            let is_possible = !self.is_outage() && !self.is_lock_timeout();
            return is_possible.then(|| EventFault::Refused(code.clone()));
        }
        if matches!(self, Self::Row { .. }) {
            return Some(EventFault::Row);
        }
        matches!(self, Self::Panicked).then_some(EventFault::Panicked)
    }

    /// Whether writing one view can fail with this error while the other one can be written. If it was an outage, the other
    /// one fails as well.
    pub(crate) const fn may_be_one_views(&self) -> bool {
        matches!(
            self,
            Self::Database(_)
                | Self::Row { .. }
                | Self::Control { .. }
                | Self::TooManyParked { .. }
                | Self::Panicked
        )
    }

    /// Whether the whole database may be the cause: a connection, or the SQLSTATE classes 08 (connection), 25 (such as a
    /// read-only server), 53 and 58 (resources, system) and 57P (shutdown).
    pub(crate) fn is_outage(&self) -> bool {
        let Self::Database(error) = self else { return false };
        if let PostgresError::Refused { code, .. } = error {
            return is_in_class(code, &["08", "25", "53", "57P", "58"]);
        }
        !is_about_types(error)
    }

    /// Why a view cannot be written, and the SQLSTATE. Contains nothing of a row or an event.
    pub(crate) fn write_failure(&self) -> (String, Option<&SqlState>) {
        if let Self::Database(error) = self {
            if let PostgresError::Refused { code, message } = error {
                return (message.clone(), Some(code));
            }
            if is_about_types(error) {
                return ("a column does not have the type that this release created".to_owned(), None);
            }
        }
        (describe(self), None)
    }

    /// Whether a lock was not available within its timeout: somebody is reading the tables that were to change.
    pub fn is_lock_timeout(&self) -> bool {
        matches!(self, Self::Database(PostgresError::Refused { code, .. }) if *code == SqlState::LOCK_NOT_AVAILABLE)
    }

    /// Whether another transaction wrote the same rows at the same time: a retry succeeds.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Database(PostgresError::Refused { code, .. }) if is_in_class(code, &["40"]))
    }

    /// Whether the object belongs to another role, or is not the kind of object that Daybook creates.
    pub(crate) fn is_about_anothers(&self) -> bool {
        let anothers = [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::WRONG_OBJECT_TYPE];
        matches!(self, Self::Database(PostgresError::Refused { code, .. }) if anothers.contains(code))
    }

    /// Whether the cause is the view that was read, so that the other view may still answer: it is not live, contains a row
    /// that cannot be read, or PostgreSQL refused to read it. Failures that affect every view do not count: connections, and
    /// the SQLSTATE classes 08 (connection), 40 (rollback), 53 and 58 (resources, system) and 57P (shutdown).
    pub fn is_the_views_fault(&self) -> bool {
        if let Self::Database(PostgresError::Refused { code, .. }) = self {
            return !is_in_class(code, &["08", "40", "53", "57P", "58"]);
        }
        matches!(self, Self::NotLive { .. } | Self::Row { .. })
    }

    /// Whether the connection was lost and the statement was not refused: a read may be repeated.
    pub(crate) fn is_lost_connection(&self) -> bool {
        let Self::Database(error) = self else { return false };
        // 57P…: the server is shutting down, or ended the session.
        matches!(error, PostgresError::Connection(_))
            || matches!(error, PostgresError::Refused { code, .. } if code.code().starts_with("57P"))
    }
}

/// Whether a value was not converted to or from the type of its column. It never reached the server, or came from there.
fn is_about_types(error: &PostgresError) -> bool {
    let PostgresError::Connection(error) = error else { return false };
    std::error::Error::source(error).is_some_and(|source| source.is::<WrongType>() || source.is::<WasNull>())
}

fn is_in_class(code: &SqlState, classes: &[&str]) -> bool {
    classes.iter().any(|class| code.code().starts_with(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_read_is_the_views_fault_and_a_lost_server_is_not() {
        let refused = |code: &str| {
            let (code, message) = (SqlState::from_code(code), String::new());
            ViewError::Database(PostgresError::Refused { code, message }).is_the_views_fault()
        };
        assert!(["42P01", "42501", "57014", "22P02", "XX001"].into_iter().all(refused));
        assert!(!["57P01", "53300", "40001", "08006", "58030"].into_iter().any(refused));
        let generation = Generation { model: daybook_domain::ReadModel::Dynamic, number: 1 };
        assert!(ViewError::NotLive { model: generation.model }.is_the_views_fault());
        assert!(ViewError::Row { generation }.is_the_views_fault());
        assert!(!ViewError::Database(PostgresError::ReadOnly).is_the_views_fault());
    }

    #[test]
    fn a_lock_is_neither_an_outage_nor_an_events_fault() {
        let refused = |code: &str| {
            let (code, message) = (SqlState::from_code(code), String::new());
            ViewError::Database(PostgresError::Refused { code, message })
        };
        for code in ["53100", "57P01", "25006", "08006", "58030"] {
            assert!(refused(code).is_outage() && refused(code).as_fault().is_none(), "{code}");
        }
        for code in ["42P01", "40001", "23514", "P0001", "XX002"] {
            assert!(!refused(code).is_outage() && refused(code).as_fault().is_some(), "{code}");
        }
        assert!(!refused("55P03").is_outage() && refused("55P03").as_fault().is_none());
        assert!(ViewError::Database(PostgresError::ReadOnly).is_outage());
    }
}
