//! The account of every row: where each row of the source stands in the log after a run, and which reservations of the log
//! no row stands for. The log is read anew; what the run says of itself is not taken for it.

use chrono::NaiveDate;
use daybook_domain::{ReservationId, Status};
use serde::Serialize;

use super::import_index::{ImportIndex, LoggedReservation, RowOutcome, SeenRow};
use super::report::{ImportReport, MAX_LISTED};

/// The account of every row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    /// Rows of the source.
    pub source_rows: u64,
    /// Rows that the log holds as they are, since before this run.
    pub equal: u64,
    /// Rows that the log holds as they are, and that this run took over for the first time.
    pub imported: u64,
    /// Rows that the log holds as they are, and that this run brought up to date.
    pub brought_up_to_date: u64,
    /// Rows that changed there and were changed here in the same way.
    pub agreeing: u64,
    /// Rows that changed there and were changed here in another way.
    pub conflicts: u64,
    /// Rows that were left out. Why each was, the report says.
    pub rejected: u64,
    /// Rows that should be in the log and are not.
    pub only_in_old_system: ReservationList,
    /// Rows of which the log says something else, and nothing explains why.
    pub unexplained: ReservationList,
    /// Reservations of the log: those of rows, and the next three.
    pub reservations: u64,
    /// Reservations that were taken over, and that the source has no more. They stay as they are.
    pub only_in_daybook: ReservationList,
    /// The same where they are called off here too: nothing is left to do about them.
    pub only_in_daybook_called_off: u64,
    /// Reservations that were booked here.
    pub booked_in_daybook: u64,
}

/// Some reservations: how many, and which.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReservationList {
    /// How many.
    pub count: u64,
    /// Which; at most [`MAX_LISTED`].
    pub list: Vec<ListedReservation>,
}

/// A reservation that a person has to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedReservation {
    /// Which.
    pub reservation: ReservationId,
    /// Its day, where the log has it.
    pub date: Option<NaiveDate>,
    /// How it stands here, where the log has it.
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
    /// Goes through what the run met and through the log as it stands after it.
    pub(super) fn of(report: &ImportReport, run: &ImportIndex, log: &ImportIndex) -> Self {
        let mut account = Self { source_rows: report.read, rejected: report.rejected, ..Self::default() };
        for (id, met) in run.met() {
            account.add_row(id, met, log.get(id));
        }
        account.add_log(run, log);
        account
    }

    /// As it would be after a run that was only reckoned, if all is appended that it would append.
    pub(super) fn reckoned(report: &ImportReport, run: &ImportIndex) -> Self {
        let mut account = Self { source_rows: report.read, rejected: report.rejected, ..Self::default() };
        for (id, met) in run.met() {
            match met.fate {
                RowOutcome::Imported => account.imported += 1,
                RowOutcome::Updated => account.brought_up_to_date += 1,
                RowOutcome::Unchanged
                | RowOutcome::Agreeing
                | RowOutcome::Conflicting
                | RowOutcome::Rejected => {
                    account.add_row(id, met, run.get(id));
                }
            }
        }
        account.add_log(run, run);
        account.reservations += account.imported;
        account
    }

    fn add_log(&mut self, run: &ImportIndex, log: &ImportIndex) {
        for (id, logged) in log.logged() {
            self.reservations += 1;
            match logged.taken_over {
                None => self.booked_in_daybook += 1,
                Some(_) if run.has_met(id) => {}
                Some(_) if matches!(logged.status, Status::Cancelled | Status::Rejected) => {
                    self.only_in_daybook_called_off += 1;
                }
                Some(_) => self.only_in_daybook.add(id, Some(logged)),
            }
        }
        for count in [&mut self.only_in_old_system, &mut self.unexplained, &mut self.only_in_daybook] {
            count.list.sort_by(|a, b| (a.date, &a.reservation).cmp(&(b.date, &b.reservation)));
        }
    }

    fn add_row(&mut self, id: &ReservationId, met: &SeenRow, logged: Option<&LoggedReservation>) {
        let taken_over = logged.and_then(|logged| logged.taken_over.as_ref());
        let is_held = taken_over.is_some_and(|before| met.says_as(before));
        match (met.fate, logged) {
            // Counted as they came, since not each has an id.
            (RowOutcome::Rejected, _) => {}
            (_, None) => self.only_in_old_system.add(id, None),
            (RowOutcome::Imported, _) if is_held => self.imported += 1,
            (RowOutcome::Updated, _) if is_held => self.brought_up_to_date += 1,
            (RowOutcome::Agreeing, _) => self.agreeing += 1,
            (RowOutcome::Conflicting, _) if !is_held => self.conflicts += 1,
            (_, Some(_)) if is_held => self.equal += 1,
            (_, Some(logged)) => self.unexplained.add(id, Some(logged)),
        }
    }

    /// Rows that are accounted for, one way or another.
    pub const fn accounted_for(&self) -> u64 {
        self.equal
            + self.imported
            + self.brought_up_to_date
            + self.agreeing
            + self.conflicts
            + self.rejected
            + self.only_in_old_system.count
            + self.unexplained.count
    }

    /// Whether every row is accounted for, and nothing is left for a person to look at.
    pub const fn is_clean(&self) -> bool {
        let open = self.conflicts
            + self.rejected
            + self.only_in_old_system.count
            + self.unexplained.count
            + self.only_in_daybook.count;
        open == 0 && self.accounted_for() == self.source_rows
    }
}
