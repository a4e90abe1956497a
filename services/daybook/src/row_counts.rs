//! Row counts of the main tables of a view. It must never read the contents of a row.

use daybook_projections::Generation;
use deadpool_postgres::GenericClient;
use serde::Serialize;

/// Rows of a view's main tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct RowCounts {
    pub(crate) services: i64,
    pub(crate) clinic_hours: i64,
    pub(crate) reservations: i64,
}

impl RowCounts {
    /// Counts at one moment; none if the tables were dropped, are being built, or cannot be read.
    pub(crate) async fn read(
        client: &impl GenericClient,
        generation: Generation,
    ) -> Result<Option<RowCounts>, tokio_postgres::Error> {
        let schema = generation.schema();
        let counts = format!(
            "SELECT (SELECT count(*) FROM {schema}.services),
                (SELECT count(*) FROM {schema}.clinic_time_slots),
                (SELECT count(*) FROM {schema}.reservations)"
        );
        let row = match client.query_one(&counts, &[]).await {
            Err(error) if error.as_db_error().is_some() => return Ok(None),
            outcome => outcome?,
        };
        Ok(Some(Self {
            services: row.try_get(0)?,
            clinic_hours: row.try_get(1)?,
            reservations: row.try_get(2)?,
        }))
    }
}
