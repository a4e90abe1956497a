//! Seals the texts of patients and staff for one reservation. Nothing is opened here.

use daybook_domain::{ReservationId, Sealed, SubjectId};
use daybook_vault::{FreshKey, PatientDetails, sealing_context};

use super::Commands;
use crate::error::CommandError;

impl Commands {
    /// Seals a patient's details for one reservation. A returned key has to be appended together with them.
    pub(super) async fn seal_details(
        &self,
        subject: SubjectId,
        reservation: &ReservationId,
        details: &PatientDetails,
    ) -> Result<(Sealed, Option<FreshKey>), CommandError> {
        let text = details.to_text();
        if self.log().keeps_keys() {
            Ok(self.vault().seal_for_append(subject, sealing_context(reservation), &text).await?)
        } else {
            Ok((self.seal_text(subject, reservation, &text).await?, None))
        }
    }

    /// Seals a note or a reason for one reservation.
    pub(super) async fn seal_text(
        &self,
        subject: SubjectId,
        reservation: &ReservationId,
        text: &str,
    ) -> Result<Sealed, CommandError> {
        Ok(self.vault().seal(subject, sealing_context(reservation), text).await?)
    }
}
