//! Reservations drawn at random, to ask for what clients ask for.
//!
//! A draw holds ids and days, and nothing else of a patient.

use chrono::NaiveDate;
use daybook_domain::{ReservationId, SubjectId};

use super::Shadow;
use super::trial::random_ids;
use daybook_projections::ViewError;
use daybook_projections::control::generation;
use daybook_projections::read::query::by_ids_in;
use daybook_projections::store::rows;

/// A reservation that was drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampledReservation {
    /// Which.
    pub reservation: ReservationId,
    /// Its day.
    pub date: NaiveDate,
    /// Whose it is.
    pub subject: SubjectId,
}

impl Shadow {
    /// Draws so many reservations of the view that serves, of the dynamic one where both do.
    ///
    /// # Errors
    /// When the views cannot be read.
    pub async fn draw(&self, number: u64) -> Result<Vec<SampledReservation>, ViewError> {
        let mut client = self.pool.get().await?;
        let snapshot = rows::snapshot(&mut client).await?;
        let live = generation::live(&snapshot).await?;
        let Some(generation) = live.first().map(|standing| standing.generation) else { return Ok(vec![]) };
        let ids = random_ids(&snapshot, [generation; 2], number).await?;
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let found = by_ids_in(&snapshot, generation, &ids).await?;
        let drawn = found.into_iter().map(|reservation| {
            let (date, subject) = (reservation.preferred_date, reservation.subject);
            let id = ReservationId::parse(reservation.id).map_err(|_| ViewError::Row { generation })?;
            Ok(SampledReservation { reservation: id, date, subject })
        });
        drawn.collect()
    }
}
