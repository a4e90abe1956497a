//! The clinic's own rules for free-text times: a TOML file of texts and patterns, and what each means.
//!
//! A rule says only what a text means. It never makes a text one that may be recorded in plain: a pattern can match a
//! name as well as a time.

mod file;

use daybook_domain::ClockTime;
use daybook_domain::requested_time::{self, Ambiguity, MAX_REQUESTED_TIME_LENGTH, ParsedTime};
use daybook_domain::time::Period;
use regex_lite::Regex;

pub use file::{MAX_RULES, MAX_RULES_BYTES, RulesError};

/// The clinic's own rules, in the order in which they are tried.
#[derive(Debug, Clone, Default)]
pub struct Rules(Vec<Rule>);

/// One rule.
#[derive(Debug, Clone)]
struct Rule {
    name: Box<str>,
    matches: Matcher,
    means: Meaning,
    /// Whether it goes before the built-in grammar.
    is_before: bool,
}

/// Which texts a rule is about, in their canonical spelling.
#[derive(Debug, Clone)]
enum Matcher {
    Text(String),
    Pattern(Regex),
}

/// What a text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    At(ClockTime),
    Period(Period),
    /// A person has to look at it.
    Review,
}

/// A wish as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// What it is understood as.
    pub(crate) understood: ParsedTime,
    /// What the built-in grammar alone makes of it.
    pub(crate) built_in: ParsedTime,
    /// Place of the clinic's rule that decided; none where the grammar did.
    pub(crate) rule: Option<usize>,
}

impl Rules {
    /// Reads a file of rules.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line, its rule and its field.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        file::parse(text).map(Self)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|rule| &*rule.name)
    }

    /// Reads a wish: rules that go before the grammar, the grammar, then the others. A blank text says nothing, and one
    /// that is too long is no time, whatever a rule says.
    pub(crate) fn read(&self, text: &str) -> Reading {
        let built_in = requested_time::parse(text);
        let by_grammar = Reading { understood: built_in, built_in, rule: None };
        if self.is_empty()
            || text.len() > MAX_REQUESTED_TIME_LENGTH
            || built_in == ParsedTime::Ambiguous(Ambiguity::Empty)
        {
            return by_grammar;
        }
        let is_open = matches!(built_in, ParsedTime::Ambiguous(_));
        let canonical = requested_time::canonical(text);
        let mut ranked = [true, false]
            .into_iter()
            .flat_map(|before| self.0.iter().enumerate().filter(move |(_, rule)| rule.is_before == before));
        let found = ranked.find(|(_, rule)| (rule.is_before || is_open) && rule.matches.is_about(&canonical));
        found.map_or(by_grammar, |(place, rule)| Reading {
            understood: rule.means.of(built_in),
            rule: Some(place),
            ..by_grammar
        })
    }
}

impl Matcher {
    fn is_about(&self, canonical: &str) -> bool {
        match self {
            Self::Text(text) => text == canonical,
            Self::Pattern(pattern) => pattern.is_match(canonical),
        }
    }
}

impl Meaning {
    fn of(self, built_in: ParsedTime) -> ParsedTime {
        match (self, built_in) {
            (Self::At(time), _) => ParsedTime::At(time),
            (Self::Period(period), _) => ParsedTime::Period(period),
            (Self::Review, ParsedTime::Ambiguous(unclear)) => ParsedTime::Ambiguous(unclear),
            // The grammar took it for a time; the clinic knows better.
            (Self::Review, ParsedTime::At(_) | ParsedTime::Period(_)) => {
                ParsedTime::Ambiguous(Ambiguity::NotATime)
            }
        }
    }
}

#[cfg(test)]
mod tests;
