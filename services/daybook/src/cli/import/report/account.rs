//! The account of every row, for people.

use daybook_migration::import::{Reconciliation, ReservationList};

use crate::output::{Align, Table, grouped};

pub(super) fn describe(account: &Reconciliation) -> String {
    let mut sections = vec![rows(account).to_string(), reservations(account).to_string()];
    let kinds = [
        ("only in the old system", &account.only_in_old_system),
        ("other in the log, and nobody knows why", &account.unexplained),
        ("imported, and gone from the old system", &account.only_in_daybook),
    ];
    for (what, count) in kinds {
        sections.extend((count.count > 0).then(|| list(what, count)));
    }
    sections.push(verdict(account).to_owned());
    super::join(&sections)
}

fn rows(account: &Reconciliation) -> Table {
    let mut table = Table::new(&[("rows of the old system", Align::Left), ("rows", Align::Right)]);
    let rows = [
        ("equal", account.equal),
        ("imported by this run, and equal now", account.imported),
        ("brought up to date by this run, and equal now", account.brought_up_to_date),
        ("changed there and here alike", account.agreeing),
        ("changed there and here otherwise", account.conflicts),
        ("rejected", account.rejected),
        ("only in the old system", account.only_in_old_system.count),
        ("other in the log, and nobody knows why", account.unexplained.count),
        ("together", account.accounted_for()),
        ("in the old system", account.source_rows),
    ];
    for (what, rows) in rows {
        table.row([what.to_owned(), grouped(rows)]);
    }
    table
}

fn reservations(account: &Reconciliation) -> Table {
    let mut table = Table::new(&[("reservations of Daybook", Align::Left), ("reservations", Align::Right)]);
    let beside =
        account.only_in_daybook.count + account.only_in_daybook_called_off + account.booked_in_daybook;
    let reservations = [
        ("with a row in the old system", account.reservations.saturating_sub(beside)),
        ("imported, and gone from the old system", account.only_in_daybook.count),
        ("imported, gone from there, and called off here", account.only_in_daybook_called_off),
        ("booked in Daybook itself", account.booked_in_daybook),
        ("together", account.reservations),
    ];
    for (what, reservations) in reservations {
        table.row([what.to_owned(), grouped(reservations)]);
    }
    table
}

fn list(what: &'static str, count: &ReservationList) -> String {
    let mut table = Table::new(&[(what, Align::Left), ("date", Align::Left), ("status here", Align::Left)]);
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
        return "Every row of the old system is accounted for.";
    }
    if account.accounted_for() != account.source_rows {
        return "The sums do NOT come to the number of rows: run again, and report it if they still do not.";
    }
    "Every row is accounted for, but not all is equal. What is gone from the old system stays here: cancel it if it was \
     deleted there on purpose. A row that could not be read at all may be one that is listed as gone. Run again with --final \
     when it is settled."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_that_do_not_add_up_are_told_before_anything_else() {
        let clean = Reconciliation { source_rows: 3, equal: 2, imported: 1, ..Reconciliation::default() };
        assert!(describe(&clean).ends_with("Every row of the old system is accounted for."));
        let short = Reconciliation { source_rows: 4, ..clean.clone() };
        assert!(describe(&short).contains("do NOT come to the number"));
        let gone = ReservationList { count: 1, list: vec![] };
        let differs = Reconciliation { only_in_daybook: gone, ..clean };
        assert!(
            describe(&differs).contains("cancel it")
                && describe(&differs).contains("1 row that is not listed")
        );
    }
}
