//! Requests and shadow reads of all processes during a stage, and the gates that depend on them.
//!
//! It reads `control.read_windows`, which the serving processes write.

use chrono::{DateTime, Utc};
use daybook_domain::ReadModel;
use daybook_domain::routing::{Finding, Gate, GateResult};
use deadpool_postgres::GenericClient;

use super::figures::counted;
use super::stage_stay::StageStay;
use super::{GateSettings, result};
use daybook_projections::ViewError;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Requests {
    requests: u64,
    failed: u64,
}

impl Requests {
    fn rate(self) -> f64 {
        self.failed as f64 / self.requests.max(1) as f64
    }

    fn describe(self, by: &str) -> String {
        let Self { requests, failed } = self;
        format!(
            "{failed} of {} {by} failed ({:.2} %)",
            counted(requests, "request", "requests"),
            self.rate() * 100.0
        )
    }
}

/// Sums over the windows of a stage, and of the stage before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TrafficStats {
    dynamic: Requests,
    legacy: Requests,
    /// In the stage before, of both models together.
    before: Requests,
    compared: u64,
    mismatched: u64,
}

const SUMS: &str = "
    SELECT model,
           COALESCE(sum(requests) FILTER (WHERE started_at >= $2), 0)::bigint AS requests,
           COALESCE(sum(failed) FILTER (WHERE started_at >= $2), 0)::bigint AS failed,
           COALESCE(sum(compared) FILTER (WHERE started_at >= $2), 0)::bigint AS compared,
           COALESCE(sum(mismatched) FILTER (WHERE started_at >= $2), 0)::bigint AS mismatched,
           COALESCE(sum(requests) FILTER (WHERE ended_at <= $2), 0)::bigint AS requests_before,
           COALESCE(sum(failed) FILTER (WHERE ended_at <= $2), 0)::bigint AS failed_before
    FROM control.read_windows WHERE started_at >= $1 AND started_at <= $3
    GROUP BY model";

impl TrafficStats {
    /// A window during which the stage changed belongs to neither stage.
    pub(super) async fn read(
        client: &impl GenericClient,
        stay: &StageStay,
        now: DateTime<Utc>,
    ) -> Result<Self, ViewError> {
        let before = stay.former_since.map_or(stay.since, |former| former.min(stay.since));
        let mut stats = Self::default();
        for row in client.query(SUMS, &[&before, &stay.since, &now]).await? {
            let count = |name| row.try_get::<_, i64>(name).map(i64::unsigned_abs);
            let requests = Requests { requests: count("requests")?, failed: count("failed")? };
            match row.try_get::<_, &str>("model")?.parse() {
                Ok(ReadModel::Dynamic) => stats.dynamic = requests,
                Ok(ReadModel::Legacy) => stats.legacy = requests,
                Err(_) => return Err(ViewError::Control { what: "a model" }),
            }
            stats.before.requests += count("requests_before")?;
            stats.before.failed += count("failed_before")?;
            stats.compared += count("compared")?;
            stats.mismatched += count("mismatched")?;
        }
        Ok(stats)
    }

    /// One difference leaves the gate unmet, however few reads were compared.
    pub(super) fn shadow_reads(&self, stay: &StageStay, settings: &GateSettings) -> GateResult {
        let Self { compared, mismatched, .. } = *self;
        let finding = match mismatched {
            1.. => Finding::NotMet,
            0 if compared >= settings.shadow_reads => Finding::Met,
            0 => Finding::Inconclusive,
        };
        let found = format!(
            "{} compared in {}: {mismatched} differed",
            counted(compared, "read", "reads"),
            stay.stage
        );
        let asked = format!("at least {} compared reads, none of which differ", settings.shadow_reads);
        result(Gate::ShadowReads, finding, found, asked)
    }

    /// Compares the failure rate of the dynamic model with that of the legacy model, or that of both in the stage before. One
    /// failure is not a rate, so one is always allowed.
    pub(super) fn errors(&self, stay: &StageStay, settings: &GateSettings) -> GateResult {
        let are_enough = |traffic: &Requests| traffic.requests >= settings.error_requests;
        let references = [self.legacy, self.before].into_iter().filter(are_enough);
        let usual = references.map(Requests::rate).fold(0.0, f64::max);
        let allowed = (self.dynamic.requests as f64 * (usual + settings.error_margin / 100.0)).max(1.0);
        let finding = match are_enough(&self.dynamic) {
            false => Finding::Inconclusive,
            true if self.dynamic.failed as f64 <= allowed => Finding::Met,
            true => Finding::NotMet,
        };
        let found = format!(
            "in {}: {}, {}; in the stage before: {}",
            stay.stage,
            self.dynamic.describe("to the dynamic model"),
            self.legacy.describe("to the legacy model"),
            self.before.describe("to both")
        );
        let asked = format!(
            "at least {} requests to the dynamic model, of which at most {:.2} % failed: {} points above the legacy model or the \
             stage before",
            settings.error_requests,
            usual * 100.0 + settings.error_margin,
            settings.error_margin
        );
        result(Gate::Errors, finding, found, asked)
    }

    /// Requests to the dynamic model during the stage, and how many failed.
    pub(super) fn failures(&self) -> (u64, u64) {
        (self.dynamic.requests, self.dynamic.failed)
    }
}
