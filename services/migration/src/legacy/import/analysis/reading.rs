//! What a text becomes, and by which rule, in the words of a report.

use std::fmt;

use daybook_domain::requested_time::{self, Ambiguity, ParsedTime};
use daybook_domain::{ClockTime, Period};
use serde::{Serialize, Serializer};

use crate::legacy::import::rules::{Reading, Rules};

/// What a text becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interpretation {
    /// This time.
    At(ClockTime),
    /// A time; texts of one format name many.
    Time,
    /// A half of the day.
    Period(Period),
    /// A person's work, and why.
    Review(Ambiguity),
}

impl Interpretation {
    pub(super) const fn exactly(understood: ParsedTime) -> Self {
        match understood {
            ParsedTime::At(time) => Self::At(time),
            ParsedTime::Period(period) => Self::Period(period),
            ParsedTime::Ambiguous(unclear) => Self::Review(unclear),
        }
    }

    pub(super) const fn kind(understood: ParsedTime) -> Self {
        match understood {
            ParsedTime::At(_) => Self::Time,
            ParsedTime::Period(_) | ParsedTime::Ambiguous(_) => Self::exactly(understood),
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
            Self::Review(unclear) => write!(formatter, "REVIEW {unclear}"),
        }
    }
}

impl Serialize for Interpretation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// By which rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadBy {
    /// A form of the built-in grammar.
    BuiltIn(&'static str),
    /// A rule of the clinic's own.
    Rule(Box<str>),
    /// No rule knows it.
    NoRule,
}

impl ReadBy {
    pub(super) fn of(text: &str, reading: &Reading, rules: &Rules) -> Self {
        match reading.rule {
            Some(place) => Self::Rule(rules.names().nth(place).unwrap_or_default().into()),
            None => {
                requested_time::format(text).map_or(Self::NoRule, |format| Self::BuiltIn(format.as_str()))
            }
        }
    }
}

impl fmt::Display for ReadBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(form) => write!(formatter, "built-in {form}"),
            Self::Rule(name) => write!(formatter, "rule {name}"),
            Self::NoRule => formatter.write_str("no rule"),
        }
    }
}
