//! The four phases of the runbook, each with the success criteria that it lists, measured.
//!
//! A phase is looked at and never entered: stages are. Most criteria are gates as well; what is asked of tables and types is
//! looked up here, in the database's own catalog.

use daybook_domain::ReadModel;
use daybook_domain::routing::{Finding, Gate, GateResult, LogPlace, Stage};
use deadpool_postgres::Transaction;
use serde::Serialize;

use super::figures::{passed, things, time};
use super::{GateContext, GateQuery, Gates, StageStay};
use daybook_projections::ViewError;
use daybook_projections::read::routing::read_history;

/// A phase of the runbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunbookPhase {
    /// 1: new tables and fields beside the old ones.
    Additive,
    /// 2: what is there is taken over.
    DataMigration,
    /// 3: people are led to the new model.
    Switchover,
    /// 4: the old model goes.
    Cleanup,
}

/// The number names no phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the phases are 1 (additive), 2 (data migration), 3 (switchover) and 4 (cleanup)")]
pub struct UnknownPhase;

impl RunbookPhase {
    /// The phase of a number.
    ///
    /// # Errors
    /// Which numbers there are.
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

/// A success criterion as it was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Criterion {
    /// What it is called.
    pub name: &'static str,
    /// What it came to.
    pub finding: Finding,
    /// What was found.
    pub found: Box<str>,
    /// What is asked.
    pub asked: Box<str>,
}

impl From<GateResult> for Criterion {
    fn from(GateResult { gate, finding, found, asked }: GateResult) -> Self {
        Self { name: gate.as_str(), finding, found, asked }
    }
}

/// A phase's criteria as they were measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseMeasured {
    /// Up to where the views that were measured hold the log.
    pub position: LogPlace,
    /// Each criterion of the phase.
    pub criteria: Vec<Criterion>,
}

impl Gates {
    /// Measures the success criteria of a phase. Somebody has to keep the views up meanwhile.
    ///
    /// # Errors
    /// When the log or the database cannot be read. What is missing or wrong is a finding, not an error.
    pub async fn measure_phase(
        &self,
        phase: RunbookPhase,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<PhaseMeasured, ViewError> {
        let (history, _) = read_history(&*self.log).await?;
        let (stay, stage) = (StageStay::of(&history), history.stage().next().unwrap_or(Stage::Retired));
        let (gates, phase) = (phase.gates(), Some(phase));
        let (position, seen) =
            self.look(&GateQuery { gates, phase, stage, stay, now, history: &history }).await?;
        let criteria = seen.others.into_iter().chain(seen.gates.into_iter().map(Criterion::from)).collect();
        Ok(PhaseMeasured { position: position.into(), criteria })
    }
}

impl GateContext<'_> {
    /// The criteria of a phase that are no gates.
    pub(super) async fn criteria(&self, phase: RunbookPhase) -> Result<Vec<Criterion>, ViewError> {
        match phase {
            RunbookPhase::Additive => {
                let (fields, key) = self.new_fields().await?;
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

    /// Whether the new fields are there, and whether a service that is booked has to be one that is there.
    async fn new_fields(&self) -> Result<(Criterion, Criterion), ViewError> {
        let schema = self.live.of(ReadModel::Dynamic).map(|standing| standing.generation.schema());
        let row = self.snapshot.query_one(NEW_FIELDS, &[&schema]).await?;
        let (fields, keys): (i64, i64) = (row.try_get("fields")?, row.try_get("keys")?);
        let view = schema.unwrap_or_else(|| "no dynamic view".to_owned());
        let found = format!("{fields} in {view}");
        let asked = "serviceId, serviceName, estimatedDuration and period of reservations";
        let fields = criterion("new-fields", fields == 4, found, asked);
        let found = format!("{} in {view}", things(keys.unsigned_abs(), "key", "keys"));
        let key = criterion("foreign-key", keys == 1, found, "reservations_serviceId_fkey, checked");
        Ok((fields, key))
    }

    /// Whether the old system's view answers as it did.
    fn old_system(&self) -> Criterion {
        let asked = "the legacy view serves and holds all of the log";
        match self.live.of(ReadModel::Legacy) {
            None => criterion("old-system", false, self.live.describe_missing(ReadModel::Legacy), asked),
            Some(standing) => {
                let found = format!(
                    "{} at position {}, the log at {}",
                    standing.generation, standing.position, self.head
                );
                criterion("old-system", standing.position >= self.head, found, asked)
            }
        }
    }

    /// How long each stage of the rollout has lasted.
    fn rollout(&self) -> Vec<Criterion> {
        let GateQuery { history, now, .. } = *self.wanted;
        let stages = [
            ("canary-5-lasted", Stage::Canary5),
            ("canary-25-lasted", Stage::Canary25),
            ("canary-50-lasted", Stage::Canary50),
            ("dynamic-lasted", Stage::Dynamic),
        ];
        let judge = |(name, stage): (&'static str, Stage)| {
            let needed = self.of.settings.soak.of(stage);
            let lasted = history.last_stay(stage, now).map(passed);
            let found = lasted.map_or_else(|| "not entered since the rollout began".to_owned(), time);
            let is_met = lasted.is_some_and(|lasted| lasted >= needed);
            criterion(name, is_met, found, format!("{} without a break", time(needed)))
        };
        stages.into_iter().map(judge).collect()
    }

    /// What is left of the old model in the database.
    async fn leftovers(&self) -> Result<[Criterion; 3], ViewError> {
        let old_fields = find(self.snapshot, OLD_FIELDS).await?;
        let types = find(
            self.snapshot,
            "SELECT typnamespace::regnamespace::text FROM pg_type WHERE typname = 'ServiceType' ORDER BY 1",
        )
        .await?;
        let tables = find(self.snapshot, OLD_LIMITS).await?;
        let kept = match self.live.of(ReadModel::Dynamic) {
            None => 0,
            Some(standing) => {
                let schema = standing.generation.schema();
                let sql = format!("SELECT count(*) FROM {schema}.service_reservation_limits");
                self.snapshot.query_one(&sql, &[]).await?.try_get::<_, i64>(0)?
            }
        };
        let limits = format!(
            "{}; the dynamic view keeps {}",
            left(&tables),
            things(kept.unsigned_abs(), "limit", "limits")
        );
        Ok([
            criterion(
                "old-fields-removed",
                old_fields.is_empty(),
                left(&old_fields),
                "no service and no preferredTime in any reservations",
            ),
            criterion("enum-removed", types.is_empty(), left(&types), "no type ServiceType in any schema"),
            criterion(
                "limits-removed",
                tables.is_empty(),
                limits,
                "no service_reservation_limits of the enum",
            ),
        ])
    }

    /// Whether anything failed since the legacy view went.
    async fn failures(&self) -> Result<Criterion, ViewError> {
        let least = self.of.settings.error_requests;
        let asked = format!("{least} requests or more since then, and none failed");
        let retired = self.wanted.stay.filter(|stay| stay.stage == Stage::Retired);
        let Some(stay) = retired else {
            let found = format!("the stage is {}", self.wanted.history.stage());
            return Ok(criterion("no-errors", false, found, asked));
        };
        let watched = super::TrafficStats::read(self.snapshot, &stay, self.wanted.now).await?;
        let (requests, failed) = watched.failures();
        let finding = match failed {
            1.. => Finding::NotMet,
            0 if requests >= least => Finding::Met,
            0 => Finding::Inconclusive,
        };
        let found = format!("{failed} of {} failed in retired", things(requests, "request", "requests"));
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

/// Schemas of tables that hold the old fields of reservations. Views for people stand on those tables.
const OLD_FIELDS: &str = "
    SELECT DISTINCT c.relnamespace::regnamespace::text
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relname = 'reservations' AND c.relkind = 'r' AND a.attname IN ('service', 'preferredTime') AND NOT a.attisdropped
    ORDER BY 1";

/// Schemas that hold the limits of enum values.
const OLD_LIMITS: &str = "
    SELECT DISTINCT c.relnamespace::regnamespace::text
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relname = 'service_reservation_limits' AND c.relkind = 'r' AND a.attname = 'serviceType' AND NOT a.attisdropped
    ORDER BY 1";

async fn find(snapshot: &Transaction<'_>, sql: &str) -> Result<Vec<String>, ViewError> {
    let rows = snapshot.query(sql, &[]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// In which schemas something is left.
fn left(schemas: &[String]) -> String {
    if schemas.is_empty() { "none".to_owned() } else { format!("in {}", schemas.join(", ")) }
}

fn criterion(
    name: &'static str,
    is_met: bool,
    found: impl Into<Box<str>>,
    asked: impl Into<Box<str>>,
) -> Criterion {
    let finding = if is_met { Finding::Met } else { Finding::NotMet };
    Criterion { name, finding, found: found.into(), asked: asked.into() }
}
