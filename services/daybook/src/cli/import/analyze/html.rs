//! The report of an analysis as one HTML page. It must never contain a script or load anything from elsewhere.
//!
//! The template escapes every text: people typed them.

use std::fmt::Display;

use askama::Template;
use chrono::NaiveDate;
use daybook_migration::import::{Analysis, FormatReport};

use super::idle_rules;
use super::text::{format_name, places};
use crate::output::{grouped, printable};

/// Width of the longest bar.
const BAR_PIXELS: u64 = 240;

#[derive(Template)]
#[template(path = "cli/import/analyze/report.html")]
struct Page {
    summary: String,
    sections: Vec<Section>,
}

#[derive(Default)]
struct Section {
    heading: &'static str,
    bars: Vec<Bar>,
    table: Option<HtmlTable>,
    notes: Vec<String>,
}

struct Bar {
    label: String,
    rows: String,
    pixels: u64,
    is_review: bool,
}

struct HtmlTable {
    headings: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

/// Renders the page.
pub(super) fn page(source: &str, analysis: &Analysis) -> askama::Result<String> {
    let run = &analysis.run;
    let summary = format!(
        "Source: {source}{}. Rows: {}; {} would be imported, {} are imported already, {} would be rejected. Nothing was \
         recorded.",
        run.file
            .map(|file| format!(", {} text, separated by {}", file.encoding, file.separator))
            .unwrap_or_default(),
        grouped(run.read),
        grouped(run.imported),
        grouped(run.already_there),
        grouped(run.rejected)
    );
    let mut sections = vec![formats(analysis)];
    sections.extend((!analysis.rules.is_empty()).then(|| own_rules(analysis)));
    sections.push(Section { heading: "Halves of the day", bars: halves(analysis), ..Section::default() });
    sections.push(Section { heading: "Services", bars: counts(&analysis.services), ..Section::default() });
    sections.push(Section { heading: "Statuses", bars: counts(&analysis.statuses), ..Section::default() });
    sections.push(anomalies(analysis));
    Page { summary: printable(&summary), sections }.render().map(|page| page + "\n")
}

/// Bars of (label, rows, whether the rows need review), scaled to the longest.
fn bars(counts: Vec<(String, u64, bool)>) -> Vec<Bar> {
    let most = counts.iter().map(|(_, rows, _)| *rows).max().unwrap_or(0).max(1);
    let bar = |(label, rows, is_review): (String, u64, bool)| Bar {
        label: printable(&label),
        rows: grouped(rows),
        // A row that exists is visible.
        pixels: (rows * BAR_PIXELS / most).max(u64::from(rows > 0)),
        is_review,
    };
    counts.into_iter().map(bar).collect()
}

fn counts<'a, K: Display + 'a>(counts: impl IntoIterator<Item = (&'a K, &'a u64)>) -> Vec<Bar> {
    bars(counts.into_iter().map(|(word, rows)| (word.to_string(), *rows, false)).collect())
}

fn formats(analysis: &Analysis) -> Section {
    let formats = analysis.formats.iter();
    let others = analysis.rows_of_other_formats;
    Section {
        heading: "Formats of preferredTime",
        bars: bars(formats.clone().map(|format| (format_name(format), format.rows, false)).collect()),
        table: Some(HtmlTable {
            headings: &["format", "rows", "%", "earliest", "latest", "becomes", "samples"],
            rows: formats.map(format_cells).collect(),
        }),
        notes: (others > 0)
            .then(|| format!("Rows in other formats: {}.", grouped(others)))
            .into_iter()
            .collect(),
    }
}

fn format_cells(format: &FormatReport) -> Vec<String> {
    let date = |date: Option<NaiveDate>| date.map(|date| date.to_string()).unwrap_or_default();
    let outcomes = format
        .outcomes
        .iter()
        .map(|outcome| format!("{} {} by {}", grouped(outcome.rows), outcome.becomes, outcome.by));
    let samples = format.samples.iter().map(|sample| format!("{} → {}", sample.text, sample.becomes));
    vec![
        printable(&format_name(format)),
        grouped(format.rows),
        format!("{:.2}", format.percent),
        date(format.earliest),
        date(format.latest),
        outcomes.collect::<Vec<_>>().join("; "),
        printable(&samples.collect::<Vec<_>>().join("; ")),
    ]
}

fn own_rules(analysis: &Analysis) -> Section {
    let rows = analysis.rules.iter().flat_map(|rule| {
        rule.changes.iter().map(|change| {
            let (before, after) = (change.before.to_string(), change.after.to_string());
            vec![rule.name.to_string(), grouped(change.rows), before, after]
        })
    });
    let idle = idle_rules(analysis);
    Section {
        heading: "Rules of the clinic",
        table: Some(HtmlTable { headings: &["rule", "rows", "before", "after"], rows: rows.collect() }),
        notes: (!idle.is_empty())
            .then(|| format!("Rules without effect: {}.", idle.join(", ")))
            .into_iter()
            .collect(),
        ..Section::default()
    }
}

fn halves(analysis: &Analysis) -> Vec<Bar> {
    let run = &analysis.run;
    let periods = run.by_period.iter().map(|(period, rows)| (period.as_str().to_owned(), *rows, false));
    let review = run.review.iter().map(|(reason, rows)| (format!("REVIEW {reason}"), *rows, true));
    bars(periods.chain(review).collect())
}

fn anomalies(analysis: &Analysis) -> Section {
    let heading = "Anomalies";
    if analysis.anomalies.is_empty() {
        return Section { heading, notes: vec!["None.".to_owned()], ..Section::default() };
    }
    let rows = analysis.anomalies.iter().map(|anomaly| {
        vec![
            anomaly.what.to_string(),
            anomaly.field.unwrap_or("(the whole row)").to_owned(),
            grouped(anomaly.rows),
            if anomaly.is_rejected { "yes" } else { "no" }.to_owned(),
            places(anomaly),
        ]
    });
    let headings = &["anomaly", "column", "rows", "rejected", "place"];
    Section { heading, table: Some(HtmlTable { headings, rows: rows.collect() }), ..Section::default() }
}

#[cfg(test)]
mod tests;
