//! The interpretation of a text and the rule it comes from, for reports. No decision depends on it.

use std::fmt;

use daybook_domain::requested_time::{self, Ambiguity, ParsedTime};
use daybook_domain::{ClockTime, Period};
use serde::{Serialize, Serializer};

use crate::legacy::import::rules::{Reading, Rules};

/// The interpretation of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interpretation {
    At(ClockTime),
    /// Any time, because the texts of one format contain different ones.
    Time,
    Period(Period),
    Review(Ambiguity),
}

impl Interpretation {
    pub(super) const fn exactly(parsed: ParsedTime) -> Self {
        match parsed {
            ParsedTime::At(time) => Self::At(time),
            ParsedTime::Period(period) => Self::Period(period),
            ParsedTime::Ambiguous(ambiguity) => Self::Review(ambiguity),
        }
    }

    pub(super) const fn kind(parsed: ParsedTime) -> Self {
        match parsed {
            ParsedTime::At(_) => Self::Time,
            ParsedTime::Period(_) | ParsedTime::Ambiguous(_) => Self::exactly(parsed),
        }
    }
}

/// `12:30`, `TIME`, `MORNING`, `AFTERNOON` or `REVIEW` with its reason.
impl fmt::Display for Interpretation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(time) => time.fmt(formatter),
            Self::Time => formatter.write_str("TIME"),
            Self::Period(period) => formatter.write_str(period.as_str()),
            Self::Review(ambiguity) => write!(formatter, "REVIEW {ambiguity}"),
        }
    }
}

impl Serialize for Interpretation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The rule that an interpretation comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadBy {
    /// A format of the built-in grammar.
    BuiltIn(&'static str),
    /// One of the clinic's own rules.
    Rule(Box<str>),
    NoRule,
}

impl ReadBy {
    pub(super) fn new(text: &str, reading: &Reading, rules: &Rules) -> Self {
        match reading.rule {
            Some(index) => Self::Rule(rules.names().nth(index).unwrap_or_default().into()),
            None => {
                requested_time::format(text).map_or(Self::NoRule, |format| Self::BuiltIn(format.as_str()))
            }
        }
    }
}

impl fmt::Display for ReadBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(format) => write!(formatter, "built-in {format}"),
            Self::Rule(name) => write!(formatter, "rule {name}"),
            Self::NoRule => formatter.write_str("no rule"),
        }
    }
}
