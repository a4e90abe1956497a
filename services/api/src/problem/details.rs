//! Details of a problem that a client can act on: the additional fields of an error body.

use chrono::{DateTime, NaiveDate, Utc};
use daybook_domain::routing::{Gate, GateResult, Stage};
use daybook_domain::{ClockTime, HoursId, Minutes, Status};
use serde::Serialize;

use super::field_faults::{FieldFaults, Rule};

/// The fields of an error body besides `error`, `message`, `code` and `requestId`.
#[derive(Debug, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(crate) enum Details {
    /// No additional fields.
    Nothing {},
    /// All wrong and missing fields.
    Fields(Box<FieldFaults>),
    /// Names from the client, shortened to what [`UnknownName`] allows.
    Unknown { fields: Vec<UnknownName> },
    Header {
        header: &'static str,
        #[serde(flatten)]
        rule: Rule,
    },
    /// The size limit of a body.
    Size { max_bytes: usize },
    /// Free times to choose instead of a taken one.
    Suggested {
        /// At most three of the same period, nearest first.
        suggested_times: Vec<ClockTime>,
    },
    /// A bound on bookings or lookups without a token.
    Bound {
        /// When there is room again at the latest.
        until: Option<DateTime<Utc>>,
    },
    /// A service's minutes of the day are used up.
    Minutes { details: DailyMinutes },
    /// Staff closed the time.
    Closed {
        is_manual_closed: bool,
        /// The reason that staff entered for booking clients.
        closure_reason: Option<Box<str>>,
    },
    /// A status change that is not in the transition table.
    Transition { from: Status, to: Status },
    /// The status of a booking that cannot be moved.
    Status { status: Status },
    /// The booking has changed since the client read it.
    Version {
        /// The version that the client sent.
        expected: u32,
        /// The current version.
        actual: u32,
    },
    /// A stage that does not follow the current one.
    Order { at: Stage, wanted: Stage },
    /// Gates before a stage that are not met.
    Gates {
        stage: Stage,
        gates: Vec<Gate>,
        /// The results of all gates of the stage.
        found: Vec<GateResult>,
    },
    /// What stands in the way of retiring or restoring the legacy view.
    Obstacle {
        /// In English, with the next command.
        obstacle: String,
    },
    /// A row of clinic hours that has the id of another one.
    SlotId {
        field: &'static str,
        id: HoursId,
        /// The weekday of the other one, from 0 (Sunday).
        day_of_week: u8,
    },
    /// An event that has to be discarded before the command can be decided.
    Event {
        /// Its place in the log.
        position: String,
    },
    /// Two rows of clinic hours that overlap.
    Overlap { field: &'static str, slots: [String; 2] },
}

/// The name of a field or parameter that the client made up. Names are repeated, because the client has to find the wrong
/// one; contents never are.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct UnknownName(String);

impl UnknownName {
    /// Longest name, in characters.
    const MAX_LENGTH: usize = 64;

    /// Most names in one response.
    const MAX_NAMES: usize = 20;

    /// The first names, without the characters that no name of a field has.
    pub(crate) fn all<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<Self> {
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '[' | ']');
        let shorten = |name: &str| Self(name.chars().filter(is_plain).take(Self::MAX_LENGTH).collect());
        names.into_iter().take(Self::MAX_NAMES).map(shorten).collect()
    }
}

/// The use of a service's minutes of one day.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DailyMinutes {
    pub(crate) daily_limit_minutes: Minutes,
    pub(crate) consumed_minutes: Minutes,
    pub(crate) remaining_minutes: Minutes,
    pub(crate) requested_duration: Minutes,
    /// The day, if the request named one.
    pub(crate) date: Option<NaiveDate>,
}

impl Details {
    /// The values of the placeholders of a message.
    pub(crate) fn parameters(&self) -> Vec<(&'static str, String)> {
        match self {
            // Each wrong field has a text of its own.
            Self::Nothing {}
            | Self::Fields(_)
            | Self::Suggested { .. }
            | Self::Closed { .. }
            | Self::Bound { .. } => vec![],
            Self::Unknown { fields } => {
                let names: Vec<&str> = fields.iter().map(|UnknownName(name)| name.as_str()).collect();
                vec![("{fields}", names.join(", "))]
            }
            // The words of its rule depend on the language.
            Self::Header { header, .. } => vec![("{header}", (*header).to_owned())],
            Self::Size { max_bytes } => vec![("{max_bytes}", max_bytes.to_string())],
            Self::Minutes { details } => vec![("{remaining}", details.remaining_minutes.to_string())],
            Self::Transition { from, to } => vec![("{from}", from.to_string()), ("{to}", to.to_string())],
            Self::Status { status } => vec![("{status}", status.to_string())],
            Self::Version { expected, actual } => {
                vec![("{expected}", expected.to_string()), ("{actual}", actual.to_string())]
            }
            Self::Order { at, wanted } => {
                vec![("{at}", at.to_string()), ("{wanted}", wanted.to_string())]
            }
            Self::Gates { stage, gates, .. } => {
                let names: Vec<&str> = gates.iter().map(|gate| gate.as_str()).collect();
                vec![("{stage}", stage.to_string()), ("{gates}", names.join(", "))]
            }
            Self::Event { position } => vec![("{position}", position.clone())],
            Self::Obstacle { obstacle } => vec![("{obstacle}", obstacle.clone())],
            Self::SlotId { id, day_of_week, .. } => {
                vec![("{id}", id.to_string()), ("{day}", day_of_week.to_string())]
            }
            Self::Overlap { slots: [first, second], .. } => {
                vec![("{first}", first.clone()), ("{second}", second.clone())]
            }
        }
    }
}
