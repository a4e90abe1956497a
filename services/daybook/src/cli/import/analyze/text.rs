//! The report of an analysis on a terminal.
//!
//! It must never print a control character: people typed these texts.

use std::fmt::Display;

use daybook_migration::import::{Analysis, Anomaly, FormatReport};

use super::idle_rules;
use crate::cli::import::report::{import_sections, join, preview};
use crate::output::{Align, Table, counted, grouped, printable};

/// `source` is the options with which it was read.
pub(super) fn describe(analysis: &Analysis, source: &str) -> String {
    let mut sections = vec![formats(analysis)];
    if !analysis.rules.is_empty() {
        sections.push(own_rules(analysis));
    }
    sections.push(counts("service", &analysis.services));
    sections.push(counts("status", &analysis.statuses));
    if !analysis.anomalies.is_empty() {
        sections.push(anomalies(&analysis.anomalies));
    }
    sections.push(preview(&analysis.run));
    sections.extend(import_sections(&analysis.run, source));
    join(&sections)
}

fn formats(analysis: &Analysis) -> String {
    let mut table = Table::new(&[
        ("format of preferredTime", Align::Left),
        ("rows", Align::Right),
        ("%", Align::Right),
        ("earliest", Align::Left),
        ("latest", Align::Left),
        ("becomes", Align::Left),
        ("samples", Align::Left),
    ]);
    for format in &analysis.formats {
        add_format(&mut table, format);
    }
    let mut text = table.to_string();
    if analysis.rows_of_other_formats > 0 {
        let others = counted(analysis.rows_of_other_formats, "row", "rows");
        text.push_str(&format!("and {others} in other formats\n"));
    }
    text
}

fn add_format(table: &mut Table, format: &FormatReport) {
    let date = |date: Option<chrono::NaiveDate>| date.map(|date| date.to_string()).unwrap_or_default();
    let becomes = format.outcomes.iter().map(|outcome| match format.outcomes.len() {
        1 => format!("{} by {}", outcome.becomes, outcome.by),
        _ => format!("{} {} by {}", grouped(outcome.rows), outcome.becomes, outcome.by),
    });
    let samples: Vec<String> = format.samples.iter().map(|sample| printable(&sample.text)).collect();
    table.row([
        format_name(format),
        grouped(format.rows),
        format!("{:.2}", format.percent),
        date(format.earliest),
        date(format.latest),
        becomes.collect::<Vec<_>>().join("; "),
        samples.join(" | "),
    ]);
}

/// The name of a format; the empty text has one too.
pub(super) fn format_name(format: &FormatReport) -> String {
    if format.format.is_empty() { "(nothing)".to_owned() } else { format.format.clone() }
}

fn own_rules(analysis: &Analysis) -> String {
    let mut table = Table::new(&[
        ("clinic's rule", Align::Left),
        ("rows", Align::Right),
        ("before", Align::Left),
        ("after", Align::Left),
    ]);
    for rule in &analysis.rules {
        for change in &rule.changes {
            let (before, after) = (change.before.to_string(), change.after.to_string());
            table.row([rule.name.to_string(), grouped(change.rows), before, after]);
        }
    }
    let idle = idle_rules(analysis);
    let mut text = if table.is_empty() { String::new() } else { table.to_string() };
    if !idle.is_empty() {
        text.push_str(&format!("Rules without effect: {}\n", idle.join(", ")));
    }
    text
}

fn counts<'a, K: Display + 'a>(
    what: &'static str,
    counts: impl IntoIterator<Item = (&'a K, &'a u64)>,
) -> String {
    let mut table = Table::new(&[(what, Align::Left), ("rows", Align::Right)]);
    for (word, rows) in counts {
        table.row([word.to_string(), grouped(*rows)]);
    }
    table.to_string()
}

fn anomalies(anomalies: &[Anomaly]) -> String {
    let mut table = Table::new(&[
        ("anomaly", Align::Left),
        ("column", Align::Left),
        ("rows", Align::Right),
        ("rejected", Align::Left),
        ("place", Align::Left),
    ]);
    for anomaly in anomalies {
        let field = anomaly.field.unwrap_or("(the whole row)");
        let rejected = if anomaly.is_rejected { "yes" } else { "no" };
        let rows = grouped(anomaly.rows);
        table.row([anomaly.what.to_string(), field.to_owned(), rows, rejected.to_owned(), places(anomaly)]);
    }
    table.to_string()
}

/// The first places of an anomaly, on one line.
pub(super) fn places(anomaly: &Anomaly) -> String {
    /// Places that fit on a line.
    const SHOWN: usize = 3;
    let mut shown: Vec<String> = anomaly.places.iter().take(SHOWN).map(ToString::to_string).collect();
    if anomaly.rows > shown.len() as u64 {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}
