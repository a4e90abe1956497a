//! What an import did, for people. It says where a row stands and what is wrong with it, never what stands in it.

mod account;

use std::fmt::Write as _;

use daybook_migration::import::ImportReport;
use daybook_projections::Generation;
use serde::Serialize;

use crate::output::{Align, Table, counted, grouped};
use crate::view_counts::ViewCounts;

/// What an import did, and what the views hold since.
#[derive(Serialize)]
pub(super) struct Report {
    /// What came of the rows.
    #[serde(flatten)]
    pub(super) import: ImportReport,
    /// Whether every row is accounted for and nothing is left to look at; none where that was not asked for.
    pub(super) is_clean: Option<bool>,
    /// What each view holds.
    pub(super) views: Vec<ViewHolds>,
}

/// What a run would do.
#[derive(Serialize)]
pub(super) struct DryRun {
    /// Always: it tells this from the report of a run.
    pub(super) dry_run: bool,
    /// What would come of the rows.
    #[serde(flatten)]
    pub(super) import: ImportReport,
    /// As in [`Report`].
    pub(super) is_clean: Option<bool>,
}

/// What a view holds.
#[derive(Serialize)]
pub(super) struct ViewHolds {
    pub(super) generation: Generation,
    #[serde(flatten)]
    pub(super) counts: ViewCounts,
}

/// For people.
pub(super) fn describe(report: &Report) -> String {
    let mut sections = of_import(&report.import);
    sections.push(views(report).to_string());
    sections.extend(next_since(&report.import));
    join(&sections)
}

/// For people, of a run that recorded nothing.
pub(super) fn describe_dry_run(report: &DryRun) -> String {
    let mut sections = vec!["Nothing was recorded. This is what a run would do:".to_owned()];
    sections.extend(of_import(&report.import));
    join(&sections)
}

/// What came, or would come, of the rows.
pub(super) fn of_import(import: &ImportReport) -> Vec<String> {
    let mut sections = vec![numbers(import).to_string(), kinds(import).to_string()];
    if !import.review.is_empty() {
        sections.push(review(import).to_string());
    }
    if import.rejected > 0 {
        sections.push(rejects(import));
    }
    if import.conflicts > 0 {
        sections.push(conflicts(import));
    }
    sections.extend(import.reconciliation.as_ref().map(account::describe));
    sections
}

/// Sections, a line apart.
pub(super) fn join(sections: &[String]) -> String {
    let sections: Vec<&str> = sections.iter().map(|section| section.trim_end()).collect();
    sections.join("\n\n")
}

fn number_table(what: &'static str) -> Table {
    Table::new(&[(what, Align::Left), ("rows", Align::Right)])
}

fn numbers(import: &ImportReport) -> Table {
    let mut table = number_table("what came of the rows");
    let always = [
        ("read", import.read),
        ("imported", import.imported),
        ("changed there since, and brought up to date", import.updated),
        ("already there", import.already_there),
        ("rejected", import.rejected),
    ];
    let seldom = [
        ("changed there and here alike", import.agreeing),
        ("changed there and here otherwise", import.conflicts),
        ("not read: unchanged since the time given", import.passed_over),
    ];
    for (what, rows) in always.into_iter().chain(seldom.into_iter().filter(|(_, rows)| *rows > 0)) {
        table.row([what.to_owned(), grouped(rows)]);
    }
    table
}

fn conflicts(import: &ImportReport) -> String {
    let mut table = Table::new(&[
        ("changed there and here", Align::Left),
        ("date", Align::Left),
        ("columns that changed there", Align::Left),
    ]);
    for conflict in &import.conflict_list {
        table.row([conflict.reservation.to_string(), conflict.date.to_string(), conflict.fields.join(", ")]);
    }
    let mut text = table.to_string();
    push_unlisted(&mut text, import.conflicts, import.conflict_list.len());
    text.push_str(
        "They stay as they are here. Make both systems say the same, or run again with --old-wins to take what the old \
         system says.",
    );
    text
}

/// Tells how many there are beyond those that are listed.
fn push_unlisted(text: &mut String, all: u64, listed: usize) {
    let unlisted = all.saturating_sub(listed as u64);
    if unlisted > 0 {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "and {} not listed", counted(unlisted, "row that is", "rows that are"));
    }
}

fn next_since(import: &ImportReport) -> Option<String> {
    let since = import.next_since?.to_rfc3339();
    Some(format!(
        "While the old system is still written to: --since {since} reads what changes from now on. A last run with --final \
         reads all of it."
    ))
}

fn kinds(import: &ImportReport) -> Table {
    let mut table = number_table("of those that were not rejected");
    for (status, rows) in &import.by_status {
        table.row([format!("status {status}"), grouped(*rows)]);
    }
    for (period, rows) in &import.by_period {
        table.row([format!("time in the {}", period.as_str()), grouped(*rows)]);
    }
    table.row(["time needs review".to_owned(), grouped(import.review_total())]);
    table
}

fn review(import: &ImportReport) -> Table {
    let mut table = number_table("why a time needs review");
    for (why, rows) in &import.review {
        table.row([why.as_str().to_owned(), grouped(*rows)]);
    }
    table
}

fn rejects(import: &ImportReport) -> String {
    let mut table =
        Table::new(&[("rejected", Align::Left), ("column", Align::Left), ("reason", Align::Left)]);
    for reject in &import.rejects {
        let field = reject.field.unwrap_or("(the whole row)");
        table.row([reject.place.to_string(), field.to_owned(), reject.reason.to_string()]);
    }
    let mut text = table.to_string();
    push_unlisted(&mut text, import.rejected, import.rejects.len());
    text
}

fn views(report: &Report) -> Table {
    let mut table = Table::new(&[
        ("view", Align::Left),
        ("services", Align::Right),
        ("clinic hours", Align::Right),
        ("reservations", Align::Right),
    ]);
    for ViewHolds { generation, counts } in &report.views {
        let counts = [counts.services, counts.clinic_hours, counts.reservations];
        let cells = counts.map(|count| grouped(count.unsigned_abs()));
        table.row([generation.to_string()].into_iter().chain(cells));
    }
    table
}

#[cfg(test)]
mod tests {
    use daybook_domain::requested_time::Ambiguity;
    use daybook_migration::import::{Place, Reason, Reject};

    use super::*;

    #[test]
    fn what_was_rejected_is_listed_with_line_and_reason_and_what_needs_review_is_counted() {
        let reject = Reject { place: Place::Line(7), field: Some("phone"), reason: Reason::NotAPhoneNumber };
        let import = ImportReport {
            read: 4,
            imported: 2,
            rejected: 2,
            rejects: vec![reject],
            review: [(Ambiguity::AmbiguousHour, 1)].into(),
            ..ImportReport::default()
        };
        let text = describe(&Report { import, is_clean: None, views: vec![] });
        let lines = [
            "line 7    phone   the text is no phone number",
            "and 1 row that is not listed",
            "AMBIGUOUS_HOUR",
        ];
        for line in lines {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
