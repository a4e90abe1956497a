//! A run of the import, which appends chunk by chunk, or a rehearsal, which appends nothing. `update` handles rows that changed
//! since their last import.

mod update;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use daybook_commands::{Commands, InterpretedTime};
use daybook_domain::ReservationId;
use daybook_domain::schedule::event::ServiceSnapshot;
use daybook_domain::schedule::{ScheduleCommand, SlotAssignment};
use daybook_domain::time::ClinicNow;
use tokio::sync::mpsc;

use super::capacity::Capacity;
use super::import_index::{ImportIndex, RowMatch, RowOutcome, SeenRow};
use super::prepared_row::{ChangedRow, Outcome, PreparedRow, RowSummary};
use super::reconcile::Reconciliation;
use super::recorder::Recorder;
use super::reference_data::ReferenceData;
use super::reject::{Place, Reason, Reject, UnreadRow};
use super::report::{ImportReport, Progress};
use super::resolution::{Decision, OpenItem, RowKey};
use super::row::{LegacyRow, RawRow};
use super::row_contents::{RowContents, RowHash};
use super::{Chunk, ImportError, ImportRun, OnProgress};

/// Overlap between two runs: a transaction of the old system may commit later than its timestamp says, and clocks may
/// differ.
const SINCE_MARGIN: TimeDelta = TimeDelta::minutes(10);

/// Imports all chunks. `inspect` sees every readable row first.
pub(super) async fn run(
    mut run: Run<'_>,
    mut chunks: mpsc::Receiver<Chunk>,
    mut inspect: impl FnMut(&RawRow, Option<DateTime<Utc>>),
    progress: OnProgress<'_>,
) -> Result<ImportReport, ImportError> {
    while let Some(chunk) = chunks.recv().await {
        let Chunk { rows, rows_total, source_bytes, empty_lines, as_of, file, .. } = chunk;
        (run.as_of, run.report.file, run.report.empty_lines) = (as_of, file, empty_lines);
        rows.iter().flatten().for_each(|row| inspect(row, as_of));
        run.import(rows).await?;
        let rows = run.report.read + run.report.passed_over;
        progress(Progress { rows, rows_total, source_bytes });
    }
    run.finish().await
}

/// A run in progress.
pub(super) struct Run<'a> {
    options: &'a ImportRun,
    reference_data: ReferenceData,
    index: ImportIndex,
    target: Target<'a>,
    report: ImportReport,
    /// When the source was read or exported.
    as_of: Option<DateTime<Utc>>,
}

/// A row that was rejected.
struct RejectedRow<'r> {
    /// `None` if none can be read.
    id: Option<&'r ReservationId>,
    /// Whether an earlier row has the same id: then the first one counts.
    is_repeated: bool,
    hash: RowHash,
}

/// Where a run puts its rows.
enum Target<'a> {
    Log(Recorder<'a>),
    Nowhere(Capacity<'a>),
}

impl<'a> Target<'a> {
    const fn commands(&self) -> Option<&'a Commands> {
        match self {
            Self::Log(recorder) => Some(recorder.commands),
            Self::Nowhere(capacity) => capacity.commands,
        }
    }
}

impl<'a> Run<'a> {
    /// A run that appends.
    pub(super) async fn recording(
        commands: &'a Commands,
        options: &'a ImportRun,
    ) -> Result<Self, ImportError> {
        let reference_data = ReferenceData { catalog: commands.catalog(), hours: commands.hours() };
        let mut run = Self::new(options, reference_data, Target::Log(Recorder::new(commands))).await?;
        run.complete_moves(commands).await?;
        Ok(run)
    }

    /// Completes the moves to another day that an earlier run began. Until then the views show them on their old day.
    async fn complete_moves(&mut self, commands: &Commands) -> Result<(), ImportError> {
        let Target::Log(recorder) = &self.target else { return Ok(()) };
        for moved in self.index.begun_moves().values() {
            let (date, command) = (moved.row.date, ScheduleCommand::MoveIn(moved.clone()));
            let recorded = commands.execute_one(date, command, recorder.origin.clone()).await?;
            self.report.position = self.report.position.max(Some(recorded.position));
        }
        Ok(())
    }

    /// A run that appends nothing. `commands` is `None` for a new clinic.
    pub(super) async fn rehearsal(
        commands: Option<&'a Commands>,
        reference_data: ReferenceData,
        options: &'a ImportRun,
    ) -> Result<Self, ImportError> {
        Self::new(options, reference_data, Target::Nowhere(Capacity::new(commands))).await
    }

    async fn new(
        options: &'a ImportRun,
        reference_data: ReferenceData,
        target: Target<'a>,
    ) -> Result<Self, ImportError> {
        let index = match target.commands() {
            Some(commands) => ImportIndex::read(commands).await?,
            None => ImportIndex::default(),
        };
        Ok(Self { options, reference_data, index, target, report: ImportReport::default(), as_of: None })
    }

    async fn finish(self) -> Result<ImportReport, ImportError> {
        let Self { options, index, target, mut report, .. } = self;
        report.next_since = match target {
            Target::Log(_) => report.next_since.or(options.since),
            // The rows of a rehearsal still have to be imported.
            Target::Nowhere(_) => options.since,
        };
        report.conclude(options.since.is_none());
        if options.reconcile {
            let log_after = match target {
                Target::Log(Recorder { commands, .. }) => Some(ImportIndex::read(commands).await?),
                Target::Nowhere(_) => None,
            };
            let account = Reconciliation::new(&report, &index, log_after.as_ref(), &options.resolutions);
            report.reconciliation = Some(account);
        }
        Ok(report)
    }

    async fn import(&mut self, rows: Vec<Result<RawRow, UnreadRow>>) -> Result<(), ImportError> {
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        for row in rows {
            if let Some(row) = self.parse(row) {
                self.prepare(row, &mut new, &mut changed)?;
            }
        }
        // Neighbouring rows of one day share an append.
        new.sort_by_key(|prepared: &PreparedRow| prepared.row.preferred_date);
        let outcomes = match &mut self.target {
            Target::Log(recorder) => recorder.append(new).await?,
            Target::Nowhere(capacity) => rehearse(capacity, new).await?,
        };
        for (row, outcome) in outcomes {
            self.count(&row, outcome);
        }
        self.update(changed).await
    }

    /// The clinic's day.
    fn today(&self) -> NaiveDate {
        let of_new_clinic = || ClinicNow { instant: Utc::now(), zone: self.options.dates.clinic };
        self.target.commands().map_or_else(of_new_clinic, Commands::now).today()
    }

    /// Parses a row. Counts it if it is invalid, left out, or has not changed since `since`.
    fn parse(&mut self, row: Result<RawRow, UnreadRow>) -> Option<LegacyRow> {
        let (id, hash) = match &row {
            Ok(row) => (row.id(), row.hash()),
            Err(UnreadRow { reject: Reject { place: Place::Row(id), .. }, hash }) => {
                (Some(id.clone()), *hash)
            }
            Err(UnreadRow { hash, .. }) => (None, *hash),
        };
        let is_repeated = id.as_ref().is_some_and(|id| self.index.has_seen(id));
        if let Some(id) = id.as_ref().filter(|_| !is_repeated)
            && let Some(decision) = self.decision(id, &hash)
        {
            // With other options the row could be read now, but it is the row that the operator left out.
            self.report.read += 1;
            self.report.add_resolved(decision);
            self.index.add_invalid(id.clone());
            return None;
        }
        let today = self.today();
        let row = row.map_err(|row| row.reject);
        match row.and_then(|row| row.parse(self.options.region, self.options.dates, today)) {
            Ok(row) => {
                // A moment after the export is wrong, and would hide every change until then from the next run.
                if self.as_of.is_none_or(|as_of| row.updated_at <= as_of) {
                    let next_since = row.updated_at.checked_sub_signed(SINCE_MARGIN);
                    self.report.next_since = self.report.next_since.max(next_since);
                }
                if self.options.since.is_some_and(|since| row.updated_at < since) {
                    self.report.passed_over += 1;
                    return None;
                }
                self.report.read += 1;
                Some(row)
            }
            Err(reject) => {
                self.report.read += 1;
                self.reject(&RejectedRow { id: id.as_ref(), is_repeated, hash }, reject);
                id.into_iter().for_each(|id| self.index.add_invalid(id));
                None
            }
        }
    }

    /// Prepares a new or changed row. Counts any other.
    fn prepare(
        &mut self,
        row: LegacyRow,
        new: &mut Vec<PreparedRow>,
        changed: &mut Vec<ChangedRow>,
    ) -> Result<(), ImportError> {
        let seen = SeenRow::new(&RowContents::from_row(&row));
        let is_repeated = self.index.has_seen(&row.id);
        let service = self.reference_data.catalog.by_legacy(row.service).map(ServiceSnapshot::from);
        let Some(service) = service else {
            self.index.add_invalid(row.id.clone());
            let rejected = RejectedRow { id: Some(&row.id), is_repeated, hash: seen.hash };
            self.reject(&rejected, row.rejected("service", Reason::UnknownService));
            return Ok(());
        };
        let reading = self.options.rules.read(&row.preferred_time);
        let time = InterpretedTime::from_text(row.preferred_time.clone(), reading.parsed, reading.built_in);
        let hours = &self.reference_data.hours;
        let slot = SlotAssignment::from_parsed(time.parsed_time, hours, row.preferred_date);
        let is_parsed = !matches!(slot, SlotAssignment::Review(_));
        let row_match = self.index.classify(&row.id, seen, is_parsed)?;
        let prepared = PreparedRow { row, service, slot, time, hash: seen.hash };
        match row_match {
            RowMatch::New => match self.decision(&prepared.row.id, &prepared.hash) {
                Some(decision) => self.count(&prepared.summary(slot), Outcome::Resolved(decision)),
                None => new.push(prepared),
            },
            RowMatch::Changed(logged_day) => changed.push(ChangedRow { prepared, logged_day }),
            RowMatch::Unchanged(slot) if self.index.begun_moves().contains_key(&prepared.row.id) => {
                self.count(&prepared.summary(slot), Outcome::Moved(None));
            }
            RowMatch::Unchanged(slot) => self.count(&prepared.summary(slot), Outcome::AlreadyThere),
            RowMatch::Rejected(reason) => {
                let rejected = RejectedRow { id: Some(&prepared.row.id), is_repeated, hash: prepared.hash };
                self.reject(&rejected, prepared.row.rejected("id", reason));
            }
        }
        Ok(())
    }

    /// The operator's decision about a row with these contents.
    fn decision(&self, id: &ReservationId, row: &RowHash) -> Option<Decision> {
        self.options.resolutions.decided(self.target.commands()?, id, row)
    }

    /// Counts a rejected row, unless the operator decided to leave it out.
    fn reject(&mut self, row: &RejectedRow<'_>, reject: Reject) {
        let RejectedRow { id, is_repeated, hash } = *row;
        let (commands, resolutions) = (self.target.commands(), &self.options.resolutions);
        let item = OpenItem::rejected(&reject, commands.map(|commands| (commands, &hash)));
        let mark = commands
            .filter(|_| is_repeated || id.is_none())
            .map(|commands| RowKey::mark(commands, id, &hash));
        if id.is_some_and(|id| resolutions.cover(id, &item))
            || mark.as_ref().is_some_and(|mark| resolutions.leave_out(mark))
        {
            return self.report.add_resolved(Decision::LeaveOut);
        }
        if let Some(key) = mark.clone().or_else(|| id.map(RowKey::from)) {
            self.report.add_open(key, item);
        }
        let logged = id.filter(|_| !is_repeated).and_then(|id| self.index.get(id));
        let was_imported = logged.is_some_and(|logged| logged.last_import.is_some());
        self.report.rejected_imported_before += u64::from(was_imported);
        self.report.rejected_without_id += u64::from(id.is_none());
        self.report.add_reject(Reject { mark, ..reject });
    }

    fn count(&mut self, row: &RowSummary, outcome: Outcome) {
        let report = &mut self.report;
        let outcome = match outcome {
            Outcome::Imported(position) => {
                report.imported += 1;
                report.position = report.position.max(position);
                RowOutcome::Imported
            }
            Outcome::Updated(position) => {
                report.updated += 1;
                report.position = report.position.max(position);
                RowOutcome::Updated
            }
            Outcome::Moved(position) => {
                report.moved += 1;
                report.position = report.position.max(position);
                RowOutcome::Moved
            }
            Outcome::AlreadyThere => {
                report.already_there += 1;
                RowOutcome::Unchanged
            }
            Outcome::Agreeing => {
                report.agreeing += 1;
                RowOutcome::Agreeing
            }
            Outcome::Conflict(conflict) => {
                report.add_conflict(conflict);
                RowOutcome::Conflicting
            }
            Outcome::Resolved(decision) => {
                report.add_resolved(decision);
                if decision == Decision::LeaveOut {
                    return self.index.set_outcome(&row.id, RowOutcome::Resolved);
                }
                RowOutcome::Resolved
            }
            Outcome::Rejected(reject) => {
                let rejected = RejectedRow { id: Some(&row.id), is_repeated: false, hash: row.hash };
                self.reject(&rejected, reject);
                return self.index.set_outcome(&row.id, RowOutcome::Rejected);
            }
        };
        self.index.set_outcome(&row.id, outcome);
        let report = &mut self.report;
        *report.by_status.entry(row.status).or_default() += 1;
        match row.slot {
            SlotAssignment::At { period, .. } | SlotAssignment::Period(period) => {
                *report.by_period.entry(period).or_default() += 1;
            }
            SlotAssignment::Review(ambiguity) => *report.review.entry(ambiguity).or_default() += 1,
        }
    }
}

/// The outcomes that an append would have.
async fn rehearse(
    capacity: &mut Capacity<'_>,
    rows: Vec<PreparedRow>,
) -> Result<Vec<(RowSummary, Outcome)>, ImportError> {
    let mut outcomes = Vec::with_capacity(rows.len());
    for prepared in rows {
        let outcome = if capacity.take(prepared.row.preferred_date, prepared.row.status).await? {
            Outcome::Imported(None)
        } else {
            Outcome::Rejected(prepared.row.rejected("preferredDate", Reason::DayFull))
        };
        outcomes.push((prepared.summary(prepared.slot), outcome));
    }
    Ok(outcomes)
}
