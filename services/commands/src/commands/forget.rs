//! Forgetting a patient: first it is recorded, then the keys are destroyed.
//!
//! In this order a crash between the two leaves an event whose keys every follower destroys; the other way round the
//! views would never hear of it.

use daybook_domain::phone::Phone;
use daybook_domain::privacy::SubjectForgotten;
use daybook_domain::{KeyId, SubjectId};
use daybook_event_log::Position;

use super::Commands;
use crate::error::CommandError;
use crate::origin::Origin;

/// A patient whose details are unreadable from here on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// Who it was.
    pub subject: SubjectId,
    /// The keys that were destroyed; none where the subject is unknown or was forgotten before.
    pub keys: Vec<KeyId>,
    /// Position that a view has to have passed to show nothing any more.
    pub position: Position,
}

impl Commands {
    /// Makes all that is sealed with a patient's keys unreadable, for ever.
    pub async fn forget(&self, phone: &Phone, origin: Origin) -> Result<Forgotten, CommandError> {
        let subject = self.subject(phone);
        let keys = self.vault().live_keys(subject).await?;
        if keys.is_empty() {
            return Ok(Forgotten { subject, keys, position: self.log().head().await? });
        }
        let forgotten = SubjectForgotten { subject, keys: keys.clone() };
        let now = self.0.office.clock.now();
        let forgettings = &self.0.streams.forgettings;
        let recorded = forgettings.change(self.log(), vec![forgotten], &origin, now).await?;
        self.vault().destroy(&keys).await?;
        Ok(Forgotten { subject, keys, position: recorded.position })
    }
}
