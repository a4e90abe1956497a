//! What is in a source, before anything is imported: formats of times, what each becomes and by which rule, services,
//! statuses, and what is odd.
//!
//! A text that the built-in grammar does not understand may hold a patient's name. It is shown only where that was asked
//! for; otherwise its shape stands for it, in which every unknown letter is masked.

mod anomalies;
mod formats;
mod own_rules;
mod reading;

use std::collections::BTreeMap;

use daybook_domain::schedule::SlotAssignment;
use daybook_domain::{LegacyService, Status};
use serde::Serialize;

pub use anomalies::{Anomaly, AnomalyKind, MAX_PLACES};
pub use formats::{FormatOutcome, FormatReport, MAX_FORMATS, MAX_SAMPLES, Sample};
pub use own_rules::{Change, RuleReport};
pub use reading::{Interpretation, ReadBy};

use super::reference_data::ReferenceData;
use super::report::ImportReport;
use super::row::RawRow;
use super::rules::Rules;
use anomalies::Anomalies;
use formats::Formats;
use own_rules::OwnRules;

/// Whether texts are shown that the built-in grammar does not understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Samples {
    /// Only texts that name a time and nothing else.
    Times,
    /// All: who asked for it knows that they may name patients.
    All,
}

/// What is in a source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Analysis {
    /// Rows whose fields could be read, also those that a run would reject. Formats, services and statuses count these.
    pub rows: u64,
    /// Formats of `preferredTime`, most frequent first; at most [`MAX_FORMATS`].
    pub formats: Vec<FormatReport>,
    /// Rows of formats beyond that number.
    pub rows_of_other_formats: u64,
    /// Rows by service; one that the old system does not know is among the anomalies.
    pub services: BTreeMap<LegacyService, u64>,
    /// Rows by status.
    pub statuses: BTreeMap<Status, u64>,
    /// What is odd.
    pub anomalies: Vec<Anomaly>,
    /// What each of the clinic's own rules does, in their order.
    pub rules: Vec<RuleReport>,
    /// What an import would do, as the import itself reports it.
    pub run: ImportReport,
}

/// Counts rows as they pass.
pub(super) struct Tally<'a> {
    rules: &'a Rules,
    basis: ReferenceData,
    rows: u64,
    formats: Formats,
    services: BTreeMap<LegacyService, u64>,
    statuses: BTreeMap<Status, u64>,
    anomalies: Anomalies,
    own_rules: OwnRules,
}

impl<'a> Tally<'a> {
    pub(super) fn new(rules: &'a Rules, basis: ReferenceData, samples: Samples) -> Self {
        Self {
            rules,
            basis,
            rows: 0,
            formats: Formats::new(samples),
            services: BTreeMap::new(),
            statuses: BTreeMap::new(),
            anomalies: Anomalies::default(),
            own_rules: OwnRules::default(),
        }
    }

    /// Takes in a row as it came.
    pub(super) fn look(&mut self, row: &RawRow) {
        self.rows += 1;
        count(&mut self.services, row.text("service"));
        count(&mut self.statuses, row.text("status"));
        let typed = row.text("preferredTime");
        let text = typed.unwrap_or_default();
        let reading = self.rules.read(text);
        let by = ReadBy::of(text, &reading, self.rules);
        self.formats.look(text, by, &reading, row.preferred_date());
        self.own_rules.look(&reading);
        self.anomalies.look_at_text(typed, &row.place);
        if let Some(date) = row.preferred_date() {
            let placement = SlotAssignment::from_parsed(reading.understood, &self.basis.hours, date);
            self.anomalies.look_at_calendar(&self.basis.hours, date, &placement, &row.place);
        }
    }

    pub(super) fn into_analysis(mut self, run: ImportReport) -> Analysis {
        run.rejects.iter().for_each(|reject| self.anomalies.look_at_reject(reject));
        let (formats, rows_of_other_formats) = self.formats.into_reports(self.rows);
        Analysis {
            rows: self.rows,
            formats,
            rows_of_other_formats,
            services: self.services,
            statuses: self.statuses,
            anomalies: self.anomalies.into_list(),
            rules: self.own_rules.into_reports(self.rules),
            run,
        }
    }
}

fn count<T: std::str::FromStr + Ord>(counts: &mut BTreeMap<T, u64>, word: Option<&str>) {
    if let Some(known) = word.and_then(|word| word.parse().ok()) {
        *counts.entry(known).or_default() += 1;
    }
}
