//! What a client can act on, beside the code: the fields that an error body has of its own.

use chrono::NaiveDate;
use daybook_domain::routing::{Gate, GateResult, Stage};
use daybook_domain::{ClockTime, Minutes, Status};
use serde::Serialize;

/// The fields that an error body has beside `error`, `message`, `code` and `requestId`.
#[derive(Debug, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(crate) enum Details {
    /// None.
    Nothing {},
    /// Fields that are missing, all of them.
    Fields {
        /// Their names.
        fields: Vec<&'static str>,
    },
    /// The field that is wrong.
    Field {
        /// Its name.
        field: &'static str,
    },
    /// The field that is wrong, and what is allowed.
    Rule {
        /// Its name.
        field: &'static str,
        /// What is allowed, in English.
        rule: &'static str,
    },
    /// The header that is wrong.
    Header {
        /// Its name.
        header: &'static str,
    },
    /// Bytes that a body may have.
    Size {
        /// How many.
        max_bytes: usize,
    },
    /// Free times in place of one that is taken.
    Suggested {
        /// Up to three of the same period, nearest first.
        suggested_times: Vec<ClockTime>,
    },
    /// A day's minutes of a service are used up.
    Minutes {
        /// How far.
        details: DailyMinutes,
    },
    /// Staff closed the time.
    Closed {
        /// Always so.
        is_manual_closed: bool,
        /// Why, as staff tell booking clients.
        closure_reason: Option<Box<str>>,
    },
    /// A step that the transition table does not have.
    Transition {
        /// Where the booking stands.
        from: Status,
        /// Where it was to go.
        to: Status,
    },
    /// What a booking that cannot be moved is.
    GenerationStatus {
        /// Where it stands.
        status: Status,
    },
    /// The booking changed meanwhile.
    Version {
        /// What the client saw.
        expected: u32,
        /// What is.
        actual: u32,
    },
    /// A stage that does not follow the present one.
    Order {
        /// The stage as it is.
        at: Stage,
        /// The stage that was asked for.
        wanted: Stage,
    },
    /// Gates before a stage that do not let through.
    Gates {
        /// The stage that was asked for.
        stage: Stage,
        /// Their names.
        gates: Vec<Gate>,
        /// What was measured, of those that let through too.
        found: Vec<GateResult>,
    },
    /// What stands in the way of retiring or restoring the legacy view.
    Obstacle {
        /// In English, with the next command.
        obstacle: String,
    },
    /// Two stretches of clinic time that overlap.
    Overlap {
        /// Their ids.
        slots: [String; 2],
    },
}

/// How far a day's minutes of a service are used up.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DailyMinutes {
    /// Minutes a day.
    pub(crate) daily_limit_minutes: Minutes,
    /// Minutes booked.
    pub(crate) consumed_minutes: Minutes,
    /// Minutes left.
    pub(crate) remaining_minutes: Minutes,
    /// Minutes asked for.
    pub(crate) requested_duration: Minutes,
    /// Which day; none where the refusal is not about one that was named.
    pub(crate) date: Option<NaiveDate>,
}

impl Details {
    /// What stands for the placeholders of a message.
    pub(crate) fn parameters(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Nothing {} | Self::Suggested { .. } | Self::Closed { .. } => vec![],
            Self::Fields { fields } => vec![("{fields}", fields.join(", "))],
            Self::Field { field } => vec![("{field}", (*field).to_owned())],
            Self::Rule { field, rule } => {
                vec![("{field}", (*field).to_owned()), ("{rule}", (*rule).to_owned())]
            }
            Self::Header { header } => vec![("{header}", (*header).to_owned())],
            Self::Size { max_bytes } => vec![("{max_bytes}", max_bytes.to_string())],
            Self::Minutes { details } => vec![("{remaining}", details.remaining_minutes.to_string())],
            Self::Transition { from, to } => vec![("{from}", from.to_string()), ("{to}", to.to_string())],
            Self::GenerationStatus { status } => vec![("{status}", status.to_string())],
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
            Self::Obstacle { obstacle } => vec![("{obstacle}", obstacle.clone())],
            Self::Overlap { slots: [first, second] } => {
                vec![("{first}", first.clone()), ("{second}", second.clone())]
            }
        }
    }
}
