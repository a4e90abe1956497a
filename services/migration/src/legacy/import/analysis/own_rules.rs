//! The effect of the clinic's own rules: interpretations without and with each rule.

use std::collections::BTreeMap;

use serde::Serialize;

use super::reading::Interpretation;
use crate::legacy::import::rules::{Reading, Rules};

/// The effect of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleReport {
    pub name: Box<str>,
    /// 0 if the rule matches no text, or an earlier rule or the grammar always takes precedence.
    pub rows: u64,
    /// Most frequent first.
    pub changes: Vec<Change>,
}

/// Rows whose interpretation a rule changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// By the built-in grammar.
    pub before: Interpretation,
    pub after: Interpretation,
    pub rows: u64,
}

/// Counts rows by rule, before and after.
#[derive(Default)]
pub(super) struct OwnRules(BTreeMap<(usize, Interpretation, Interpretation), u64>);

impl OwnRules {
    pub(super) fn add(&mut self, reading: &Reading) {
        if let Some(rule) = reading.rule {
            let (before, after) =
                (Interpretation::exactly(reading.built_in), Interpretation::exactly(reading.parsed));
            *self.0.entry((rule, before, after)).or_default() += 1;
        }
    }

    pub(super) fn into_reports(self, rules: &Rules) -> Vec<RuleReport> {
        let report = |(index, name): (usize, &str)| {
            let counts = self.0.iter().filter(|((rule, ..), _)| *rule == index);
            let mut changes: Vec<Change> = counts
                .map(|((_, before, after), rows)| Change { before: *before, after: *after, rows: *rows })
                .collect();
            changes.sort_by_key(|change| std::cmp::Reverse(change.rows));
            RuleReport { name: name.into(), rows: changes.iter().map(|change| change.rows).sum(), changes }
        };
        rules.names().enumerate().map(report).collect()
    }
}
