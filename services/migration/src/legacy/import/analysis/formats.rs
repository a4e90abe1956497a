//! The formats of requested times, with frequency, dates and interpretations. Memory is bounded, whatever patients typed.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use daybook_domain::requested_time::{ParsedTime, shape};
use serde::Serialize;

use super::Samples;
use super::reading::{Interpretation, ReadBy};
use crate::legacy::import::rules::Reading;

/// Rows of further formats are only counted.
pub const MAX_FORMATS: usize = 500;

/// Samples per format.
pub const MAX_SAMPLES: usize = 3;

const MAX_SAMPLE_CHARS: usize = 60;

/// A format and its interpretations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FormatReport {
    /// Digits are `N`, letters unknown to the grammar `○`. Empty for an empty text.
    pub format: String,
    pub rows: u64,
    /// Of all rows, to two decimals.
    pub percent: f64,
    pub earliest: Option<NaiveDate>,
    pub latest: Option<NaiveDate>,
    /// At most [`MAX_SAMPLES`].
    pub samples: Vec<Sample>,
    /// Most frequent first.
    pub outcomes: Vec<FormatOutcome>,
}

/// A text and its interpretation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// As typed, possibly cut.
    pub text: String,
    pub becomes: Interpretation,
}

/// An interpretation of rows of a format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FormatOutcome {
    pub becomes: Interpretation,
    pub by: ReadBy,
    pub rows: u64,
}

/// Counts formats.
pub(super) struct Formats {
    samples: Samples,
    formats: HashMap<String, Format>,
    others: u64,
}

#[derive(Default)]
struct Format {
    rows: u64,
    dates: Option<(NaiveDate, NaiveDate)>,
    samples: Vec<Sample>,
    outcomes: BTreeMap<(Interpretation, ReadBy), u64>,
}

impl Formats {
    pub(super) fn new(samples: Samples) -> Self {
        Self { samples, formats: HashMap::new(), others: 0 }
    }

    pub(super) fn add(&mut self, text: &str, by: ReadBy, reading: &Reading, date: Option<NaiveDate>) {
        let shape = shape(text);
        let is_full = self.formats.len() >= MAX_FORMATS;
        if is_full && !self.formats.contains_key(&shape) {
            self.others += 1;
            return;
        }
        let format = self.formats.entry(shape).or_default();
        format.rows += 1;
        if let Some(date) = date {
            let (first, last) = format.dates.unwrap_or((date, date));
            format.dates = Some((first.min(date), last.max(date)));
        }
        *format.outcomes.entry((Interpretation::kind(reading.parsed), by)).or_default() += 1;
        // A text that the grammar can parse contains only a time. Any other may contain a patient's name.
        let is_time = !matches!(reading.built_in, ParsedTime::Ambiguous(_));
        if is_time || self.samples == Samples::All {
            format.keep_sample(text, reading.parsed);
        }
    }

    /// Returns the formats and the number of rows of other formats.
    pub(super) fn into_reports(self, rows: u64) -> (Vec<FormatReport>, u64) {
        let mut reports: Vec<FormatReport> =
            self.formats.into_iter().map(|(shape, format)| format.into_report(shape, rows)).collect();
        reports.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.format.cmp(&b.format)));
        (reports, self.others)
    }
}

impl Format {
    fn keep_sample(&mut self, text: &str, parsed: ParsedTime) {
        let cut: String = text.chars().take(MAX_SAMPLE_CHARS).collect();
        if self.samples.len() < MAX_SAMPLES && self.samples.iter().all(|sample| sample.text != cut) {
            self.samples.push(Sample { text: cut, becomes: Interpretation::exactly(parsed) });
        }
    }

    fn into_report(self, format: String, rows: u64) -> FormatReport {
        let outcomes = self.outcomes.into_iter();
        let mut outcomes: Vec<FormatOutcome> =
            outcomes.map(|((becomes, by), rows)| FormatOutcome { becomes, by, rows }).collect();
        outcomes.sort_by_key(|outcome| std::cmp::Reverse(outcome.rows));
        FormatReport {
            format,
            rows: self.rows,
            percent: percent(self.rows, rows),
            earliest: self.dates.map(|(first, _)| first),
            latest: self.dates.map(|(_, last)| last),
            samples: self.samples,
            outcomes,
        }
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    (part as f64 * 10_000.0 / whole.max(1) as f64).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::legacy::import::rules::Rules;

    fn tally(samples: Samples, texts: impl IntoIterator<Item = String>) -> (Vec<FormatReport>, u64) {
        let rules = Rules::default();
        let mut formats = Formats::new(samples);
        let mut rows = 0;
        for text in texts {
            let reading = rules.read(&text);
            formats.add(&text, ReadBy::new(&text, &reading, &rules), &reading, None);
            rows += 1;
        }
        formats.into_reports(rows)
    }

    #[test]
    fn a_format_may_have_several_interpretations() {
        let (formats, _) = tally(Samples::Times, ["9시", "3시", "8시"].map(str::to_owned));
        let [hour] = formats.as_slice() else { unreachable!("{formats:?}") };
        let outcomes: Vec<String> =
            hour.outcomes.iter().map(|o| format!("{} {} {}", o.rows, o.becomes, o.by)).collect();
        assert_eq!(outcomes, ["2 TIME built-in hour", "1 REVIEW AMBIGUOUS_HOUR no rule"]);
        assert_eq!(hour.samples.len(), 2, "the ambiguous text is no time");
    }

    #[test]
    fn a_text_that_cannot_be_parsed_is_shown_only_on_request() {
        let texts = || ["김철수 저녁".to_owned()];
        let hidden = tally(Samples::Times, texts()).0;
        assert!(hidden[0].samples.is_empty() && hidden[0].format == "○○○ ○○", "{hidden:?}");
        assert_eq!(tally(Samples::All, texts()).0[0].samples[0].text, "김철수 저녁");
    }

    #[test]
    fn the_number_of_formats_is_bounded_and_no_row_is_lost() {
        let texts = (0..MAX_FORMATS + 10).map(|n| format!("{n:b}").replace('1', "가").replace('0', "?"));
        let (formats, others) = tally(Samples::Times, texts);
        assert!(formats.len() <= MAX_FORMATS);
        assert_eq!(formats.iter().map(|format| format.rows).sum::<u64>() + others, 510);
        assert!(others > 0);
    }
}
