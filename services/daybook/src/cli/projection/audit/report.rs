//! The report of an audit and of repairs, as data and for people. It has ids, types, positions and column names, and must never
//! show a value.

use std::fmt::Write as _;

use daybook_projections::audit::{Audit, DayFinding, Fault, Repaired, RowFinding};
use serde::Serialize;

use crate::output::{Align, Table, counted};

#[derive(Serialize)]
pub(super) struct AuditReport {
    /// Whether every audited view has applied the whole log.
    pub(super) agrees: bool,
    /// One per generation.
    pub(super) audits: Vec<Audit>,
    /// Repairs before the audit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) repaired: Vec<Repaired>,
}

impl From<Vec<Audit>> for AuditReport {
    fn from(audits: Vec<Audit>) -> Self {
        Self { agrees: audits.iter().all(Audit::agrees), audits, repaired: Vec::new() }
    }
}

pub(super) fn describe(found: &AuditReport) -> String {
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
            let _ = writeln!(text, "{name}: {rows} differ from the log: {ids}.");
        }
        if !audit.tables.is_empty() {
            let _ = writeln!(text, "Next: daybook projection rebuild {}", audit.generation.model);
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
        (0, _) => format!(", without {discarded} discarded"),
        (_, 0) => format!(", without {parked} parked"),
        _ => format!(", without {parked} parked and {discarded} discarded"),
    };
    if audit.agrees() {
        return format!(
            "{generation} has applied all {events} of {streams} up to position {position}{apart}."
        );
    }
    let pages = counted(*disagreeing, "day differs", "days differ");
    let listed = if *disagreeing > audit.pages.len() as u64 { ", the first ones below" } else { "" };
    format!(
        "{generation} has NOT applied all {events} of {streams} up to position {position}{apart}: {pages}{listed}.\n\
         Next: daybook projection audit {generation} --repair all"
    )
}

fn describe_page(page: &DayFinding) -> String {
    let (stream, in_log, applied) = (&page.stream, page.in_log.total(), page.applied.total());
    let rows = counted(page.differing, "row", "rows");
    let mut text = format!("\n{stream}: {in_log} in the log, {applied} applied; {rows} differ.\n");
    if page.rows.is_empty() {
        text.push_str("The count beside the digest of the day is wrong.\n");
        return text;
    }
    let mut table = Table::new(&[
        ("id", Align::Left),
        ("fault", Align::Left),
        ("in the log", Align::Right),
        ("applied", Align::Right),
        ("missing events", Align::Left),
    ]);
    for row in &page.rows {
        let (in_log, applied) = (row.in_log.to_string(), row.applied.to_string());
        table.row([row.id.clone(), word(row.fault).to_owned(), in_log, applied, missing_events(row)]);
    }
    // As above.
    let _ = write!(text, "{table}");
    text
}

const fn word(fault: Fault) -> &'static str {
    match fault {
        Fault::NoRow => "missing",
        Fault::Behind => "behind",
        Fault::Ahead => "ahead",
        Fault::AnotherDay => "on another day",
        Fault::Unknown => "not in the log",
        Fault::NotErased => "shows a forgotten patient",
    }
}

fn missing_events(row: &RowFinding) -> String {
    let named = row.missing.iter().map(|missing| format!("{} at {}", missing.kind, missing.position));
    if row.fault == Fault::Behind && row.missing.is_empty() {
        return "unknown".to_owned();
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
            "{generation}, {date} at position {position}: {} written, {removed} removed, {unchanged} unchanged.",
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
