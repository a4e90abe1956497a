//! The reconciliation of every row with the old system, for people.

use daybook_migration::import::{Reconciliation, ReservationList};

use crate::output::{Align, Table, grouped};

pub(super) fn describe(account: &Reconciliation) -> String {
    let mut sections = vec![rows(account).to_string(), reservations(account).to_string()];
    let kinds = [
        ("only in the old system", &account.only_in_old_system),
        ("different in Daybook without a recorded reason", &account.unexplained),
        ("imported, missing in the old system", &account.only_in_daybook),
    ];
    for (what, count) in kinds {
        sections.extend((count.count > 0).then(|| list(what, count)));
    }
    sections.push(verdict(account).to_owned());
    super::join(&sections)
}

fn rows(account: &Reconciliation) -> Table {
    let mut table =
        Table::new(&[("reconciliation with the old system", Align::Left), ("rows", Align::Right)]);
    let rows = [
        ("equal", account.equal),
        ("imported by this run, equal now", account.imported),
        ("updated by this run, equal now", account.brought_up_to_date),
        ("moved to another day by this run, equal now", account.moved),
        ("changed in both systems, equal", account.agreeing),
        ("changed in both systems, in conflict", account.conflicts),
        ("rejected", account.rejected),
        ("kept or left out as decided", account.resolved),
        ("only in the old system", account.only_in_old_system.count),
        ("different in Daybook without a recorded reason", account.unexplained.count),
        ("sum", account.accounted_for()),
        ("rows in the old system", account.source_rows),
    ];
    for (what, rows) in rows {
        table.row([what.to_owned(), grouped(rows)]);
    }
    table
}

fn reservations(account: &Reconciliation) -> Table {
    let mut table = Table::new(&[("reservations in Daybook", Align::Left), ("reservations", Align::Right)]);
    let beside = account.only_in_daybook.count
        + account.only_in_daybook_called_off
        + account.only_in_daybook_resolved
        + account.booked_in_daybook;
    let reservations = [
        ("with a row in the old system", account.reservations.saturating_sub(beside)),
        ("imported, missing in the old system", account.only_in_daybook.count),
        ("imported, missing there, cancelled here", account.only_in_daybook_called_off),
        ("imported, missing there, kept as decided", account.only_in_daybook_resolved),
        ("booked in Daybook", account.booked_in_daybook),
        ("sum", account.reservations),
    ];
    for (what, reservations) in reservations {
        table.row([what.to_owned(), grouped(reservations)]);
    }
    table
}

fn list(what: &'static str, count: &ReservationList) -> String {
    let mut table =
        Table::new(&[(what, Align::Left), ("date", Align::Left), ("status in Daybook", Align::Left)]);
    for found in &count.list {
        let date = found.date.map(|date| date.to_string()).unwrap_or_default();
        let status = found.status.map(|status| status.to_string()).unwrap_or_default();
        table.row([found.reservation.to_string(), date, status]);
    }
    let mut text = table.to_string();
    super::push_unlisted(&mut text, count.count, count.list.len());
    text
}

fn verdict(account: &Reconciliation) -> &'static str {
    if account.is_clean() {
        return "Every row of the old system is reconciled.";
    }
    if account.accounted_for() != account.source_rows {
        return "The sum does NOT match the number of rows. Run again, and report it if it happens again.";
    }
    "Every row is reconciled, but not all are equal. Reservations missing in the old system stay\n\
     in Daybook: cancel them if they were deleted there on purpose. A row that could not be read\n\
     may be one of the missing ones.\n\
     What cannot be mended: daybook import resolve decide ID\n\
     Next: resolve the differences, then daybook import run --final"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_sum_is_reported_before_any_difference() {
        let clean = Reconciliation { source_rows: 3, equal: 2, imported: 1, ..Reconciliation::default() };
        assert!(describe(&clean).ends_with("Every row of the old system is reconciled."));
        let short = Reconciliation { source_rows: 4, ..clean.clone() };
        assert!(describe(&short).contains("does NOT match the number"));
        let gone = ReservationList { count: 1, list: vec![] };
        let differs = Reconciliation { only_in_daybook: gone, ..clean };
        assert!(describe(&differs).contains("cancel them") && describe(&differs).contains("and 1 more row"));
    }
}
