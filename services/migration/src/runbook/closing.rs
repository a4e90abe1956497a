//! The runbook's closing summary: what it expects of a complete migration, counted on the live dynamic view.

use chrono::{DateTime, Utc};
use daybook_domain::ReadModel;
use deadpool_postgres::{Client, GenericClient};
use serde::Serialize;

use crate::retirement;
use daybook_projections::ViewError;
use daybook_projections::control::generation;
use daybook_projections::control::ids::Generation;
use daybook_projections::store::rows::snapshot;
use daybook_projections::store::runbook_schema::{OLD_COLUMNS, SCHEMA};
use daybook_projections::store::tables;

/// Minimum number of services in the runbook.
const LEAST_SERVICES: u64 = 6;

/// The counts, all from one snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Closing {
    pub generation: Generation,
    pub counted_at: DateTime<Utc>,
    pub active_services: u64,
    pub active_time_slots: u64,
    pub reservations: u64,
    /// Reservations of the legacy view at its retirement; none if it is not retired.
    pub reservations_at_retirement: Option<u64>,
    pub without_service: u64,
    pub without_duration: u64,
    /// Reservations without a period: their time awaits review.
    pub without_period: u64,
    /// Reservations with an unknown service.
    pub orphaned: u64,
    /// Schemas with a type `ServiceType`.
    pub enum_schemas: Vec<String>,
    /// Old columns that the runbook's `reservations` still has.
    pub old_fields: Vec<String>,
    /// Whether the runbook's `service_reservation_limits` still exists.
    pub has_old_limits: bool,
    /// Whether the index of the cleanup exists and is valid.
    pub has_cleanup_index: bool,
}

/// One line of the summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub what: &'static str,
    pub found: String,
    pub expected: String,
    pub is_as_expected: bool,
}

/// Counts everything in one snapshot.
///
/// # Errors
/// [`ViewError::NotLive`] if the dynamic view is not live, or PostgreSQL cannot be queried.
pub async fn closing(client: &mut Client) -> Result<Closing, ViewError> {
    let transaction = snapshot(client).await?;
    let generation = generation::serving(&transaction, ReadModel::Dynamic).await?;
    let retirements = retirement::records(&transaction).await?;
    let retired = retirements.into_iter().find(|record| record.restored_at.is_none());
    let (enum_schemas, old_fields) = (enum_schemas(&transaction).await?, old_fields(&transaction).await?);
    let index = tables::is_valid(&transaction, generation, tables::CLEANUP_INDEX).await?;
    let row = transaction.query_one(&counts(&generation.schema()), &[&limits_table()]).await?;
    let count = |name| row.try_get(name).map(i64::unsigned_abs);
    Ok(Closing {
        generation,
        counted_at: row.try_get("counted_at")?,
        active_services: count("active_services")?,
        active_time_slots: count("active_time_slots")?,
        reservations: count("reservations")?,
        reservations_at_retirement: retired.map(|record| record.reservations.unsigned_abs()),
        without_service: count("without_service")?,
        without_duration: count("without_duration")?,
        without_period: count("without_period")?,
        orphaned: count("orphaned")?,
        enum_schemas,
        old_fields,
        has_old_limits: row.try_get("has_old_limits")?,
        has_cleanup_index: index == Some(true),
    })
}

fn limits_table() -> String {
    format!("{SCHEMA}.service_reservation_limits")
}

fn counts(schema: &str) -> String {
    format!(
        r#"SELECT now() AS counted_at, to_regclass($1) IS NOT NULL AS has_old_limits,
                  (SELECT count(*) FROM {schema}.services WHERE "isActive") AS active_services,
                  (SELECT count(*) FROM {schema}.clinic_time_slots WHERE "isActive") AS active_time_slots,
                  count(*) AS reservations, count(*) FILTER (WHERE r."serviceId" IS NULL) AS without_service,
                  count(*) FILTER (WHERE r."estimatedDuration" IS NULL) AS without_duration,
                  count(*) FILTER (WHERE r.period IS NULL) AS without_period,
                  count(*) FILTER (WHERE r."serviceId" IS NOT NULL AND s.id IS NULL) AS orphaned
           FROM {schema}.reservations r LEFT JOIN {schema}.services s ON s.id = r."serviceId""#
    )
}

/// The schemas with a type `ServiceType`.
pub(crate) async fn enum_schemas(client: &impl GenericClient) -> Result<Vec<String>, ViewError> {
    let sql = "SELECT n.nspname::text FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
               WHERE t.typname = 'ServiceType' ORDER BY 1";
    names(client, sql, &[]).await
}

async fn old_fields(client: &impl GenericClient) -> Result<Vec<String>, ViewError> {
    let sql = "SELECT attname::text FROM pg_attribute
               WHERE attrelid = to_regclass($1) AND attname = ANY($2) ORDER BY attnum";
    names(client, sql, &[&format!("{SCHEMA}.reservations"), &OLD_COLUMNS.as_slice()]).await
}

/// The texts in the only column of a query.
pub(crate) async fn names(
    client: &impl GenericClient,
    sql: &str,
    parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<Vec<String>, ViewError> {
    client.query(sql, parameters).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

impl Closing {
    /// Whether every finding is as the runbook expects.
    pub fn is_as_expected(&self) -> bool {
        self.findings().iter().all(|finding| finding.is_as_expected)
    }

    /// The lines of the summary.
    pub fn findings(&self) -> Vec<Finding> {
        let index = if self.has_cleanup_index { "YES" } else { "NO" };
        let mut findings = Vec::from(self.totals());
        findings.extend(self.removals());
        findings.extend([
            self.integrity(),
            finding("orphaned reservations", self.orphaned.to_string(), "0".to_owned(), self.orphaned == 0),
            finding("index of the cleanup made", index.to_owned(), "YES".to_owned(), self.has_cleanup_index),
        ]);
        findings
    }

    fn totals(&self) -> [Finding; 3] {
        let least = |what, found: u64, least: u64| {
            finding(what, found.to_string(), format!("{least} or more"), found >= least)
        };
        let before = self.reservations_at_retirement;
        let mut kept = least("total reservations preserved", self.reservations, before.unwrap_or_default());
        kept.expected = before.map_or_else(
            || "all imported and booked reservations".to_owned(),
            |before| format!("{before} or more, the number at the retirement"),
        );
        [
            least("active services", self.active_services, LEAST_SERVICES),
            kept,
            least("active periods of clinic time", self.active_time_slots, 1),
        ]
    }

    fn removals(&self) -> [Finding; 3] {
        let removed = |what, left: &[String], place: &str| {
            let found =
                if left.is_empty() { "YES".to_owned() } else { format!("NO, {place}{}", left.join(", ")) };
            finding(what, found, "YES".to_owned(), left.is_empty())
        };
        let limits: Vec<String> = self.has_old_limits.then(limits_table).into_iter().collect();
        [
            removed("old enum removed", &self.enum_schemas, "still in "),
            removed("old fields removed", &self.old_fields, "still there: "),
            removed("old limits table removed", &limits, "still there: "),
        ]
    }

    fn integrity(&self) -> Finding {
        let missing = [
            (self.without_service, "without a service"),
            (self.without_duration, "without a duration"),
            (self.without_period, "without a period"),
        ];
        let issues: Vec<String> = missing
            .into_iter()
            .filter(|(rows, _)| *rows > 0)
            .map(|(rows, what)| format!("{rows} {what}"))
            .collect();
        let found = if issues.is_empty() { "PERFECT".to_owned() } else { issues.join(", ") };
        finding("data integrity", found, "PERFECT".to_owned(), issues.is_empty())
    }
}

fn finding(what: &'static str, found: String, expected: String, is_as_expected: bool) -> Finding {
    Finding { what, found, expected, is_as_expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> Closing {
        Closing {
            generation: Generation { model: ReadModel::Dynamic, number: 2 },
            counted_at: DateTime::UNIX_EPOCH,
            active_services: 6,
            active_time_slots: 11,
            reservations: 5_000,
            reservations_at_retirement: Some(5_000),
            without_service: 0,
            without_duration: 0,
            without_period: 0,
            orphaned: 0,
            enum_schemas: vec![],
            old_fields: vec![],
            has_old_limits: false,
            has_cleanup_index: true,
        }
    }

    fn unexpected(closing: &Closing) -> Vec<(&'static str, String)> {
        let findings = closing.findings().into_iter().filter(|finding| !finding.is_as_expected);
        findings.map(|finding| (finding.what, finding.found)).collect()
    }

    #[test]
    fn a_complete_migration_has_no_unexpected_finding() {
        assert_eq!(unexpected(&complete()), []);
        assert!(complete().is_as_expected());
    }

    #[test]
    fn every_unexpected_finding_is_named() {
        let incomplete = Closing {
            active_services: 5,
            active_time_slots: 0,
            reservations: 4_999,
            without_period: 3,
            without_service: 1,
            without_duration: 2,
            orphaned: 1,
            enum_schemas: vec!["legacy_1".to_owned(), "public".to_owned()],
            old_fields: vec!["service".to_owned()],
            has_old_limits: true,
            has_cleanup_index: false,
            ..complete()
        };
        let expected = [
            ("active services", "5"),
            ("total reservations preserved", "4999"),
            ("active periods of clinic time", "0"),
            ("old enum removed", "NO, still in legacy_1, public"),
            ("old fields removed", "NO, still there: service"),
            ("old limits table removed", "NO, still there: runbook.service_reservation_limits"),
            ("data integrity", "1 without a service, 2 without a duration, 3 without a period"),
            ("orphaned reservations", "1"),
            ("index of the cleanup made", "NO"),
        ];
        assert_eq!(unexpected(&incomplete), expected.map(|(what, found)| (what, found.to_owned())));
        assert!(!incomplete.is_as_expected());
    }
}
