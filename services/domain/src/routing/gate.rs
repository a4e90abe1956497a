//! The gates of each stage: the conditions that have to be met before more subjects read the dynamic view.
//!
//! Nothing here measures a gate; the results come in with the command and are recorded with the stage. Their texts must
//! not contain anything about a patient.

use serde::{Deserialize, Serialize};

use super::Stage;
use crate::vocabulary::vocabulary;

vocabulary! {
    /// A condition for entering a stage. The spellings are storage format.
    Gate {
        /// The dynamic view has at least the services of the old enum.
        Services = "services",
        /// The dynamic view has the clinic's hours.
        Hours = "hours",
        /// All reservations have a service id, a service name and a duration.
        ServiceFields = "service-fields",
        /// Nearly all reservations have a period; the others wait for review.
        Periods = "periods",
        /// The periods are not all the same.
        PeriodSplit = "period-split",
        /// The service of each reservation matches its enum value.
        Mappings = "mappings",
        /// The legacy view has all reservations with their old fields.
        OldFields = "old-fields",
        /// Both views have reached the head of the log.
        Lag = "lag",
        /// A recent full comparison of both views found no difference.
        Parity = "parity",
        /// No event is parked.
        Parked = "parked",
        /// The current stage has lasted for its soak time.
        Soak = "soak",
        /// There was no rollback for the time required before the legacy view is retired.
        Stability = "stability",
        /// Both views gave the same answers to sampled reads.
        ShadowReads = "shadow-reads",
        /// The error rate has not increased.
        Errors = "errors",
        /// The booking rate has not decreased.
        CreationRate = "creation-rate",
        /// A backup was made and a restore was tested.
        Backup = "backup",
        /// The emergency contacts are filled in.
        Contacts = "contacts",
        /// The team has approved the cleanup.
        Approval = "approval",
    }
}

impl Gate {
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
