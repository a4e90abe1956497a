//! The report of an import: counts, conflicts and rejected rows. Never contains a field's text.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use daybook_domain::requested_time::Ambiguity;
use daybook_domain::{Period, ReservationId, Status};
use daybook_event_log::Position;
use serde::Serialize;

use super::csv::FileFormat;
use super::reconcile::{MAX_LISTED, Reconciliation};
use super::reject::Reject;
use super::resolution::{Decision, OpenItem, RowKey};

/// Rejected rows that a report lists. Further ones are only counted.
pub const MAX_REJECTS_LISTED: usize = 100_000;

/// Progress of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub rows: u64,
    /// `None` if the source cannot tell.
    pub rows_total: Option<u64>,
    /// `None` if the source is not a file.
    pub source_bytes: Option<u64>,
}

/// What a run comes to, in one word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// The source has no rows, or every row was rejected.
    #[default]
    NothingCameIn,
    /// Some rows were rejected. Of those that were imported before, Daybook has the state that it took then.
    RowsRejected,
    /// Every row is in Daybook, but some were changed in both systems.
    Conflicts,
    /// Every row is in Daybook. It may not have changed since the given time.
    AllIn,
}

/// The result of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    pub verdict: Verdict,
    /// How the file is written; `None` if the source is not a file, or a file without rows.
    pub file: Option<FileFormat>,
    /// Imported, updated, moved, already there, agreeing, conflicting and rejected rows together.
    pub read: u64,
    /// Rows that were skipped because they had not changed since the given time. Not part of `read`.
    pub passed_over: u64,
    /// Lines of the file without a value, which were skipped. Not part of `read`.
    pub empty_lines: u64,
    /// Rows that this run appended. If two runs append the same row at once, both count it, but it is stored once.
    pub imported: u64,
    /// Rows that were imported before and had changed.
    pub updated: u64,
    /// Rows that were imported before and were moved to another day there, whatever else changed.
    pub moved: u64,
    /// Rows that were imported before and had not changed.
    pub already_there: u64,
    /// Rows that had changed, and were changed in Daybook in the same way.
    pub agreeing: u64,
    /// Rows that had changed, and were changed in Daybook in another way. Daybook's state stays.
    pub conflicts: u64,
    /// At most [`MAX_LISTED`].
    pub conflict_list: Vec<Conflict>,
    /// Rows in conflict or rejected, about which the operator has decided.
    pub resolved: u64,
    /// Those of them that keep Daybook's version, also if the old system is told to win.
    pub kept: u64,
    pub rejected: u64,
    /// Rejected rows whose reservation an earlier run imported: it stays as it was taken then.
    pub rejected_imported_before: u64,
    /// Rejected rows without an id that can be read.
    pub rejected_without_id: u64,
    /// At most [`MAX_REJECTS_LISTED`].
    pub rejects: Vec<Reject>,
    /// Without rejected rows.
    pub by_status: BTreeMap<Status, u64>,
    /// Without rejected rows and rows that need a review.
    pub by_period: BTreeMap<Period, u64>,
    /// Rows that need a review, by reason.
    pub review: BTreeMap<Ambiguity, u64>,
    /// The `since` for the next run, so that it reads only rows changed after this one; `None` if no row was read. A
    /// rehearsal returns its own `since`. Rows whose `updatedAt` lies after the export do not count.
    pub next_since: Option<DateTime<Utc>>,
    pub reconciliation: Option<Reconciliation>,
    /// What is open about the rows in conflict and the rejected rows; at most [`MAX_REJECTS_LISTED`].
    #[serde(skip)]
    pub open_items: HashMap<RowKey, OpenItem>,
    /// A view that has passed this position shows the whole import; `None` if nothing was appended.
    pub position: Option<Position>,
}

impl ImportReport {
    /// Rows that are in Daybook, or would be after a rehearsal.
    pub const fn accepted(&self) -> u64 {
        self.read.saturating_sub(self.rejected)
    }

    /// `is_complete` tells whether the source was to be read as a whole: then it has to have rows.
    pub(super) const fn conclude(&mut self, is_complete: bool) {
        let has_no_rows = is_complete && self.read + self.passed_over == 0;
        self.verdict = if has_no_rows || (self.rejected > 0 && self.accepted() == 0) {
            Verdict::NothingCameIn
        } else if self.rejected > 0 {
            Verdict::RowsRejected
        } else if self.conflicts > 0 {
            Verdict::Conflicts
        } else {
            Verdict::AllIn
        };
    }

    /// Rows that need a review.
    pub fn review_total(&self) -> u64 {
        self.review.values().sum()
    }

    pub(super) fn add_open(&mut self, row: RowKey, item: OpenItem) {
        if self.open_items.len() < MAX_REJECTS_LISTED {
            self.open_items.entry(row).or_insert(item);
        }
    }

    pub(super) fn add_resolved(&mut self, decision: Decision) {
        self.resolved += 1;
        self.kept += u64::from(decision == Decision::KeepOurs);
    }

    pub(super) fn add_conflict(&mut self, conflict: Conflict) {
        self.conflicts += 1;
        if self.conflict_list.len() < MAX_LISTED {
            self.conflict_list.push(conflict);
        }
    }

    pub(super) fn add_reject(&mut self, reject: Reject) {
        self.rejected += 1;
        if self.rejects.len() < MAX_REJECTS_LISTED {
            self.rejects.push(reject);
        }
    }
}

/// A reservation that was changed both in the old system and in Daybook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    pub reservation: ReservationId,
    pub date: NaiveDate,
    /// Columns that changed in the old system since the last import.
    pub fields: Vec<&'static str>,
}
