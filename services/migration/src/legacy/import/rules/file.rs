//! The TOML format of the rules. Never accepts a file in part: the first fault rejects all of it.

use std::collections::HashSet;
use std::ops::Range;

use daybook_domain::ClockTime;
use daybook_domain::requested_time::{self, MAX_REQUESTED_TIME_LENGTH};
use daybook_domain::time::Period;
use daybook_domain::value;
use regex_lite::{Regex, RegexBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::{Matcher, Meaning, Rule};

/// Rules per file.
pub const MAX_RULES: usize = 200;

/// Size of a file.
pub const MAX_RULES_BYTES: usize = 256 * 1024;

const MAX_NAME_CHARS: usize = 40;

const MAX_PATTERN_BYTES: usize = 500;

const MAX_COMPILED_BYTES: usize = 64 * 1024;

/// A fault in a file of rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}{}: {fault}", in_rule(.rule.as_deref()), in_field(*.field))]
pub struct RulesError {
    /// From 1.
    pub line: usize,
    pub rule: Option<String>,
    pub field: Option<&'static str>,
    /// The fault, and what would be valid.
    pub fault: String,
}

fn in_rule(rule: Option<&str>) -> String {
    rule.map(|name| format!(", rule \"{name}\"")).unwrap_or_default()
}

fn in_field(field: Option<&str>) -> String {
    field.map(|field| format!(", `{field}`")).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Option<Spanned<String>>,
    text: Option<Spanned<String>>,
    pattern: Option<Spanned<String>>,
    means: Option<Spanned<String>>,
    #[serde(default)]
    before: bool,
}

pub(super) fn parse(text: &str) -> Result<Vec<Rule>, RulesError> {
    if text.len() > MAX_RULES_BYTES {
        let fault = format!("a file of rules has at most {MAX_RULES_BYTES} bytes");
        return Err(RulesError { line: 1, rule: None, field: None, fault });
    }
    let file: File = toml::from_str(text).map_err(|error| RulesError {
        line: line_of(text, error.span()),
        rule: None,
        field: None,
        fault: error.message().to_owned(),
    })?;
    let mut names = HashSet::new();
    let mut rules = Vec::new();
    for entry in file.rule {
        let span = entry.span();
        let entry = entry.into_inner();
        let reader = Reader { text, span, name: entry.name.as_ref().map(|name| name.get_ref().clone()) };
        if rules.len() >= MAX_RULES {
            return Err(reader.fault(None, None, format!("a file has at most {MAX_RULES} rules")));
        }
        let rule = reader.read(&entry)?;
        if !names.insert(rule.name.clone()) {
            let at = entry.name.as_ref().map(Spanned::span);
            return Err(reader.fault(at, Some("name"), "another rule has this name".to_owned()));
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn line_of(text: &str, span: Option<Range<usize>>) -> usize {
    let start = span.map_or(0, |span| span.start).min(text.len());
    1 + text.as_bytes().iter().take(start).filter(|byte| **byte == b'\n').count()
}

/// Reads one rule and knows its line.
struct Reader<'a> {
    text: &'a str,
    span: Range<usize>,
    name: Option<String>,
}

impl Reader<'_> {
    fn fault(&self, at: Option<Range<usize>>, field: Option<&'static str>, fault: String) -> RulesError {
        let line = line_of(self.text, Some(at.unwrap_or_else(|| self.span.clone())));
        RulesError { line, rule: self.name.clone(), field, fault }
    }

    fn read(&self, entry: &Entry) -> Result<Rule, RulesError> {
        Ok(Rule {
            name: self.field("name", entry.name.as_ref(), name)?,
            matches: self.matcher(entry)?,
            means: self.field("means", entry.means.as_ref(), meaning)?,
            is_before: entry.before,
        })
    }

    fn field<T>(
        &self,
        field: &'static str,
        value: Option<&Spanned<String>>,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, RulesError> {
        let value = value.ok_or_else(|| self.fault(None, Some(field), "it is missing".to_owned()))?;
        read(value.get_ref()).map_err(|fault| self.fault(Some(value.span()), Some(field), fault))
    }

    fn matcher(&self, entry: &Entry) -> Result<Matcher, RulesError> {
        match (&entry.text, &entry.pattern) {
            (Some(text), None) => self.field("text", Some(text), whole_text).map(Matcher::Text),
            (None, Some(pattern)) => self.field("pattern", Some(pattern), compiled).map(Matcher::Pattern),
            (Some(_), Some(pattern)) => {
                let fault = "a rule has a `text` or a `pattern`, not both".to_owned();
                Err(self.fault(Some(pattern.span()), Some("pattern"), fault))
            }
            (None, None) => Err(self.fault(None, None, "a rule needs a `text` or a `pattern`".to_owned())),
        }
    }
}

fn name(text: &str) -> Result<Box<str>, String> {
    let allowed = |sign: char| sign.is_alphanumeric() || matches!(sign, '-' | '_');
    if text.is_empty() || text.chars().count() > MAX_NAME_CHARS || !text.chars().all(allowed) {
        return Err(format!("a name is 1 to {MAX_NAME_CHARS} letters, digits, - and _"));
    }
    Ok(text.into())
}

/// A rule that nobody can read as it is written would match what nobody expects.
fn visible(text: &str) -> Result<&str, String> {
    match value::RULE.check(text) {
        Ok(()) => Ok(text),
        Err(range) => Err(format!("it needs {range}")),
    }
}

fn whole_text(text: &str) -> Result<String, String> {
    let canonical = requested_time::canonical(text);
    if canonical.is_empty() || canonical.len() > MAX_REQUESTED_TIME_LENGTH {
        return Err(format!(
            "a text has 1 to {MAX_REQUESTED_TIME_LENGTH} bytes; blank texts always go to review"
        ));
    }
    visible(&canonical)?;
    Ok(canonical)
}

/// Anchors a pattern to the whole text. It is first compiled alone, so that a bracket in it cannot close the group around it.
fn compiled(pattern: &str) -> Result<Regex, String> {
    if pattern.is_empty() || pattern.len() > MAX_PATTERN_BYTES {
        return Err(format!("a pattern has 1 to {MAX_PATTERN_BYTES} bytes"));
    }
    visible(pattern)?;
    let compile = |pattern: &str| RegexBuilder::new(pattern).size_limit(MAX_COMPILED_BYTES).build();
    let compiled = compile(pattern).and_then(|_| compile(&format!("^(?:{pattern})$")));
    compiled.map_err(|error| format!("this is not a valid regular expression: {error}"))
}

fn meaning(text: &str) -> Result<Meaning, String> {
    if text == "REVIEW" {
        return Ok(Meaning::Review);
    }
    if let Ok(period) = text.parse::<Period>() {
        return Ok(Meaning::Period(period));
    }
    let hours = 60..24 * 60;
    let time = text.parse::<ClockTime>().ok().filter(|time| hours.contains(&time.minutes()));
    time.map(Meaning::At)
        .ok_or_else(|| "give a time from 01:00 to 23:59, MORNING, AFTERNOON or REVIEW".to_owned())
}
