//! The reconciliation of every row with the old system, for people.

use daybook_domain::Status;
use daybook_migration::import::{ListedReservation, Reconciliation, ReservationList};

use crate::output::{Align, Table, grouped};

/// `without_id` rejected rows have no id; `source` is the options with which it was read.
pub(super) fn describe(account: &Reconciliation, without_id: u64, source: &str) -> String {
    let mut sections = vec![rows(account).to_string(), reservations(account).to_string()];
    let kinds = [
        ("only in the old system", &account.only_in_old_system),
        ("different in Daybook without a recorded reason", &account.unexplained),
        ("imported, missing in the old system", &account.only_in_daybook),
    ];
    for (what, count) in kinds {
        sections.extend((count.count > 0).then(|| list(what, count)));
    }
    sections.push(verdict(account, without_id, source));
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

fn verdict(account: &Reconciliation, without_id: u64, source: &str) -> String {
    if account.is_clean() {
        return "Every row of the old system is reconciled.".to_owned();
    }
    if account.accounted_for() != account.source_rows {
        return "The sum does NOT match the number of rows. Run again, and report it if it happens again."
            .to_owned();
    }
    let mut lines = vec!["Every row is counted, but something is open.".to_owned()];
    if account.only_in_daybook.count > 0 {
        lines.push(missing(&account.only_in_daybook));
    }
    if without_id > 0 && account.only_in_daybook.count > 0 {
        lines.push("A row that could not be read may be one of the missing ones.".to_owned());
    }
    if account.conflicts + account.only_in_daybook.count > 0 {
        lines.push(format!(
            "To keep Daybook's version: daybook import resolve decide ID --keep-ours --reason TEXT {source}"
        ));
    }
    if account.rejected > 0 {
        lines.push(format!(
            "Not to take a rejected row: daybook import resolve decide ID --leave-out --reason TEXT {source}"
        ));
    }
    lines.push(format!("Next: resolve what is open, then daybook import run {source} --final"));
    lines.join("\n")
}

/// What to do about reservations that the old system no longer has. Only those to come can be cancelled.
fn missing(found: &ReservationList) -> String {
    let can_cancel = |listed: &ListedReservation| listed.status.is_none_or(Status::is_open);
    let stay = "Reservations missing in the old system stay in Daybook";
    let is_listed = found.count == found.list.len() as u64;
    match (is_listed && !found.list.iter().any(can_cancel), found.list.iter().all(can_cancel)) {
        (true, _) => format!("{stay}: they are over, so none can be cancelled."),
        (false, true) => {
            format!("{stay}: cancel them if they were deleted there on purpose.")
        }
        (false, false) => format!(
            "{stay}: cancel those to come if they were deleted there on purpose.\n\
             The others are over and cannot be cancelled."
        ),
    }
}

#[cfg(test)]
mod tests {
    use daybook_domain::ReservationId;

    use super::*;

    #[test]
    fn a_wrong_sum_is_reported_before_any_difference() {
        let describe = |account: &Reconciliation| describe(account, 0, "--csv a");
        let clean = Reconciliation { source_rows: 3, equal: 2, imported: 1, ..Reconciliation::default() };
        assert!(describe(&clean).ends_with("Every row of the old system is reconciled."));
        let short = Reconciliation { source_rows: 4, ..clean.clone() };
        assert!(describe(&short).contains("does NOT match the number"));
        let gone = ReservationList { count: 1, list: vec![] };
        let differs = Reconciliation { only_in_daybook: gone, ..clean };
        assert!(describe(&differs).contains("cancel") && describe(&differs).contains("and 1 more row"));
    }

    #[test]
    fn advice_is_given_only_where_it_applies_and_can_be_run_as_it_is_shown() {
        let rejected = Reconciliation { source_rows: 3, equal: 1, rejected: 2, ..Reconciliation::default() };
        let text = verdict(&rejected, 2, "--csv a");
        assert!(!text.contains("cancel") && !text.contains("--keep-ours"), "{text}");
        assert!(
            text.contains("daybook import resolve decide ID --leave-out --reason TEXT --csv a"),
            "{text}"
        );
        assert!(text.ends_with("daybook import run --csv a --final"), "{text}");

        let with = |statuses: &[Status]| {
            let list: Vec<_> = statuses
                .iter()
                .map(|status| ListedReservation {
                    reservation: ReservationId::parse("row-1").unwrap(),
                    date: None,
                    status: Some(*status),
                })
                .collect();
            missing(&ReservationList { count: list.len() as u64, list })
        };
        assert!(with(&[Status::Completed]).contains("none can be cancelled"));
        assert!(with(&[Status::Confirmed]).contains("cancel them if"));
        assert!(with(&[Status::Pending, Status::NoShow]).contains("cancel those to come"));
    }
}
