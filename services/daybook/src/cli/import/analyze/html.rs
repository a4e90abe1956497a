//! The report of an analysis as one HTML page: no script, nothing that is loaded from elsewhere.
//!
//! Everything that stands in the source is escaped: people typed it.

use std::fmt::{Display, Write as _};

use daybook_migration::import::{Analysis, FormatReport};

use super::idle_rules;
use super::text::places;
use crate::output::grouped;

/// Width of the longest bar, in pixels.
const BAR_PIXELS: u64 = 240;

/// A browser is told to load and run nothing, whatever stands in the page.
const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Daybook: what an import would take over</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1d2329; }
table { border-collapse: collapse; margin: .5rem 0 2rem; }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid #dde2e7; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
svg { display: block; }
rect { fill: #2f6f9f; }
rect.review { fill: #c2691c; }
</style>
</head>
<body>
"#;

/// The page.
pub(super) fn page(source: &str, analysis: &Analysis) -> String {
    let mut page = Page(HEAD.to_owned());
    page.heading(1, "What an import would take over");
    let run = &analysis.run;
    page.paragraph(&format!(
        "Source: {source}. Rows: {}; to be imported {}, already there {}, rejected {}. Nothing was recorded.",
        grouped(run.read),
        grouped(run.imported),
        grouped(run.already_there),
        grouped(run.rejected)
    ));
    formats(&mut page, analysis);
    own_rules(&mut page, analysis);
    page.heading(2, "Halves of the day");
    page.chart(&halves(analysis));
    page.heading(2, "Services");
    page.chart(&bars(&analysis.services));
    page.heading(2, "Statuses");
    page.chart(&bars(&analysis.statuses));
    anomalies(&mut page, analysis);
    page.0.push_str("</body>\n</html>\n");
    page.0
}

/// A page under way. Whatever goes into it as text is escaped here.
struct Page(String);

/// A bar of a chart.
struct Bar {
    label: String,
    rows: u64,
    is_review: bool,
}

impl Page {
    fn heading(&mut self, level: u8, text: &str) {
        self.raw(format_args!("<h{level}>{}</h{level}>\n", Escaped(text)));
    }

    fn paragraph(&mut self, text: &str) {
        self.raw(format_args!("<p>{}</p>\n", Escaped(text)));
    }

    fn table(&mut self, headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        self.0.push_str("<table>\n<tr>");
        headings.iter().for_each(|heading| self.raw(format_args!("<th>{}</th>", Escaped(heading))));
        self.0.push_str("</tr>\n");
        for row in rows {
            self.0.push_str("<tr>");
            row.iter().for_each(|cell| self.raw(format_args!("<td>{}</td>", Escaped(cell))));
            self.0.push_str("</tr>\n");
        }
        self.0.push_str("</table>\n");
    }

    fn chart(&mut self, bars: &[Bar]) {
        let most = bars.iter().map(|bar| bar.rows).max().unwrap_or(0).max(1);
        self.0.push_str("<table>\n");
        for bar in bars {
            let class = if bar.is_review { " class=\"review\"" } else { "" };
            // A row that is there can be seen.
            let width = (bar.rows * BAR_PIXELS / most).max(u64::from(bar.rows > 0));
            self.raw(format_args!(
                "<tr><td>{}</td><td class=\"n\">{}</td><td><svg width=\"{BAR_PIXELS}\" height=\"18\" role=\"img\" \
                 aria-label=\"{} rows\"><rect{class} width=\"{width}\" height=\"18\"/></svg></td></tr>\n",
                Escaped(&bar.label),
                grouped(bar.rows),
                bar.rows
            ));
        }
        self.0.push_str("</table>\n");
    }

    fn raw(&mut self, html: std::fmt::Arguments<'_>) {
        // Writing into a String cannot fail.
        let _ = self.0.write_fmt(html);
    }
}

/// A text as it stands in HTML, between tags or in a quoted attribute.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for sign in self.0.chars() {
            match sign {
                '&' => formatter.write_str("&amp;")?,
                '<' => formatter.write_str("&lt;")?,
                '>' => formatter.write_str("&gt;")?,
                '"' => formatter.write_str("&quot;")?,
                '\'' => formatter.write_str("&#39;")?,
                // A browser takes none of these for text.
                sign if sign.is_control() => formatter.write_char('·')?,
                sign => formatter.write_char(sign)?,
            }
        }
        Ok(())
    }
}

fn formats(page: &mut Page, analysis: &Analysis) {
    page.heading(2, "Formats of preferredTime");
    let bar = |format: &FormatReport| Bar { label: name(format), rows: format.rows, is_review: false };
    page.chart(&analysis.formats.iter().map(bar).collect::<Vec<_>>());
    let headings = ["format", "rows", "%", "earliest", "latest", "becomes", "samples"];
    page.table(&headings, analysis.formats.iter().map(format_cells));
    if analysis.rows_of_other_formats > 0 {
        page.paragraph(&format!("Rows of other formats: {}.", grouped(analysis.rows_of_other_formats)));
    }
}

fn name(format: &FormatReport) -> String {
    if format.format.is_empty() { "(nothing)".to_owned() } else { format.format.clone() }
}

fn format_cells(format: &FormatReport) -> Vec<String> {
    let date = |date: Option<chrono::NaiveDate>| date.map(|date| date.to_string()).unwrap_or_default();
    let outcomes = format
        .outcomes
        .iter()
        .map(|outcome| format!("{} {} by {}", grouped(outcome.rows), outcome.becomes, outcome.by));
    let samples = format.samples.iter().map(|sample| format!("{} → {}", sample.text, sample.becomes));
    vec![
        name(format),
        grouped(format.rows),
        format!("{:.2}", format.percent),
        date(format.earliest),
        date(format.latest),
        outcomes.collect::<Vec<_>>().join("; "),
        samples.collect::<Vec<_>>().join("; "),
    ]
}

fn own_rules(page: &mut Page, analysis: &Analysis) {
    if analysis.rules.is_empty() {
        return;
    }
    page.heading(2, "The clinic's own rules");
    let rows = analysis.rules.iter().flat_map(|rule| {
        rule.changes.iter().map(|change| {
            vec![
                rule.name.to_string(),
                grouped(change.rows),
                change.before.to_string(),
                change.after.to_string(),
            ]
        })
    });
    page.table(&["rule", "rows", "before", "after"], rows);
    let idle = idle_rules(analysis);
    if !idle.is_empty() {
        page.paragraph(&format!("Rules that decide nothing: {}.", idle.join(", ")));
    }
}

fn halves(analysis: &Analysis) -> Vec<Bar> {
    let bar = |(label, rows): (String, u64), is_review| Bar { label, rows, is_review };
    let periods = analysis.run.by_period.iter().map(|(period, rows)| (period.as_str().to_owned(), *rows));
    let review = analysis.run.review.iter().map(|(why, rows)| (format!("REVIEW {why}"), *rows));
    periods.map(|row| bar(row, false)).chain(review.map(|row| bar(row, true))).collect()
}

fn bars<'a, K: Display + 'a>(counts: impl IntoIterator<Item = (&'a K, &'a u64)>) -> Vec<Bar> {
    let bar = |(word, rows): (&K, &u64)| Bar { label: word.to_string(), rows: *rows, is_review: false };
    counts.into_iter().map(bar).collect()
}

fn anomalies(page: &mut Page, analysis: &Analysis) {
    page.heading(2, "What is odd");
    if analysis.anomalies.is_empty() {
        return page.paragraph("Nothing.");
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
    page.table(&["what", "column", "rows", "is rejected", "where"], rows);
}

#[cfg(test)]
mod tests;
