//! Forgotten patients. The old system still has their details, and an import must not bring these back.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use daybook_commands::Commands;
use daybook_domain::privacy::PrivacyEvent;
use daybook_domain::{Event, KeyId, Sealed, SubjectId};
use daybook_event_log::{Revision, StreamName};
use futures_util::TryStreamExt;

use super::ImportError;

/// The forgotten patients up to a revision.
pub(super) struct Forgotten {
    /// The last time that each was forgotten, and one of the keys that were destroyed then.
    by_subject: HashMap<SubjectId, (DateTime<Utc>, KeyId)>,
    next: Revision,
}

impl Forgotten {
    /// Starts empty; [`Self::catch_up`] reads the log.
    pub(super) fn new() -> Self {
        Self { by_subject: HashMap::new(), next: Revision::FIRST }
    }

    /// Reads the new events.
    pub(super) async fn catch_up(&mut self, commands: &Commands) -> Result<(), ImportError> {
        let mut events = commands.log().read_stream(&StreamName::privacy(), self.next).await?;
        while let Some(recorded) = events.try_next().await? {
            self.next = recorded.revision.next();
            let decoded = commands.decode(&recorded).await?;
            if let Some((Event::Privacy(PrivacyEvent::SubjectForgotten(forgotten)), metadata)) = decoded
                && let Some(key) = forgotten.keys.last()
            {
                self.by_subject.insert(forgotten.subject, (metadata.recorded_at, *key));
            }
        }
        Ok(())
    }

    /// Whether nobody was forgotten.
    pub(super) fn is_empty(&self) -> bool {
        self.by_subject.is_empty()
    }

    /// Erased details for a row that existed when its patient was forgotten; `None` for other rows. A booking made later
    /// keeps its details.
    pub(super) fn erased(&self, subject: SubjectId, created_at: DateTime<Utc>) -> Option<Sealed> {
        let (_, key) = self.by_subject.get(&subject).filter(|(at, _)| created_at <= *at)?;
        // Nothing can open it without the destroyed key, so it can be empty.
        Some(Sealed { key: *key, ciphertext: "".into() })
    }
}
