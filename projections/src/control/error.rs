//! What can go wrong on the read side. No variant holds, or may show, what a row or an event says.

use daybook_event_log::codec::DecodeError;
use daybook_event_log::postgres::PostgresError;
use daybook_event_log::vault::VaultError;
use daybook_event_log::{Position, ReadError, RecordedEvent, Revision, StreamName};
use tokio_postgres::error::SqlState;

use crate::control::generation::{Generation, GenerationState};
use crate::control::leader::Epoch;
use crate::projection::canonical::FOLD_VERSION;

/// Why a view could not be kept up, rebuilt, compared or read.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// PostgreSQL refused or could not be reached.
    #[error("the views' database failed")]
    Database(#[source] PostgresError),
    /// The log could not be read.
    #[error("the event log could not be read")]
    Log(#[from] ReadError),
    /// The keys of patients' details could not be read.
    #[error("patients' details could not be opened")]
    Vault(#[from] VaultError),
    /// An event cannot be taken in.
    #[error(
        "the event at position {position} of {stream} ({kind}) cannot be taken in; `daybook events show {stream}` shows it"
    )]
    Event {
        /// Which event.
        position: Position,
        /// The stream it belongs to.
        stream: StreamName,
        /// Its place in it.
        revision: Revision,
        /// Its type as it is stored.
        kind: Box<str>,
        /// Why.
        #[source]
        source: EventFault,
    },
    /// Only a generation that served once and was kept can be promoted again.
    #[error("{generation} {}; `daybook projection list` shows which generations are kept", describe_state(*state))]
    NotKept {
        /// Which generation.
        generation: Generation,
        /// What it is, where there is such a one.
        state: Option<GenerationState>,
    },
    /// A generation that is being built, or that is not there, holds no view to look into.
    #[error("{generation} {}; `daybook projection list` shows which generations hold a view", describe_rows(*state))]
    NoRows {
        /// Which generation.
        generation: Generation,
        /// What it is, where there is such a one.
        state: Option<GenerationState>,
    },
    /// A generation of the past needs a name of its own.
    #[error(
        "{generation} is named {name} already; choose another name, or drop it by `daybook projection drop {generation}`"
    )]
    NameTaken {
        /// The name.
        name: Box<str>,
        /// Which generation has it.
        generation: Generation,
    },
    /// Only a generation that nobody reads can be dropped.
    #[error("{generation} {} and cannot be dropped", describe_state(*state))]
    NotToBeDropped {
        /// Which generation.
        generation: Generation,
        /// What it is, where there is such a one.
        state: Option<GenerationState>,
    },
    /// Nobody knows a reservation of this id.
    #[error("neither {generation} nor the log has this reservation; check the id")]
    NoSuchReservation {
        /// In which generation it was looked for.
        generation: Generation,
    },
    /// Only a generation that is whole can be compared.
    #[error("{generation} {}; `daybook projection list` shows which can be compared", describe_state(*state))]
    NotComparable {
        /// Which generation.
        generation: Generation,
        /// What it is, where there is such a one.
        state: Option<GenerationState>,
    },
    /// Rows that other rules have made say nothing about those of this release.
    #[error(
        "{generation} was built by version {version} of the rules, this release compares by {FOLD_VERSION}; \
         `daybook projection rebuild {}` builds the view anew", generation.model
    )]
    OtherRules {
        /// Which generation.
        generation: Generation,
        /// The version by which it was built.
        version: u32,
    },
    /// Two generations can only be compared at one position, and these never meet.
    #[error(
        "{behind} stays at position {behind_at}, {ahead} is at {ahead_at} already; \
         `daybook projection rebuild {} --until {behind_at} --name NAME` builds what it held there, to compare with",
        ahead.model
    )]
    Apart {
        /// The generation that stays.
        behind: Generation,
        /// Where.
        behind_at: Position,
        /// The one that is further.
        ahead: Generation,
        /// Where.
        ahead_at: Position,
    },
    /// `control` holds something that Daybook does not write.
    #[error("the control tables hold {what} that this release does not know")]
    Control {
        /// What.
        what: &'static str,
    },
    /// PostgreSQL explains a query in a form that is not known.
    #[error("this release does not understand how PostgreSQL explains a query; is its version newer?")]
    Plan,
    /// A row does not have the form that its view writes.
    #[error("a row of {generation} does not have its form: rebuild the view")]
    Row {
        /// Which generation.
        generation: Generation,
    },
    /// Another process moved the checkpoint since the batch was read.
    #[error("another process has moved {generation} on")]
    Overtaken {
        /// Which generation.
        generation: Generation,
    },
    /// Another process leads by now: whatever was under way was not committed.
    #[error("another process has taken the views over since epoch {epoch}")]
    Deposed {
        /// The epoch of the former leader.
        epoch: Epoch,
    },
    /// Another rebuild is under way.
    #[error("another rebuild is under way; wait for it to end")]
    RebuildUnderWay,
    /// What was rebuilt does not agree with the other view; the live one was left alone.
    #[error("{0} differs from the other view and was not promoted; `daybook projection verify` shows where")]
    Differs(Generation),
    /// A view that was asked for does not serve.
    #[error("the {model} view has no live generation; run `daybook projection rebuild {model}`")]
    NotLive {
        /// Which view.
        model: daybook_domain::ReadModel,
    },
    /// A view that was asked for is retired.
    #[error("the {model} view is retired; `daybook projection restore {model}` brings it back")]
    Retired {
        /// Which view.
        model: daybook_domain::ReadModel,
    },
    /// A view that leaves something out must not serve.
    #[error(
        "{generation} has {events} parked events and was not promoted; `daybook projection parked list` shows them"
    )]
    Parked {
        /// Which generation.
        generation: Generation,
        /// How many events, with those that wait behind others.
        events: u64,
    },
    /// A kept generation may hold what was left out of all others since.
    #[error(
        "{0} was kept when an event that it may hold was discarded; run `daybook projection rebuild` instead"
    )]
    OlderThanDiscard(Generation),
    /// So much cannot be taken in that it is not left out: the view stands still.
    #[error(
        "more than {limit} events of {generation} cannot be taken in; was the log written by a newer release, or are its keys gone?",
        limit = crate::live::parked::MAX_PARKED
    )]
    TooManyParked {
        /// Which generation.
        generation: Generation,
    },
    /// There is no such parked event, or it only waits behind another.
    #[error(
        "no view failed to take in the event at position {0}; `daybook projection parked list` shows which ones did"
    )]
    NotParked(Position),
    /// Nothing of this name is held up.
    #[error("nothing is held up under the name {0}; `daybook projection parked list` shows what is")]
    NotHeldUp(crate::live::parked::BlockingKey),
    /// An event that serves already is not left out.
    #[error(
        "{generation} has taken the event at position {position} in, or has still to come to it, so it is not discarded; mend its \
         cause, then run `daybook projection parked retry`"
    )]
    TakenIn {
        /// Which event.
        position: Position,
        /// Which live generation.
        generation: Generation,
    },
    /// A wait ended before what was waited for.
    #[error("waited {seconds} s for {what}")]
    TimedOut {
        /// For what.
        what: &'static str,
        /// How long.
        seconds: u64,
    },
}

/// Why an event cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub enum EventFault {
    /// It could not be understood.
    #[error("it could not be understood")]
    Decode(#[from] DecodeError),
    /// What is sealed in it could not be opened.
    #[error("what is sealed in it could not be opened")]
    Sealed(#[from] VaultError),
    /// What was opened does not hold a patient's details.
    #[error("what is sealed in it does not hold a patient's details")]
    Details,
    /// PostgreSQL does not take the row that it makes. The server's own words are left out: they may quote the row.
    #[error("PostgreSQL refuses what it makes of a row (SQLSTATE {})", .0.code())]
    Refused(SqlState),
}

impl EventFault {
    /// Whether it is the event's own fault, so that another attempt would end the same. A vault that cannot be reached is
    /// none, and neither is a key that does not unwrap: with a wrong master key that would be all of them.
    pub(crate) const fn is_the_events(&self) -> bool {
        match self {
            Self::Decode(_) | Self::Details | Self::Refused(_) => true,
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

const fn describe_state(state: Option<GenerationState>) -> &'static str {
    match state {
        None => "does not exist",
        Some(GenerationState::Building) => "is being built",
        Some(GenerationState::Live) => "serves",
        Some(GenerationState::Failed) => "was never built to its end",
        Some(GenerationState::Past) => "holds only the past",
        Some(GenerationState::Kept) => "has lost its tables",
    }
}

const fn describe_rows(state: Option<GenerationState>) -> &'static str {
    match state {
        None | Some(GenerationState::Building | GenerationState::Failed) => describe_state(state),
        Some(GenerationState::Live | GenerationState::Kept | GenerationState::Past) => "has lost its tables",
    }
}

/// The server's own words may quote a row; [`PostgresError`] leaves those out.
impl From<tokio_postgres::Error> for ViewError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// A pool that gives no connection is a database that cannot be reached.
impl From<deadpool_postgres::PoolError> for ViewError {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        Self::Database(error.into())
    }
}

impl ViewError {
    /// An event cannot be taken in.
    pub fn of_event(recorded: &RecordedEvent, fault: impl Into<EventFault>) -> Self {
        let RecordedEvent { position, stream, revision, kind, .. } = recorded;
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

    /// The code with which PostgreSQL did not take a value: class 22 (data exception) or 23 (integrity constraint). Those
    /// are what an event can be to blame for.
    pub(crate) fn refused_value(&self) -> Option<&SqlState> {
        let Self::Database(PostgresError::Refused { code, .. }) = self else { return None };
        ["22", "23"].iter().any(|class| code.code().starts_with(class)).then_some(code)
    }

    /// Whether a lock was not to be had within the time that was allowed for it: somebody reads what is to be changed.
    pub fn is_lock_timeout(&self) -> bool {
        matches!(self, Self::Database(PostgresError::Refused { code, .. }) if *code == SqlState::LOCK_NOT_AVAILABLE)
    }

    /// Whether PostgreSQL refused because something belongs to somebody else, or is of another kind than what Daybook makes.
    pub(crate) fn is_about_anothers(&self) -> bool {
        let anothers = [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::WRONG_OBJECT_TYPE];
        matches!(self, Self::Database(PostgresError::Refused { code, .. }) if anothers.contains(code))
    }

    /// Whether the view that was read is to blame, and another one may do better: it does not serve, holds what cannot be
    /// read, or PostgreSQL refused to read it. Not where all views stand still: connections, and the classes 08 (connection),
    /// 40 (rolled back for another's sake), 53 and 58 (no resources, the system failed) and 57P (shutting down).
    pub fn is_the_views_fault(&self) -> bool {
        if let Self::Database(PostgresError::Refused { code, .. }) = self {
            return !["08", "40", "53", "57P", "58"].iter().any(|class| code.code().starts_with(class));
        }
        matches!(self, Self::NotLive { .. } | Self::Row { .. })
    }

    /// Whether the connection was lost, rather than the statement refused: a read may be tried again.
    pub(crate) fn is_lost_connection(&self) -> bool {
        let Self::Database(error) = self else { return false };
        // 57P…: the server is shutting down, or was told to end the session.
        matches!(error, PostgresError::Connection(_))
            || matches!(error, PostgresError::Refused { code, .. } if code.code().starts_with("57P"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_to_blame_for_what_is_refused_of_it_and_not_for_what_all_stand_on() {
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
}
