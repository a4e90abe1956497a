//! Forgetting a patient: first the event is recorded, then the keys are destroyed.
//!
//! The order must not change: after a crash in between, every follower destroys the keys of the event. In the opposite
//! order the views would never learn about it.

use daybook_domain::phone::Phone;
use daybook_domain::privacy::SubjectForgotten;
use daybook_domain::{KeyId, SubjectId};
use daybook_event_log::Position;

use super::Commands;
use crate::error::CommandError;
use crate::origin::Origin;

/// The outcome of forgetting a patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgetOutcome {
    pub subject: SubjectId,
    /// The destroyed keys; empty if the patient is unknown or was forgotten before.
    pub keys: Vec<KeyId>,
    /// A view at this position shows the details as erased.
    pub position: Position,
}

impl Commands {
    /// Destroys a patient's keys, so that nobody can read the sealed details again. Bookings under former spellings of the
    /// number have subjects and keys of their own, and all of them are forgotten in one append.
    pub async fn forget(&self, phone: &Phone, origin: Origin) -> Result<ForgetOutcome, CommandError> {
        let subject = self.subject(phone);
        let mut forgotten = Vec::new();
        for subject in self.subjects(phone) {
            let keys = self.vault().live_keys(subject).await?;
            if !keys.is_empty() {
                forgotten.push(SubjectForgotten { subject, keys });
            }
        }
        let keys: Vec<KeyId> = forgotten.iter().flat_map(|forgotten| forgotten.keys.clone()).collect();
        if keys.is_empty() {
            return Ok(ForgetOutcome { subject, keys, position: self.log().head().await? });
        }
        let now = self.0.context.clock.now();
        let erasure_log = &self.0.streams.erasure_log;
        let recorded = erasure_log.change(self.log(), forgotten, &origin, now).await?;
        self.vault().destroy(&keys).await?;
        Ok(ForgetOutcome { subject, keys, position: recorded.position })
    }
}
