//! The clinic's own rules for requested times: a TOML file of texts and patterns with their meanings.
//!
//! A rule only gives a text a meaning. It never lets a text be stored in plain, because a pattern may match a name too.

mod file;

use daybook_domain::ClockTime;
use daybook_domain::requested_time::{self, Ambiguity, MAX_REQUESTED_TIME_LENGTH, ParsedTime};
use daybook_domain::time::Period;
use regex_lite::Regex;

pub use file::{MAX_RULES, MAX_RULES_BYTES, RulesError};

/// The clinic's own rules, in order of precedence.
#[derive(Debug, Clone, Default)]
pub struct Rules(Vec<Rule>);

#[derive(Debug, Clone)]
struct Rule {
    name: Box<str>,
    matches: Matcher,
    means: Meaning,
    /// Whether it precedes the built-in grammar.
    is_before: bool,
}

/// Matches texts in their canonical spelling.
#[derive(Debug, Clone)]
enum Matcher {
    Text(String),
    Pattern(Regex),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    At(ClockTime),
    Period(Period),
    Review,
}

/// The interpretation of a requested time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) parsed: ParsedTime,
    /// The result of the built-in grammar alone.
    pub(crate) built_in: ParsedTime,
    /// Index of the deciding rule; `None` for the grammar.
    pub(crate) rule: Option<usize>,
}

impl Rules {
    /// Parses a file of rules.
    ///
    /// # Errors
    /// The first fault with its line, rule and field.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        file::parse(text).map(Self)
    }

    /// Whether the clinic has no rules.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rules' names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|rule| &*rule.name)
    }

    /// Tries the rules that precede the grammar, the grammar, and then the other rules. No rule applies to a blank or too long
    /// text.
    pub(crate) fn read(&self, text: &str) -> Reading {
        let built_in = requested_time::parse(text);
        let by_grammar = Reading { parsed: built_in, built_in, rule: None };
        if self.is_empty()
            || text.len() > MAX_REQUESTED_TIME_LENGTH
            || built_in == ParsedTime::Ambiguous(Ambiguity::Empty)
        {
            return by_grammar;
        }
        let is_ambiguous = matches!(built_in, ParsedTime::Ambiguous(_));
        let canonical = requested_time::canonical(text);
        let mut ranked = [true, false]
            .into_iter()
            .flat_map(|before| self.0.iter().enumerate().filter(move |(_, rule)| rule.is_before == before));
        let matching =
            ranked.find(|(_, rule)| (rule.is_before || is_ambiguous) && rule.matches.matches(&canonical));
        matching.map_or(by_grammar, |(index, rule)| Reading {
            parsed: rule.means.parsed(built_in),
            rule: Some(index),
            ..by_grammar
        })
    }
}

impl Matcher {
    fn matches(&self, canonical: &str) -> bool {
        match self {
            Self::Text(text) => text == canonical,
            Self::Pattern(pattern) => pattern.is_match(canonical),
        }
    }
}

impl Meaning {
    fn parsed(self, built_in: ParsedTime) -> ParsedTime {
        match (self, built_in) {
            (Self::At(time), _) => ParsedTime::At(time),
            (Self::Period(period), _) => ParsedTime::Period(period),
            (Self::Review, ParsedTime::Ambiguous(ambiguity)) => ParsedTime::Ambiguous(ambiguity),
            // The rule overrides the time that the grammar parsed.
            (Self::Review, ParsedTime::At(_) | ParsedTime::Period(_)) => {
                ParsedTime::Ambiguous(Ambiguity::NotATime)
            }
        }
    }
}

#[cfg(test)]
mod tests;
