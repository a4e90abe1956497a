//! What an audit found and a repair changed, as data and for people: ids, types, positions and names of columns, never what
//! stands in them.

use std::fmt::Write as _;

use daybook_projections::audit::{Audit, DayFinding, Fault, Repaired, RowFinding};
use serde::Serialize;

use crate::output::{Align, Table, counted};

/// What was found.
#[derive(Serialize)]
pub(super) struct Found {
    /// Whether every view that was audited has applied what the log holds.
    pub(super) agrees: bool,
    /// One for each generation.
    pub(super) audits: Vec<Audit>,
    /// What was repaired before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) repaired: Vec<Repaired>,
}

impl From<Vec<Audit>> for Found {
    fn from(audits: Vec<Audit>) -> Self {
        Self { agrees: audits.iter().all(Audit::agrees), audits, repaired: Vec::new() }
    }
}

pub(super) fn describe(found: &Found) -> String {
    let mut text = String::new();
    for audit in &found.audits {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{}", conclusion(audit));
        for page in &audit.pages {
            let _ = writeln!(text, "{}", describe_page(page));
        }
        for table in &audit.tables {
            let rows = counted(table.differing, "row", "rows");
            let (name, ids) = (table.table, table.ids.join(", "));
            let _ = writeln!(text, "{name}: {rows} not as the log has it: {ids}.");
        }
        if !audit.tables.is_empty() {
            let _ =
                writeln!(text, "`daybook projection rebuild {}` writes them anew.", audit.generation.model);
        }
    }
    text
}

fn conclusion(audit: &Audit) -> String {
    let Audit { generation, position, parked, discarded, disagreeing, .. } = audit;
    let events = counted(audit.events, "event", "events");
    let streams = counted(audit.streams, "stream", "streams");
    let apart = match (parked, discarded) {
        (0, 0) => String::new(),
        _ => format!(", without {parked} parked and {discarded} discarded"),
    };
    if audit.agrees() {
        return format!(
            "{generation} has applied all {events} of {streams} up to position {position}{apart}."
        );
    }
    let pages = counted(*disagreeing, "page does not agree", "pages do not agree");
    let listed = if *disagreeing > audit.pages.len() as u64 { ", the first of them below" } else { "" };
    format!(
        "{generation} has NOT applied all {events} of {streams} up to position {position}{apart}: {pages}{listed}. \
         `--repair all`, a day or a reservation's id mends them."
    )
}

fn describe_page(page: &DayFinding) -> String {
    let (stream, in_log, applied) = (&page.stream, page.in_log.total(), page.applied.total());
    let rows = counted(page.differing, "row is", "rows are");
    let mut text = format!("\n{stream}: {in_log} in the log, {applied} applied; {rows} at fault.\n");
    if page.rows.is_empty() {
        text.push_str("The number beside the day's digest is wrong.\n");
        return text;
    }
    let mut table = Table::new(&[
        ("id", Align::Left),
        ("fault", Align::Left),
        ("in the log", Align::Right),
        ("applied", Align::Right),
        ("passed over", Align::Left),
    ]);
    for row in &page.rows {
        let (in_log, applied) = (row.in_log.to_string(), row.applied.to_string());
        table.row([row.id.clone(), word(row.fault).to_owned(), in_log, applied, passed_over(row)]);
    }
    // As above.
    let _ = write!(text, "{table}");
    text
}

const fn word(fault: Fault) -> &'static str {
    match fault {
        Fault::NoRow => "not there",
        Fault::Behind => "behind",
        Fault::Ahead => "applied too much",
        Fault::AnotherDay => "on another day",
        Fault::Unknown => "not in the log",
        Fault::NotErased => "shows a forgotten patient",
    }
}

fn passed_over(row: &RowFinding) -> String {
    let named = row.missing.iter().map(|missing| format!("{} at {}", missing.kind, missing.position));
    if row.fault == Fault::Behind && row.missing.is_empty() {
        return "cannot be told".to_owned();
    }
    named.collect::<Vec<_>>().join(", ")
}

pub(super) fn describe_repairs(repaired: &[Repaired]) -> String {
    let mut text = String::new();
    for one in repaired {
        let Repaired { generation, position, date, written, removed, unchanged, rows } = one;
        // As above.
        let _ = writeln!(
            text,
            "{generation}, {date} at position {position}: {} written, {removed} taken out, {unchanged} as they should be.",
            counted(*written, "row", "rows")
        );
        for row in rows {
            let columns =
                if row.columns.is_empty() { "the whole row".to_owned() } else { row.columns.join(", ") };
            let _ = writeln!(text, "  {}: {columns}", row.id);
        }
    }
    text
}
