//! The effect of a step of the migration: patients who change models, and reservations that the legacy view cannot show in
//! full. Both are counted in the dynamic view; no patient is named.

use daybook_domain::SubjectId;
use daybook_domain::routing::{RoutedSubject, Routing};
use deadpool_postgres::GenericClient;
use futures_util::TryStreamExt;
use serde::Serialize;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use daybook_projections::ViewError;
use daybook_projections::compare::verify::Declared;
use daybook_projections::control::ids::Generation;

/// Patients whom a step moves to the other view.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct MovedPatients {
    /// Patients with a reservation.
    pub known: u64,
    /// Those of them whose reads the other view answers afterwards.
    pub moved: u64,
    pub moved_percent: f64,
}

/// Counts the patients of a generation, and those whom a change of routing moves.
pub(super) async fn moved(
    client: &impl GenericClient,
    generation: Generation,
    before: &Routing,
    after: &Routing,
) -> Result<MovedPatients, ViewError> {
    let sql = format!("SELECT DISTINCT subject FROM {}.reservations", generation.schema());
    let none: [&(dyn ToSql + Sync); 0] = [];
    let mut rows = std::pin::pin!(client.query_raw(&sql, none).await?);
    let mut patients = MovedPatients::default();
    while let Some(row) = rows.try_next().await? {
        let subject = SubjectId::from_bytes(row.try_get::<_, Uuid>(0)?.into_bytes());
        patients.known += 1;
        patients.moved += u64::from(before.reroutes(after, &RoutedSubject::patient(subject)));
    }
    if patients.known > 0 {
        patients.moved_percent = patients.moved as f64 * 100.0 / patients.known as f64;
    }
    Ok(patients)
}

/// Counts the reservations of a dynamic generation by what the legacy view can show of them.
pub(super) async fn declared(
    client: &impl GenericClient,
    generation: Generation,
) -> Result<Declared, ViewError> {
    let schema = generation.schema();
    let sql = format!(
        r#"SELECT count(*) FILTER (WHERE has_value AND has_time), count(*) FILTER (WHERE NOT has_value),
                  count(*) FILTER (WHERE NOT has_time AND has_period),
                  count(*) FILTER (WHERE NOT has_time AND NOT has_period)
           FROM (SELECT s."legacyServiceType" IS NOT NULL, r."timeSlotStart" IS NOT NULL, r.period IS NOT NULL
                 FROM {schema}.reservations r LEFT JOIN {schema}.services s ON s.id = r."serviceId")
                AS shown(has_value, has_time, has_period)"#
    );
    let row = client.query_one(&sql, &[]).await?;
    let count = |column: usize| Ok::<_, ViewError>(row.try_get::<_, i64>(column)?.unsigned_abs());
    Ok(Declared {
        exact: count(0)?,
        service_without_enum_value: count(1)?,
        period_without_time: count(2)?,
        time_under_review: count(3)?,
    })
}
