//! The reconciliation after a run: the state of each source row in the log, and reservations in the log without a source
//! row. It reads the log again instead of trusting the run's own counts.

use chrono::NaiveDate;
use daybook_domain::{ReservationId, Status};
use serde::Serialize;

use super::import_index::{ImportIndex, LoggedReservation, RowOutcome, SeenRow};
use super::report::ImportReport;
use super::resolution::{OpenItem, Resolutions};

/// Conflicts, and reservations of each [`ReservationList`], that a report lists. Further ones are only counted.
pub const MAX_LISTED: usize = 100_000;

/// The reconciliation of a source with the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    pub source_rows: u64,
    /// Rows that the log held unchanged before this run.
    pub equal: u64,
    /// Rows that this run imported, and that the log holds unchanged.
    pub imported: u64,
    /// Rows that this run updated, and that the log holds unchanged.
    pub brought_up_to_date: u64,
    /// Rows that this run moved to another day, and that the log holds unchanged.
    pub moved: u64,
    /// Rows changed in the same way in both systems.
    pub agreeing: u64,
    /// Rows changed in different ways in the two systems.
    pub conflicts: u64,
    /// The import report has the reasons.
    pub rejected: u64,
    /// Rows in conflict or rejected, about which the operator has decided.
    pub resolved: u64,
    /// Rows that should be in the log but are not.
    pub only_in_old_system: ReservationList,
    /// Rows that differ from the log for no known reason.
    pub unexplained: ReservationList,
    /// Reservations in the log: those of source rows, and the next three.
    pub reservations: u64,
    /// Imported reservations that the source no longer has. They stay unchanged.
    pub only_in_daybook: ReservationList,
    /// Imported reservations that the source no longer has, cancelled or rejected in Daybook too. They need no action.
    pub only_in_daybook_called_off: u64,
    /// Imported reservations that the source no longer has, and that the operator decided to keep.
    pub only_in_daybook_resolved: u64,
    pub booked_in_daybook: u64,
}

/// A counted list of reservations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReservationList {
    pub count: u64,
    /// At most [`MAX_LISTED`].
    pub list: Vec<ListedReservation>,
}

/// A reservation that staff have to check. Date and status are `None` if the log does not have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedReservation {
    pub reservation: ReservationId,
    pub date: Option<NaiveDate>,
    pub status: Option<Status>,
}

impl ReservationList {
    fn add(&mut self, reservation: &ReservationId, logged: Option<&LoggedReservation>) {
        self.count += 1;
        if self.list.len() < MAX_LISTED {
            let (date, status) = (logged.map(|logged| logged.date), logged.map(|logged| logged.status));
            self.list.push(ListedReservation { reservation: reservation.clone(), date, status });
        }
    }
}

impl Reconciliation {
    /// Compares the rows of a run with the log after it. A rehearsal has no such log: its reconciliation assumes that
    /// everything is appended that a run would append.
    pub(super) fn new(
        report: &ImportReport,
        run: &ImportIndex,
        log_after: Option<&ImportIndex>,
        resolutions: &Resolutions,
    ) -> Self {
        let ImportReport { read: source_rows, rejected, resolved, .. } = *report;
        let mut account = Self { source_rows, rejected, resolved, ..Self::default() };
        let log = log_after.unwrap_or(run);
        for (id, row) in run.seen_rows() {
            match (log_after, row.outcome) {
                (None, RowOutcome::Imported) => {
                    account.imported += 1;
                    account.reservations += 1;
                }
                (None, RowOutcome::Updated) => account.brought_up_to_date += 1,
                (None, RowOutcome::Moved) => account.moved += 1,
                _ => account.add_row(id, row, log.get(id)),
            }
        }
        account.add_log(run, log, resolutions);
        account
    }

    fn add_log(&mut self, run: &ImportIndex, log: &ImportIndex, resolutions: &Resolutions) {
        for (id, logged) in log.logged() {
            self.reservations += 1;
            match logged.last_import {
                None => self.booked_in_daybook += 1,
                Some(_) if run.has_seen(id) => {}
                Some(_) if matches!(logged.status, Status::Cancelled | Status::Rejected) => {
                    self.only_in_daybook_called_off += 1;
                }
                Some(_) if resolutions.cover(id, &OpenItem::Missing) => self.only_in_daybook_resolved += 1,
                Some(_) => self.only_in_daybook.add(id, Some(logged)),
            }
        }
        for list in [&mut self.only_in_old_system, &mut self.unexplained, &mut self.only_in_daybook] {
            list.list.sort_by(|a, b| (a.date, &a.reservation).cmp(&(b.date, &b.reservation)));
        }
    }

    fn add_row(&mut self, id: &ReservationId, row: &SeenRow, logged: Option<&LoggedReservation>) {
        let last_import = logged.and_then(|logged| logged.last_import.as_ref());
        let is_equal = last_import.is_some_and(|last_import| row.equals(last_import));
        match (row.outcome, logged) {
            // Counted by the run, because a rejected row may have no id.
            (RowOutcome::Rejected | RowOutcome::Resolved, _) => {}
            (_, None) => self.only_in_old_system.add(id, None),
            (RowOutcome::Imported, _) if is_equal => self.imported += 1,
            (RowOutcome::Updated, _) if is_equal => self.brought_up_to_date += 1,
            (RowOutcome::Moved, _) if is_equal => self.moved += 1,
            (RowOutcome::Agreeing, _) => self.agreeing += 1,
            (RowOutcome::Conflicting, _) if !is_equal => self.conflicts += 1,
            (_, Some(_)) if is_equal => self.equal += 1,
            (_, Some(logged)) => self.unexplained.add(id, Some(logged)),
        }
    }

    /// Number of source rows that appear in one of the counts.
    pub const fn accounted_for(&self) -> u64 {
        self.equal
            + self.imported
            + self.brought_up_to_date
            + self.moved
            + self.agreeing
            + self.conflicts
            + self.rejected
            + self.resolved
            + self.only_in_old_system.count
            + self.unexplained.count
    }

    /// Whether every row is accounted for and staff have nothing to check.
    pub const fn is_clean(&self) -> bool {
        let to_check = self.conflicts
            + self.rejected
            + self.only_in_old_system.count
            + self.unexplained.count
            + self.only_in_daybook.count;
        to_check == 0 && self.accounted_for() == self.source_rows
    }
}
