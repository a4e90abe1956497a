//! The analysis of a source before an import: formats of requested times and their interpretations, services, statuses and
//! anomalies.
//!
//! A text that the built-in grammar cannot parse may contain a patient's name. It is never shown unless asked for; otherwise
//! its shape is, in which every unknown letter is masked.

mod anomalies;
mod formats;
mod own_rules;
mod reading;
mod seats;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daybook_domain::requested_time::without_invisible;
use daybook_domain::schedule::SlotAssignment;
use daybook_domain::time::ClinicNow;
use daybook_domain::{LegacyService, Status};
use serde::Serialize;

pub use anomalies::{Anomaly, AnomalyKind, MAX_PLACES};
pub use formats::{FormatOutcome, FormatReport, MAX_FORMATS, MAX_SAMPLES, Sample};
pub use own_rules::{Change, RuleReport};
pub use reading::{Interpretation, ReadBy};

use super::moments::{self, DateRule};
use super::reference_data::ReferenceData;
use super::report::ImportReport;
use super::row::RawRow;
use super::rules::Rules;
use anomalies::Anomalies;
use formats::Formats;
use own_rules::OwnRules;
use seats::FutureSeats;

/// Columns with moments that lie in the past when a row is exported.
const MOMENTS: [&str; 3] = ["createdAt", "updatedAt", "statusChangedAt"];

/// Which texts an analysis shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Samples {
    /// Texts that the built-in grammar can parse, which contain only a time.
    Times,
    /// All texts. Some may contain patients' names.
    All,
}

/// The analysis of a source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Analysis {
    /// Rows with readable fields, including those that a run would reject. Formats, services and statuses count these.
    pub rows: u64,
    /// Formats of `preferredTime`, most frequent first; at most [`MAX_FORMATS`].
    pub formats: Vec<FormatReport>,
    pub rows_of_other_formats: u64,
    /// Rows by known service. Unknown ones are anomalies.
    pub services: BTreeMap<LegacyService, u64>,
    pub statuses: BTreeMap<Status, u64>,
    pub anomalies: Vec<Anomaly>,
    /// The effect of each of the clinic's own rules, in their order.
    pub rules: Vec<RuleReport>,
    /// The report that an import would have.
    pub run: ImportReport,
}

/// Counts the rows of a source.
pub(super) struct Tally<'a> {
    rules: &'a Rules,
    reference_data: ReferenceData,
    rows: u64,
    formats: Formats,
    services: BTreeMap<LegacyService, u64>,
    statuses: BTreeMap<Status, u64>,
    anomalies: Anomalies,
    own_rules: OwnRules,
    dates: DateRule,
    seats: FutureSeats,
}

impl<'a> Tally<'a> {
    pub(super) fn new(
        rules: &'a Rules,
        dates: DateRule,
        reference_data: ReferenceData,
        samples: Samples,
        now: ClinicNow,
    ) -> Self {
        Self {
            rules,
            dates,
            seats: FutureSeats::new(now),
            reference_data,
            rows: 0,
            formats: Formats::new(samples),
            services: BTreeMap::new(),
            statuses: BTreeMap::new(),
            anomalies: Anomalies::default(),
            own_rules: OwnRules::default(),
        }
    }

    pub(super) fn add(&mut self, row: &RawRow, as_of: Option<DateTime<Utc>>) {
        self.rows += 1;
        count(&mut self.services, row.word("service"));
        count(&mut self.statuses, row.word("status"));
        for column in MOMENTS {
            let moment = row.text(column).and_then(moments::moment);
            if moment.zip(as_of).is_some_and(|(moment, as_of)| moment > as_of) {
                self.anomalies.count(AnomalyKind::AfterExport, Some(column), &row.place);
            }
        }
        let typed = row.text("preferredTime");
        let text = without_invisible(typed.unwrap_or_default().to_owned());
        let reading = self.rules.read(&text);
        let by = ReadBy::new(&text, &reading, self.rules);
        let date = row.preferred_date(self.dates);
        self.formats.add(&text, by, &reading, date);
        self.own_rules.add(&reading);
        self.anomalies.check_text(typed, &row.place);
        if let Some(date) = date {
            let hours = &self.reference_data.hours;
            let slot = SlotAssignment::from_parsed(reading.parsed, hours, date);
            self.anomalies.check_hours(hours, date, &slot, &row.place);
            self.seats.add(row, date, slot, &self.reference_data);
        }
    }

    pub(super) fn into_analysis(mut self, run: ImportReport) -> Analysis {
        for place in self.seats.taken_twice(&self.reference_data) {
            self.anomalies.count(AnomalyKind::SeatTakenTwice, Some("preferredTime"), &place);
        }
        run.rejects.iter().for_each(|reject| self.anomalies.add_reject(reject));
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

fn count<T: Ord>(counts: &mut BTreeMap<T, u64>, word: Option<T>) {
    if let Some(value) = word {
        *counts.entry(value).or_default() += 1;
    }
}
