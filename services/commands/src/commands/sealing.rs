//! Sealing what patients and staff wrote, for one reservation.

use daybook_domain::{ReservationId, Sealed, SubjectId};
use daybook_event_log::vault::{PatientDetails, VaultError, sealing_context};

use super::Commands;
use crate::error::CommandError;

/// Times that a text is sealed because its subject was forgotten at the same moment.
const MAX_SEALINGS: u32 = 3;

impl Commands {
    /// Seals a patient's details for one reservation.
    pub(super) async fn seal_details(
        &self,
        subject: SubjectId,
        reservation: &ReservationId,
        details: &PatientDetails,
    ) -> Result<Sealed, CommandError> {
        self.seal_text(subject, reservation, &details.to_text()).await
    }

    /// Seals a note or a reason for one reservation.
    pub(super) async fn seal_text(
        &self,
        subject: SubjectId,
        reservation: &ReservationId,
        text: &str,
    ) -> Result<Sealed, CommandError> {
        let mut sealing = 1;
        loop {
            match self.vault().seal(subject, sealing_context(reservation), text).await {
                Err(VaultError::Forgotten(_)) if sealing < MAX_SEALINGS => sealing += 1,
                sealed => return Ok(sealed?),
            }
        }
    }
}
