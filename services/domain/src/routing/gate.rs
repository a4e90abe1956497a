//! The gates before a stage: what has to hold before more people are led to the dynamic view.
//!
//! Here stands which gates a stage has, never how they are measured: that is the read side's. A result is recorded with
//! the stage that it let in, in words that hold nothing of a patient.

use serde::{Deserialize, Serialize};

use super::Stage;

/// One condition of a stage. The spellings are storage format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// The dynamic view holds at least the services that the enum has.
    Services,
    /// The dynamic view holds the clinic's hours.
    Hours,
    /// Every reservation has a service id, a service name and a duration.
    ServiceFields,
    /// Nearly every reservation has a period; the others await review.
    Periods,
    /// The periods are not all of one half of the day.
    PeriodSplit,
    /// Every reservation's service is the one that its enum value stands for.
    Mappings,
    /// The legacy view shows every reservation with its old fields.
    OldFields,
    /// The views are at the log's end.
    Lag,
    /// A full comparison of both views, not long ago, found no difference.
    Parity,
    /// No event is parked.
    Parked,
    /// The stage before has lasted as long as it has to.
    Soak,
    /// Nothing was rolled back for as long as it has to be before the legacy view may go.
    Stability,
    /// Sampled reads were answered alike by both models.
    ShadowReads,
    /// Errors are no more frequent than they were.
    Errors,
    /// Bookings are made as often as they were.
    CreationRate,
    /// A backup was made, and restoring it was tried.
    Backup,
    /// It is written down whom to call.
    Contacts,
    /// The team has agreed.
    Approval,
}

impl Gate {
    /// All of them, in the order in which lists show them.
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

    /// As commands and lists name it.
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

    /// Whether it stands before a stage.
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

    /// The gates before a stage.
    pub fn before(stage: Stage) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |gate| gate.guards(stage))
    }

    /// The gates before a stage that were not measured or do not let through.
    pub fn shut(stage: Stage, results: &[GateResult]) -> impl Iterator<Item = Self> {
        let is_open = |gate: &Self| results.iter().any(|result| result.gate == *gate && result.is_met());
        Self::before(stage).filter(move |gate| !is_open(gate))
    }
}

impl std::fmt::Display for Gate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What measuring a gate came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// It holds.
    Met,
    /// It does not hold.
    NotMet,
    /// There is too little to judge by; the gate stays shut.
    Inconclusive,
}

/// A gate as it was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateResult {
    /// Which.
    pub gate: Gate,
    /// What it came to.
    pub finding: Finding,
    /// What was found, such as `26 h in canary-5`.
    pub found: Box<str>,
    /// What is asked, such as `24 h`.
    pub asked: Box<str>,
}

impl GateResult {
    /// Whether it lets through.
    pub fn is_met(&self) -> bool {
        self.finding == Finding::Met
    }
}
