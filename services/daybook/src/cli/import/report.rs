//! The report of an import. It names rows, columns and reasons, and must never show the contents of a row.

mod reconciliation;

use std::fmt::Write as _;

use daybook_migration::import::{FileFormat, ImportReport, Verdict};
use daybook_projections::Generation;
use serde::Serialize;

use crate::exit::Exit;
use crate::output::{Align, Table, counted, grouped};
use crate::row_counts::RowCounts;

/// The result of an import, and the rows of the views afterwards.
#[derive(Serialize)]
pub(super) struct Report {
    /// The outcome of the rows.
    #[serde(flatten)]
    pub(super) import: ImportReport,
    /// Whether every row is reconciled and nothing is open; none without `--final`.
    pub(super) is_clean: Option<bool>,
    /// Rows of each view.
    pub(super) views: Vec<ViewHolds>,
}

/// The preview of an import.
#[derive(Serialize)]
pub(super) struct DryRun {
    /// Always `true`: it marks a preview.
    pub(super) dry_run: bool,
    /// The outcome that the rows would have.
    #[serde(flatten)]
    pub(super) import: ImportReport,
    /// As in [`Report`].
    pub(super) is_clean: Option<bool>,
}

/// Rows of a view.
#[derive(Serialize)]
pub(super) struct ViewHolds {
    pub(super) generation: Generation,
    #[serde(flatten)]
    pub(super) counts: RowCounts,
    /// Events that it could not apply, and those that wait for them.
    pub(super) parked: u64,
}

/// Fails if no row came in, or if the final run leaves something open.
pub(super) fn exit(import: &ImportReport, is_clean: Option<bool>) -> Exit {
    if import.verdict == Verdict::NothingCameIn || is_clean == Some(false) {
        Exit::Failed
    } else {
        Exit::Done
    }
}

/// For people. `source` is the options with which it was read.
pub(super) fn describe(report: &Report, source: &str) -> String {
    let mut sections = vec![verdict(&report.import, false)];
    sections.extend(import_sections(&report.import, source));
    sections.push(views(report));
    sections.extend(next_since(&report.import, source));
    join(&sections)
}

/// The preview, for people.
pub(super) fn describe_dry_run(report: &DryRun, source: &str) -> String {
    let mut sections = vec![preview(&report.import)];
    sections.extend(import_sections(&report.import, source));
    join(&sections)
}

/// The outcome of a preview.
pub(super) fn preview(import: &ImportReport) -> String {
    format!("Nothing was recorded. An import would do this:\n{}", verdict(import, true))
}

/// The outcome in a sentence, and what to do about it. In a preview it has not come about.
fn verdict(import: &ImportReport, is_preview: bool) -> String {
    let (is, came) = if is_preview { ("would be", "WOULD COME") } else { ("is", "CAME") };
    let (read, rejected) = (counted(import.read, "row", "rows"), counted(import.rejected, "row", "rows"));
    let (in_daybook, not_taken) = match (is_preview, import.rejected_imported_before) {
        (true, _) => ("Would be in Daybook", "Would be REJECTED"),
        (false, 0) => ("In Daybook", "REJECTED, and not in Daybook"),
        (false, _) => ("In Daybook as they are in the source", "REJECTED"),
    };
    let stay = match import.rejected_imported_before {
        0 => String::new(),
        rows => format!("; {} of them stay in Daybook as an earlier import took them", grouped(rows)),
    };
    let decided = match import.resolved {
        0 => String::new(),
        rows => format!(", but for {} kept or left out as decided", grouped(rows)),
    };
    let sentence = match import.verdict {
        Verdict::NothingCameIn if import.rejected == 0 => {
            format!(
                "NO ROW {came} IN: the source has no rows.\n\
                 Next: export the table again, then daybook import analyze"
            )
        }
        Verdict::NothingCameIn => format!(
            "NO ROW {came} IN: {read} read, all rejected{stay}. The reasons are below.\n\
             Next: export the table again, or add an option that a reason names"
        ),
        Verdict::RowsRejected => format!(
            "{not_taken}: {rejected} of {}{stay}. {in_daybook}: {}.\n\
             Next: mend what the reasons name, and import again",
            grouped(import.read),
            grouped(import.accepted().saturating_sub(import.resolved)),
        ),
        Verdict::Conflicts => format!(
            "Every row {is} in Daybook{decided}: {read}. Changed in both systems: {}.",
            grouped(import.conflicts)
        ),
        Verdict::AllIn if import.read == 0 => "No row has changed since that time.".to_owned(),
        Verdict::AllIn => format!("Every row {is} in Daybook{decided}: {read}."),
    };
    let empty = match import.empty_lines {
        0 => String::new(),
        lines => format!(
            " {} without a value {} skipped.",
            counted(lines, "line", "lines"),
            if lines == 1 { "was" } else { "were" }
        ),
    };
    match import.file {
        Some(FileFormat { encoding, separator }) => {
            format!("{sentence}\nThe file is {encoding} text, separated by {separator}.{empty}")
        }
        None => sentence,
    }
}

/// The sections that a run and a preview share.
pub(super) fn import_sections(import: &ImportReport, source: &str) -> Vec<String> {
    let mut sections = vec![numbers(import).to_string(), kinds(import).to_string()];
    if !import.review.is_empty() {
        sections.push(review(import).to_string());
    }
    if import.rejected > 0 {
        sections.push(rejects(import, source));
    }
    if import.conflicts > 0 {
        sections.push(conflicts(import, source));
    }
    if import.kept > 0 {
        sections.push(kept(import));
    }
    let account = import.reconciliation.as_ref();
    sections
        .extend(account.map(|account| reconciliation::describe(account, import.rejected_without_id, source)));
    sections
}

/// Joins sections with an empty line.
pub(super) fn join(sections: &[String]) -> String {
    let sections: Vec<&str> = sections.iter().map(|section| section.trim_end()).collect();
    sections.join("\n\n")
}

fn number_table(what: &'static str) -> Table {
    Table::new(&[(what, Align::Left), ("rows", Align::Right)])
}

fn numbers(import: &ImportReport) -> Table {
    let mut table = number_table("outcome");
    let always = [
        ("read", import.read),
        ("imported", import.imported),
        ("updated", import.updated),
        ("imported already", import.already_there),
        ("rejected", import.rejected),
    ];
    let seldom = [
        ("moved to another day", import.moved),
        ("changed in both systems, equal", import.agreeing),
        ("changed in both systems, in conflict", import.conflicts),
        ("kept as decided", import.kept),
        ("left out as decided", import.resolved.saturating_sub(import.kept)),
        ("unchanged since the given time", import.passed_over),
    ];
    for (what, rows) in always.into_iter().chain(seldom.into_iter().filter(|(_, rows)| *rows > 0)) {
        table.row([what.to_owned(), grouped(rows)]);
    }
    table
}

fn conflicts(import: &ImportReport, source: &str) -> String {
    let mut table = Table::new(&[
        ("conflict", Align::Left),
        ("date", Align::Left),
        ("columns changed in the old system", Align::Left),
    ]);
    for conflict in &import.conflict_list {
        table.row([conflict.reservation.to_string(), conflict.date.to_string(), conflict.fields.join(", ")]);
    }
    let mut text = table.to_string();
    push_unlisted(&mut text, import.conflicts, import.conflict_list.len());
    // Writing into a String cannot fail.
    let _ = write!(
        text,
        "Daybook's version stays. Make both systems agree, or take the version of the old system with\n\
         daybook import run {source} --old-wins\n\
         To keep Daybook's version of a row for good, also then:\n\
         daybook import resolve decide ID --keep-ours --reason TEXT {source}",
    );
    text
}

fn kept(import: &ImportReport) -> String {
    let (rows, keep) = (counted(import.kept, "row", "rows"), if import.kept == 1 { "keeps" } else { "keep" });
    format!(
        "By decision {rows} {keep} Daybook's version, also where the old system wins. To take the version of the old\n\
         system, withdraw the decision: daybook import resolve withdraw ID"
    )
}

/// Adds the number of rows that are not listed.
fn push_unlisted(text: &mut String, all: u64, listed: usize) {
    let unlisted = all.saturating_sub(listed as u64);
    if unlisted > 0 {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "and {}", counted(unlisted, "more row", "more rows"));
    }
}

fn next_since(import: &ImportReport, source: &str) -> Option<String> {
    // The reconciliation of the final run has its own next step.
    if import.verdict == Verdict::NothingCameIn || import.reconciliation.is_some() {
        return None;
    }
    let since = import.next_since?.to_rfc3339();
    Some(format!(
        "Next, while the old system is in use: daybook import run {source} --since {since}\n\
         Then once, when it is not: daybook import run {source} --final"
    ))
}

fn kinds(import: &ImportReport) -> Table {
    let mut table = number_table("rows that are not rejected");
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
    let mut table = number_table("reason for review");
    for (why, rows) in &import.review {
        table.row([why.as_str().to_owned(), grouped(*rows)]);
    }
    table
}

fn rejects(import: &ImportReport, source: &str) -> String {
    let mut table =
        Table::new(&[("rejected", Align::Left), ("column", Align::Left), ("reason", Align::Left)]);
    for reject in &import.rejects {
        let field = reject.field.unwrap_or("(the whole row)");
        let place = match &reject.mark {
            Some(mark) => format!("{} ({mark})", reject.place),
            None => reject.place.to_string(),
        };
        table.row([place, field.to_owned(), reject.reason.to_string()]);
    }
    let mut text = table.to_string();
    push_unlisted(&mut text, import.rejected, import.rejects.len());
    if import.rejects.iter().any(|reject| reject.mark.is_some()) {
        // Writing into a String cannot fail.
        let _ = write!(
            text,
            "A row without an id of its own has a mark. Mend it in the source, or leave it out by its mark:\n\
             daybook import resolve decide MARK --leave-out --reason TEXT {source}"
        );
    }
    text
}

fn views(report: &Report) -> String {
    let mut table = Table::new(&[
        ("view", Align::Left),
        ("services", Align::Right),
        ("clinic hours", Align::Right),
        ("reservations", Align::Right),
        ("parked events", Align::Right),
    ]);
    for ViewHolds { generation, counts, parked } in &report.views {
        let counts = [counts.services, counts.clinic_hours, counts.reservations];
        let cells = counts.map(|count| grouped(count.unsigned_abs()));
        table.row([generation.to_string()].into_iter().chain(cells).chain([grouped(*parked)]));
    }
    let mut text = table.to_string();
    if report.views.iter().any(|view| view.parked > 0) {
        text.push_str(
            "Parked events are recorded, but NOT in that view. Next: daybook projection parked list",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use daybook_domain::requested_time::Ambiguity;
    use daybook_migration::import::resolution::RowKey;
    use daybook_migration::import::{Place, Reason, Reject};

    use super::*;

    #[test]
    fn rejected_rows_are_listed_with_line_and_reason_and_reviews_are_counted() {
        let reject = Reject::new(Place::Line(7), Some("phone"), Reason::NotAPhoneNumber);
        let import = ImportReport {
            read: 4,
            imported: 2,
            rejected: 2,
            rejects: vec![reject],
            review: [(Ambiguity::AmbiguousHour, 1)].into(),
            ..ImportReport::default()
        };
        let import = ImportReport { verdict: Verdict::RowsRejected, ..import };
        assert_eq!(exit(&import, None), Exit::Done);
        let text = describe(&Report { import, is_clean: None, views: vec![] }, "--csv a");
        assert!(text.starts_with("REJECTED, and not in Daybook: 2 rows of 4. In Daybook: 2."), "{text}");
        let lines = ["line 7    phone   the text is not a phone number", "and 1 more row", "AMBIGUOUS_HOUR"];
        for line in lines {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn a_row_without_an_id_of_its_own_is_listed_with_the_mark_that_decides_it() {
        let mark = RowKey::parse("row:9f86d081884c7d65");
        let reject = Reject { mark, ..Reject::new(Place::Line(7), Some("id"), Reason::Missing) };
        let import = ImportReport { read: 4, rejected: 1, rejects: vec![reject], ..ImportReport::default() };
        let text = rejects(&import, "--csv a");
        assert!(text.contains("line 7 (row:9f86d081884c7d65)  id "), "{text}");
        assert!(text.ends_with("decide MARK --leave-out --reason TEXT --csv a"), "{text}");
    }

    #[test]
    fn an_import_in_which_no_row_came_in_says_so_first_and_fails() {
        let empty = ImportReport::default();
        let all_rejected = ImportReport { read: 7, rejected: 7, ..ImportReport::default() };
        for (import, first) in
            [(empty, "the source has no rows"), (all_rejected, "7 rows read, all rejected")]
        {
            assert_eq!(exit(&import, None), Exit::Failed);
            assert_eq!(exit(&import, Some(true)), Exit::Failed);
            let text = describe(&Report { import: import.clone(), is_clean: None, views: vec![] }, "--csv a");
            assert!(text.starts_with("NO ROW CAME IN") && text.contains(first), "{text}");
            assert!(preview(&import).contains("NO ROW WOULD COME IN"));
        }
    }

    #[test]
    fn a_preview_does_not_say_that_rows_are_in_and_decided_rows_are_named() {
        let all = ImportReport { read: 3, imported: 3, verdict: Verdict::AllIn, ..ImportReport::default() };
        let preview = preview(&all);
        assert!(preview.contains("Every row would be in Daybook: 3 rows."), "{preview}");
        assert!(verdict(&all, false).starts_with("Every row is in Daybook: 3 rows."));
        let decided = ImportReport { resolved: 2, kept: 1, ..all.clone() };
        assert!(numbers(&decided).to_string().contains("kept as decided"), "{}", numbers(&decided));
        assert!(
            kept(&decided)
                .starts_with("By decision 1 row keeps Daybook's version, also where the old system wins.")
        );
        let said = "Every row is in Daybook, but for 2 kept or left out as decided: 3 rows.";
        assert!(verdict(&decided, false).starts_with(said));
        let changed = ImportReport {
            read: 15,
            rejected: 3,
            rejected_imported_before: 3,
            verdict: Verdict::RowsRejected,
            ..all.clone()
        };
        let said = "REJECTED: 3 rows of 15; 3 of them stay in Daybook as an earlier import took them. In Daybook as they \
                    are in the source: 12.";
        assert!(verdict(&changed, false).starts_with(said), "{}", verdict(&changed, false));
        let some = ImportReport { read: 4, rejected: 1, verdict: Verdict::RowsRejected, ..all };
        let said = "Would be REJECTED: 1 row of 4. Would be in Daybook: 3.";
        assert!(verdict(&some, true).starts_with(said), "{}", verdict(&some, true));
    }
}
