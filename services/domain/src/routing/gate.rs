//! The gates of each stage: the conditions that have to be met before more subjects read the dynamic view.
//!
//! Nothing here measures a gate; the results come in with the command and are recorded with the stage. Their texts must
//! not contain anything about a patient.

use serde::{Deserialize, Serialize};

use super::Stage;

/// A condition for entering a stage. The spellings are storage format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// The dynamic view has at least the services of the old enum.
    Services,
    /// The dynamic view has the clinic's hours.
    Hours,
    /// All reservations have a service id, a service name and a duration.
    ServiceFields,
    /// Nearly all reservations have a period; the others wait for review.
    Periods,
    /// The periods are not all the same.
    PeriodSplit,
    /// The service of each reservation matches its enum value.
    Mappings,
    /// The legacy view has all reservations with their old fields.
    OldFields,
    /// Both views have reached the head of the log.
    Lag,
    /// A recent full comparison of both views found no difference.
    Parity,
    /// No event is parked.
    Parked,
    /// The current stage has lasted for its soak time.
    Soak,
    /// There was no rollback for the time required before the legacy view is retired.
    Stability,
    /// Both views gave the same answers to sampled reads.
    ShadowReads,
    /// The error rate has not increased.
    Errors,
    /// The booking rate has not decreased.
    CreationRate,
    /// A backup was made and a restore was tested.
    Backup,
    /// The emergency contacts are filled in.
    Contacts,
    /// The team has approved the cleanup.
    Approval,
}

impl Gate {
    /// All gates in display order.
    pub const ALL: [Self; 18] = [
        Self::Services,
        Self::Hours,
        Self::ServiceFields,
        Self::Periods,
        Self::PeriodSplit,
        Self::Mappings,
        Self::OldFields,
        Self::Lag,
        Self::Parity,
        Self::Parked,
        Self::Soak,
        Self::Stability,
        Self::ShadowReads,
        Self::Errors,
        Self::CreationRate,
        Self::Backup,
        Self::Contacts,
        Self::Approval,
    ];

    /// The name in commands and lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::Hours => "hours",
            Self::ServiceFields => "service-fields",
            Self::Periods => "periods",
            Self::PeriodSplit => "period-split",
            Self::Mappings => "mappings",
            Self::OldFields => "old-fields",
            Self::Lag => "lag",
            Self::Parity => "parity",
            Self::Parked => "parked",
            Self::Soak => "soak",
            Self::Stability => "stability",
            Self::ShadowReads => "shadow-reads",
            Self::Errors => "errors",
            Self::CreationRate => "creation-rate",
            Self::Backup => "backup",
            Self::Contacts => "contacts",
            Self::Approval => "approval",
        }
    }

    /// Whether it has to be met before entering a stage.
    pub const fn guards(self, stage: Stage) -> bool {
        match self {
            Self::Lag | Self::Parity | Self::Parked => !matches!(stage, Stage::Legacy),
            Self::Services
            | Self::Hours
            | Self::ServiceFields
            | Self::Periods
            | Self::PeriodSplit
            | Self::Mappings
            | Self::OldFields
            | Self::Contacts => matches!(stage, Stage::Shadow | Stage::Canary5),
            Self::Backup => matches!(stage, Stage::Shadow | Stage::Canary5 | Stage::Retired),
            Self::Soak => !matches!(stage, Stage::Legacy | Stage::Shadow),
            Self::ShadowReads => {
                matches!(stage, Stage::Canary5 | Stage::Canary25 | Stage::Canary50 | Stage::Dynamic)
            }
            Self::Errors | Self::CreationRate => {
                matches!(stage, Stage::Canary25 | Stage::Canary50 | Stage::Dynamic | Stage::Retired)
            }
            Self::Stability | Self::Approval => matches!(stage, Stage::Retired),
        }
    }

    /// The gates of a stage.
    pub fn before(stage: Stage) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |gate| gate.guards(stage))
    }

    /// The gates of a stage that are not met, including those without a result.
    pub fn unmet(stage: Stage, results: &[GateResult]) -> impl Iterator<Item = Self> {
        let is_met = |gate: &Self| results.iter().any(|result| result.gate == *gate && result.is_met());
        Self::before(stage).filter(move |gate| !is_met(gate))
    }
}

impl std::fmt::Display for Gate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The outcome of measuring a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    Met,
    /// The condition is not met.
    NotMet,
    /// There is not enough data, so the gate counts as not met.
    Inconclusive,
}

/// The result of measuring a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateResult {
    pub gate: Gate,
    pub finding: Finding,
    /// The measured value, such as `26 h in canary-5`.
    pub found: Box<str>,
    /// The required value, such as `24 h`.
    pub asked: Box<str>,
}

impl GateResult {
    /// Whether the gate is met.
    pub fn is_met(&self) -> bool {
        self.finding == Finding::Met
    }
}
