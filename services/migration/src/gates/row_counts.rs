//! Counts of the reservations of both views, taken in one statement, and the gates that depend on them: what the runbook
//! requires of the migrated data.
//!
//! Rows are counted, never read, so that no figure identifies a patient.

use daybook_domain::ReadModel;
use daybook_domain::hours::Hours;
use daybook_domain::routing::{Finding, Gate, GateResult};
use daybook_domain::{LegacyService, Period};
use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::figures::{counted, is_share, percent};
use super::{GateSettings, LiveViews, result};
use daybook_projections::ViewError;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RowCounts {
    dynamic: u64,
    legacy: u64,
    only_dynamic: u64,
    only_legacy: u64,
    without_service_id: u64,
    without_service_name: u64,
    without_duration: u64,
    /// Reservations with an unknown service.
    orphans: u64,
    mornings: u64,
    afternoons: u64,
    /// Reservations of both views with another enum value than their service's.
    wrong_enum_value: u64,
    /// Reservations of both views whose service has no enum value.
    without_enum_value: u64,
    without_service: u64,
    /// Reservations of both views without a time text.
    blank_time: u64,
    /// Those of them with a period in the dynamic view: their time text is lost.
    lost_time: u64,
}

/// What the legacy view shows for a service that has no enum value.
const NO_ENUM_VALUE: &str = LegacyService::FOR_NEW_SERVICES.as_str();

const COUNTS: &str = r#"
    count(d.id) AS dynamic,
    count(l.id) AS legacy,
    count(*) FILTER (WHERE l.id IS NULL) AS only_dynamic,
    count(*) FILTER (WHERE d.id IS NULL) AS only_legacy,
    count(d.id) FILTER (WHERE COALESCE(d.service_id, '') = '') AS without_service_id,
    count(d.id) FILTER (WHERE NOT d.is_named) AS without_service_name,
    count(d.id) FILTER (WHERE NOT d.is_timed) AS without_duration,
    count(d.id) FILTER (WHERE COALESCE(d.service_id, '') <> '' AND s.id IS NULL) AS orphans,
    count(*) FILTER (WHERE d.period = 'MORNING') AS mornings,
    count(*) FILTER (WHERE d.period = 'AFTERNOON') AS afternoons,
    count(l.id) FILTER (WHERE s.id IS NOT NULL AND l.service <> COALESCE(s."legacyServiceType", $1)) AS wrong_enum_value,
    count(l.id) FILTER (WHERE s.id IS NOT NULL AND s."legacyServiceType" IS NULL) AS without_enum_value,
    count(l.id) FILTER (WHERE l.service IS NULL) AS without_service,
    count(l.id) FILTER (WHERE l.is_blank) AS blank_time,
    count(l.id) FILTER (WHERE l.is_blank AND d.period IS NOT NULL) AS lost_time"#;

/// Stands in for a legacy view that is not live.
const NO_LEGACY: &str = "SELECT NULL::text AS id, NULL::text AS service, false AS is_blank WHERE false";

impl RowCounts {
    /// Counts both views, or only the dynamic one if the legacy view is not live.
    pub(super) async fn take(snapshot: &Transaction<'_>, live: &LiveViews) -> Result<Self, ViewError> {
        let dynamic = live.generation(ReadModel::Dynamic)?.schema();
        let legacy = live.generation(ReadModel::Legacy).map_or_else(
            |_| NO_LEGACY.to_owned(),
            |generation| {
                format!(
                    r#"SELECT id, service::text, COALESCE(btrim("preferredTime"), '') = '' AS is_blank
                       FROM {}.reservations"#,
                    generation.schema()
                )
            },
        );
        let sql = format!(
            r#"SELECT {COUNTS}
               FROM (SELECT id, "serviceId" AS service_id, COALESCE("serviceName", '') <> '' AS is_named,
                            COALESCE("estimatedDuration", 0) > 0 AS is_timed, period
                     FROM {dynamic}.reservations) d
               FULL JOIN ({legacy}) l ON l.id = d.id
               LEFT JOIN {dynamic}.services s ON s.id = d.service_id"#
        );
        Self::read(&snapshot.query_one(&sql, &[&NO_ENUM_VALUE]).await?)
    }

    fn read(row: &Row) -> Result<Self, ViewError> {
        let count = |name| row.try_get::<_, i64>(name).map(i64::unsigned_abs);
        Ok(Self {
            dynamic: count("dynamic")?,
            legacy: count("legacy")?,
            only_dynamic: count("only_dynamic")?,
            only_legacy: count("only_legacy")?,
            without_service_id: count("without_service_id")?,
            without_service_name: count("without_service_name")?,
            without_duration: count("without_duration")?,
            orphans: count("orphans")?,
            mornings: count("mornings")?,
            afternoons: count("afternoons")?,
            wrong_enum_value: count("wrong_enum_value")?,
            without_enum_value: count("without_enum_value")?,
            without_service: count("without_service")?,
            blank_time: count("blank_time")?,
            lost_time: count("lost_time")?,
        })
    }

    /// Without a reservation, nothing shows how well they were migrated.
    fn finding(&self, is_met: bool) -> Finding {
        match (self.dynamic, is_met) {
            (_, false) => Finding::NotMet,
            (0, true) => Finding::Inconclusive,
            (_, true) => Finding::Met,
        }
    }

    pub(super) fn service_fields(&self) -> GateResult {
        let Self { dynamic, without_service_id: id, without_service_name: name, without_duration, .. } =
            *self;
        let found = format!(
            "{}: {id} without a service id, {name} without a service name, {without_duration} without a duration",
            counted(dynamic, "reservation", "reservations")
        );
        let finding = self.finding(id + name + without_duration == 0);
        result(Gate::ServiceFields, finding, found, "all three fields in every reservation")
    }

    pub(super) fn periods(&self, settings: &GateSettings) -> GateResult {
        let known = self.mornings + self.afternoons;
        let found = format!(
            "{known} of {} reservations have a period ({} %), {} await review",
            self.dynamic,
            percent(known, self.dynamic),
            self.dynamic.saturating_sub(known)
        );
        let finding = self.finding(is_share(known, self.dynamic, settings.least_periods));
        result(Gate::Periods, finding, found, format!("{} % or more", settings.least_periods))
    }

    /// A half of the day without clinic hours may be empty.
    pub(super) fn period_split(&self, hours: &Hours, settings: &GateSettings) -> GateResult {
        let rows = self.mornings + self.afternoons;
        let halves = [(Period::Morning, self.mornings), (Period::Afternoon, self.afternoons)];
        let is_open = |half| hours.is_empty() || hours.week().any(|(_, slot)| slot.period == half);
        let is_even = halves
            .into_iter()
            .filter(|(half, _)| is_open(*half))
            .all(|(_, count)| is_share(count, rows, settings.least_half));
        let finding = match (rows, is_even) {
            (1.., true) => Finding::Met,
            (rows, false) if rows >= settings.split_rows => Finding::NotMet,
            (_, _) => Finding::Inconclusive,
        };
        let found = format!(
            "{} MORNING ({} %), {} AFTERNOON ({} %)",
            self.mornings,
            percent(self.mornings, rows),
            self.afternoons,
            percent(self.afternoons, rows)
        );
        let asked = format!(
            "at least {} % in each half of the day with clinic hours; inconclusive below {} rows",
            settings.least_half, settings.split_rows
        );
        result(Gate::PeriodSplit, finding, found, asked)
    }

    pub(super) fn mappings(&self) -> GateResult {
        let both = self.dynamic.saturating_sub(self.only_dynamic);
        let Self { wrong_enum_value: wrong, without_enum_value: without, .. } = *self;
        let found = format!(
            "{both} reservations in both views: {wrong} with a wrong enum value, {without} shown as {NO_ENUM_VALUE} \
             because the enum lacks their service"
        );
        let finding = if both == 0 && wrong == 0 { Finding::Inconclusive } else { self.finding(wrong == 0) };
        result(
            Gate::Mappings,
            finding,
            found,
            "every reservation in both views has the enum value of its service",
        )
    }

    pub(super) fn old_fields(&self) -> GateResult {
        let Self { dynamic, legacy, only_dynamic, only_legacy, without_service, lost_time, orphans, .. } =
            *self;
        let lost = match lost_time {
            0 => "No time text is missing".to_owned(),
            _ => counted(lost_time, "time text is missing", "time texts are missing"),
        };
        let found = format!(
            "{legacy} reservations in the legacy view, {dynamic} in the dynamic view: {only_legacy} only in legacy, \
             {only_dynamic} only in dynamic, {without_service} without a service, {orphans} with an unknown service. \
             {lost}; {} empty in the old system.",
            counted(self.blank_time - lost_time, "was", "were")
        );
        let is_met = [only_dynamic, only_legacy, without_service, lost_time, orphans] == [0; 5];
        let asked = "the same reservations in both views, each with a known service and its time text";
        result(Gate::OldFields, self.finding(is_met), found, asked)
    }
}
