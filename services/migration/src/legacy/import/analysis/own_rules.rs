//! What the clinic's own rules change: for each, what its texts were before it and what they are with it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::reading::Interpretation;
use crate::legacy::import::rules::{Reading, Rules};

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleReport {
    /// Its name.
    pub name: Box<str>,
    /// Rows whose text it decided; none means that it matches nothing, or that an earlier rule or the grammar goes first.
    pub rows: u64,
    /// What it changes, most frequent first.
    pub changes: Vec<Change>,
}

/// Rows that become something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What the built-in grammar makes of them.
    pub before: Interpretation,
    /// What the rule makes of them.
    pub after: Interpretation,
    /// How many.
    pub rows: u64,
}

/// Rows by rule, before and after.
#[derive(Default)]
pub(super) struct OwnRules(BTreeMap<(usize, Interpretation, Interpretation), u64>);

impl OwnRules {
    pub(super) fn look(&mut self, reading: &Reading) {
        if let Some(rule) = reading.rule {
            let (before, after) =
                (Interpretation::exactly(reading.built_in), Interpretation::exactly(reading.understood));
            *self.0.entry((rule, before, after)).or_default() += 1;
        }
    }

    pub(super) fn into_reports(self, rules: &Rules) -> Vec<RuleReport> {
        let report = |(place, name): (usize, &str)| {
            let of_rule = self.0.iter().filter(|((rule, ..), _)| *rule == place);
            let mut changes: Vec<Change> = of_rule
                .map(|((_, before, after), rows)| Change { before: *before, after: *after, rows: *rows })
                .collect();
            changes.sort_by_key(|change| std::cmp::Reverse(change.rows));
            RuleReport { name: name.into(), rows: changes.iter().map(|change| change.rows).sum(), changes }
        };
        rules.names().enumerate().map(report).collect()
    }
}
