//! The four phases of the runbook and their success criteria.
//!
//! A phase is measured but never entered, unlike a stage. Most criteria are gates; those on tables and types are read from the
//! database catalog here.

use daybook_domain::ReadModel;
use daybook_domain::routing::{Finding, Gate, GateResult, LogPlace, Stage};
use serde::Serialize;

use super::figures::{counted, duration, elapsed};
use super::{GateContext, GateQuery, Gates, StageStay, TrafficStats, met_if};
use crate::runbook::closing::{enum_schemas, names};
use daybook_projections::ViewError;
use daybook_projections::read::routing::read_history;

/// A phase of the runbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunbookPhase {
    /// 1: new tables and fields beside the old ones.
    Additive,
    /// 2: existing data is migrated.
    DataMigration,
    /// 3: reads move to the new model.
    Switchover,
    /// 4: the old model is removed.
    Cleanup,
}

/// The number is not that of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the phases are 1 (additive), 2 (data migration), 3 (switchover) and 4 (cleanup)")]
pub struct UnknownPhase;

impl RunbookPhase {
    /// The phase with this number.
    ///
    /// # Errors
    /// There is no such phase.
    pub const fn numbered(number: u8) -> Result<Self, UnknownPhase> {
        match number {
            1 => Ok(Self::Additive),
            2 => Ok(Self::DataMigration),
            3 => Ok(Self::Switchover),
            4 => Ok(Self::Cleanup),
            _ => Err(UnknownPhase),
        }
    }

    const fn gates(self) -> &'static [Gate] {
        match self {
            Self::Additive => &[Gate::Services, Gate::Hours],
            Self::DataMigration => &[
                Gate::ServiceFields,
                Gate::Periods,
                Gate::PeriodSplit,
                Gate::Mappings,
                Gate::OldFields,
                Gate::Parity,
                Gate::Parked,
            ],
            Self::Switchover => &[Gate::Errors, Gate::CreationRate, Gate::OldFields],
            Self::Cleanup => &[Gate::Lag, Gate::Parked],
        }
    }
}

/// A measured success criterion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Criterion {
    pub name: &'static str,
    pub finding: Finding,
    pub found: Box<str>,
    pub asked: Box<str>,
}

impl From<GateResult> for Criterion {
    fn from(GateResult { gate, finding, found, asked }: GateResult) -> Self {
        Self { name: gate.as_str(), finding, found, asked }
    }
}

/// The measured criteria of a phase.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseMeasured {
    /// The position that the measured views have reached.
    pub position: LogPlace,
    pub criteria: Vec<Criterion>,
}

impl Gates {
    /// Measures the success criteria of a phase. An engine must apply events meanwhile.
    ///
    /// # Errors
    /// The log or the database cannot be read. An unmet criterion is not an error.
    pub async fn measure_phase(
        &self,
        phase: RunbookPhase,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<PhaseMeasured, ViewError> {
        let (history, _) = read_history(&*self.log).await?;
        let (stay, stage) =
            (StageStay::from_history(&history), history.stage().next().unwrap_or(Stage::Retired));
        let (gates, phase) = (phase.gates(), Some(phase));
        let query = GateQuery { gates, phase, stage, stay, now, history: &history };
        let (position, gates, mut criteria) = self.measure_settled(&query).await?;
        criteria.extend(gates.into_iter().map(Criterion::from));
        Ok(PhaseMeasured { position, criteria })
    }
}

impl GateContext<'_> {
    /// The criteria of a phase that are not gates.
    pub(super) async fn criteria(&self, phase: RunbookPhase) -> Result<Vec<Criterion>, ViewError> {
        match phase {
            RunbookPhase::Additive => {
                let [fields, key] = self.new_fields().await?;
                Ok(vec![fields, key, self.old_system()])
            }
            RunbookPhase::DataMigration => Ok(vec![]),
            RunbookPhase::Switchover => Ok(self.rollout()),
            RunbookPhase::Cleanup => {
                let [fields, types, limits] = self.leftovers().await?;
                Ok(vec![fields, types, limits, self.failures().await?])
            }
        }
    }

    /// The new columns of reservations, and the foreign key on services.
    async fn new_fields(&self) -> Result<[Criterion; 2], ViewError> {
        let schema = self.live.get(ReadModel::Dynamic).map(|status| status.generation.schema());
        let row = self.snapshot.query_one(NEW_FIELDS, &[&schema]).await?;
        let (fields, keys): (i64, i64) = (row.try_get("fields")?, row.try_get("keys")?);
        let view = schema.unwrap_or_else(|| "no dynamic view".to_owned());
        let found = format!("{fields} in {view}");
        let asked = "serviceId, serviceName, estimatedDuration and period of reservations";
        let fields = criterion("new-fields", fields == 4, found, asked);
        let found = format!("{} in {view}", counted(keys.unsigned_abs(), "key", "keys"));
        let key = criterion("foreign-key", keys == 1, found, "reservations_serviceId_fkey, checked");
        Ok([fields, key])
    }

    fn old_system(&self) -> Criterion {
        let asked = "a live legacy view that has applied the whole log";
        match self.live.get(ReadModel::Legacy) {
            None => criterion("old-system", false, self.live.describe_missing(ReadModel::Legacy), asked),
            Some(status) => {
                let found = format!(
                    "{} at position {}, the log at {}",
                    status.generation, status.position, self.head
                );
                criterion("old-system", status.position >= self.head, found, asked)
            }
        }
    }

    fn rollout(&self) -> Vec<Criterion> {
        let GateQuery { history, now, .. } = *self.query;
        let stages = [
            ("canary-5-lasted", Stage::Canary5),
            ("canary-25-lasted", Stage::Canary25),
            ("canary-50-lasted", Stage::Canary50),
            ("dynamic-lasted", Stage::Dynamic),
        ];
        let measure = |(name, stage): (&'static str, Stage)| {
            let needed = self.gates.settings.soak.required_in(stage);
            let lasted = history.last_stay(stage, now).map(elapsed);
            let found = lasted.map_or_else(|| "not entered since the rollout began".to_owned(), duration);
            let is_met = lasted.is_some_and(|lasted| lasted >= needed);
            criterion(name, is_met, found, format!("at least {} without a break", duration(needed)))
        };
        stages.into_iter().map(measure).collect()
    }

    async fn leftovers(&self) -> Result<[Criterion; 3], ViewError> {
        let schemas_with = async |table: &str, columns: &[&str]| {
            names(self.snapshot, SCHEMAS_WITH_COLUMNS, &[&table, &columns]).await
        };
        let old_fields = schemas_with("reservations", &["service", "preferredTime"]).await?;
        let types = enum_schemas(self.snapshot).await?;
        let tables = schemas_with("service_reservation_limits", &["serviceType"]).await?;
        let kept = match self.live.get(ReadModel::Dynamic) {
            None => 0,
            Some(status) => {
                let schema = status.generation.schema();
                let sql = format!("SELECT count(*) FROM {schema}.service_reservation_limits");
                self.snapshot.query_one(&sql, &[]).await?.try_get::<_, i64>(0)?
            }
        };
        let limits = format!(
            "{}; the dynamic view keeps {}",
            describe_left(&tables),
            counted(kept.unsigned_abs(), "limit", "limits")
        );
        Ok([
            criterion(
                "old-fields-removed",
                old_fields.is_empty(),
                describe_left(&old_fields),
                "no column service or preferredTime in any table reservations",
            ),
            criterion(
                "enum-removed",
                types.is_empty(),
                describe_left(&types),
                "no type ServiceType in any schema",
            ),
            criterion(
                "limits-removed",
                tables.is_empty(),
                limits,
                "no table service_reservation_limits by enum value",
            ),
        ])
    }

    async fn failures(&self) -> Result<Criterion, ViewError> {
        let least = self.gates.settings.error_requests;
        let asked = format!("at least {least} requests since the retirement, none of which failed");
        let retired = self.query.stay.filter(|stay| stay.stage == Stage::Retired);
        let Some(stay) = retired else {
            let found = format!("the stage is {}", self.query.history.stage());
            return Ok(criterion("no-errors", false, found, asked));
        };
        let stats = TrafficStats::read(self.snapshot, &stay, self.query.now).await?;
        let (requests, failed) = stats.failures();
        let finding = match failed {
            1.. => Finding::NotMet,
            0 if requests >= least => Finding::Met,
            0 => Finding::Inconclusive,
        };
        let found = format!("{failed} of {} failed in retired", counted(requests, "request", "requests"));
        Ok(Criterion { name: "no-errors", finding, found: found.into(), asked: asked.into() })
    }
}

const NEW_FIELDS: &str = r#"
    SELECT (SELECT count(*) FROM pg_attribute a
            WHERE a.attrelid = to_regclass($1 || '.reservations') AND NOT a.attisdropped
              AND a.attname IN ('serviceId', 'serviceName', 'estimatedDuration', 'period')) AS fields,
           (SELECT count(*) FROM pg_constraint k
            WHERE k.conrelid = to_regclass($1 || '.reservations') AND k.conname = 'reservations_serviceId_fkey'
              AND k.contype = 'f' AND k.convalidated) AS keys"#;

/// The views for people stand on these tables.
const SCHEMAS_WITH_COLUMNS: &str = "
    SELECT DISTINCT c.relnamespace::regnamespace::text
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relname = $1 AND c.relkind = 'r' AND a.attname = ANY($2) AND NOT a.attisdropped
    ORDER BY 1";

fn describe_left(schemas: &[String]) -> String {
    if schemas.is_empty() { "none".to_owned() } else { format!("in {}", schemas.join(", ")) }
}

fn criterion(
    name: &'static str,
    is_met: bool,
    found: impl Into<Box<str>>,
    asked: impl Into<Box<str>>,
) -> Criterion {
    Criterion { name, finding: met_if(is_met), found: found.into(), asked: asked.into() }
}
