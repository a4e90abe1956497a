//! Random reservations for realistic reads. A sample must hold no patient data besides ids and days.

use chrono::NaiveDate;
use daybook_domain::{ReservationId, SubjectId};

use super::Shadow;
use super::trial::random_ids;
use daybook_projections::ViewError;
use daybook_projections::control::generation;
use daybook_projections::read::query::by_ids_in;
use daybook_projections::store::rows;

/// A randomly chosen reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampledReservation {
    pub reservation: ReservationId,
    pub date: NaiveDate,
    pub subject: SubjectId,
}

impl Shadow {
    /// Chooses `number` random reservations of the serving view; of the dynamic one if both serve.
    ///
    /// # Errors
    /// The views cannot be read.
    pub async fn draw(&self, number: u64) -> Result<Vec<SampledReservation>, ViewError> {
        let mut client = self.pool.get().await?;
        let snapshot = rows::snapshot(&mut client).await?;
        let live = generation::live(&snapshot).await?;
        let Some(generation) = live.first().map(|status| status.generation) else { return Ok(vec![]) };
        let ids = random_ids(&snapshot, [generation; 2], number).await?;
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let reservations = by_ids_in(&snapshot, generation, &ids).await?;
        let samples = reservations.into_iter().map(|reservation| {
            let (date, subject) = (reservation.preferred_date, reservation.subject);
            let id = ReservationId::parse(reservation.id).map_err(|_| ViewError::Row { generation })?;
            Ok(SampledReservation { reservation: id, date, subject })
        });
        samples.collect()
    }
}
