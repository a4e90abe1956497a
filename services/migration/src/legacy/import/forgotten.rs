//! Patients who were forgotten, as far as an import has to know: what the old system still says of them must not come back.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use daybook_domain::privacy::PrivacyEvent;
use daybook_domain::{Event, KeyId, Sealed, SubjectId};
use daybook_event_log::{EventLog, Revision, StreamName, decode};
use futures_util::TryStreamExt;

use super::ImportError;

/// Who was forgotten, as far as it was read.
pub(super) struct Forgotten {
    by_subject: HashMap<SubjectId, Forgetting>,
    next: Revision,
}

/// The last time that a patient was forgotten.
struct Forgetting {
    at: DateTime<Utc>,
    /// One of the keys that were destroyed.
    key: KeyId,
}

impl Forgotten {
    /// Nothing read yet.
    pub(super) fn unread() -> Self {
        Self { by_subject: HashMap::new(), next: Revision::FIRST }
    }

    /// Reads who was forgotten since.
    pub(super) async fn catch_up(&mut self, log: &dyn EventLog) -> Result<(), ImportError> {
        let mut events = log.read_stream(&StreamName::privacy(), self.next).await?;
        while let Some(recorded) = events.try_next().await? {
            self.next = recorded.revision.next();
            let (event, metadata) = decode(&recorded)?;
            if let Event::Privacy(PrivacyEvent::SubjectForgotten(forgotten)) = event
                && let Some(key) = forgotten.keys.last()
            {
                let forgetting = Forgetting { at: metadata.recorded_at, key: *key };
                self.by_subject.insert(forgotten.subject, forgetting);
            }
        }
        Ok(())
    }

    /// Details that read as erased for ever, for a row that a patient had when they were forgotten. Who books again
    /// afterwards is not forgotten any more.
    pub(super) fn erased(&self, subject: SubjectId, made_at: DateTime<Utc>) -> Option<Sealed> {
        let forgetting = self.by_subject.get(&subject).filter(|forgetting| made_at <= forgetting.at)?;
        // What is sealed with a key that is destroyed cannot be read, so nothing need be in it.
        Some(Sealed { key: forgetting.key, ciphertext: "".into() })
    }
}
