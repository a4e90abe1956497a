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
use super::import_index::{ImportIndex, RowMatch, RowOutcome};
use super::prepared_row::{ChangedRow, Outcome, PreparedRow, RowSummary};
use super::reconcile::Reconciliation;
use super::recorder::Recorder;
use super::reference_data::ReferenceData;
use super::reject::{Place, Reason, Reject};
use super::report::{ImportReport, Progress};
use super::resolution::OpenItem;
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
        let Chunk { rows, rows_total, source_bytes, as_of, file, .. } = chunk;
        (run.as_of, run.report.file) = (as_of, file);
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

    async fn import(&mut self, rows: Vec<Result<RawRow, Reject>>) -> Result<(), ImportError> {
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

    /// Parses a row. Counts it if it is invalid, or has not changed since `since`.
    fn parse(&mut self, row: Result<RawRow, Reject>) -> Option<LegacyRow> {
        let id = match &row {
            Ok(row) => row.id(),
            Err(Reject { place: Place::Row(id), .. }) => Some(id.clone()),
            Err(_) => None,
        };
        let today = self.today();
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
                self.reject(id.as_ref(), None, reject);
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
        let service = self.reference_data.catalog.by_legacy(row.service).map(ServiceSnapshot::from);
        let Some(service) = service else {
            self.index.add_invalid(row.id.clone());
            self.reject(Some(&row.id), None, row.rejected("service", Reason::UnknownService));
            return Ok(());
        };
        let reading = self.options.rules.read(&row.preferred_time);
        let time = InterpretedTime::from_text(row.preferred_time.clone(), reading.parsed, reading.built_in);
        let hours = &self.reference_data.hours;
        let slot = SlotAssignment::from_parsed(time.parsed_time, hours, row.preferred_date);
        let is_parsed = !matches!(slot, SlotAssignment::Review(_));
        let contents = RowContents::from_row(&row);
        let row_match = self.index.classify(&row.id, &contents, is_parsed)?;
        let prepared = PreparedRow { row, service, slot, time };
        match row_match {
            RowMatch::New => new.push(prepared),
            RowMatch::Changed(logged_day) => changed.push(ChangedRow { prepared, logged_day }),
            RowMatch::Unchanged(slot) if self.index.begun_moves().contains_key(&prepared.row.id) => {
                self.count(&prepared.summary(slot), Outcome::Moved(None));
            }
            RowMatch::Unchanged(slot) => self.count(&prepared.summary(slot), Outcome::AlreadyThere),
            RowMatch::Rejected(reason) => {
                let row = &prepared.row;
                self.reject(Some(&row.id), Some(&contents.hash()), row.rejected("id", reason));
            }
        }
        Ok(())
    }

    /// Counts a rejected row, unless the operator decided to leave it out. `row` is the hash of one that can be read.
    fn reject(&mut self, id: Option<&ReservationId>, row: Option<&RowHash>, reject: Reject) {
        if let Some(id) = id {
            let item = OpenItem::rejected(&reject, self.target.commands().zip(row));
            if self.options.resolutions.cover(id, &item) {
                self.report.resolved += 1;
                return;
            }
            self.report.add_open(id, item);
        }
        let logged = id.and_then(|id| self.index.get(id));
        let was_imported = logged.is_some_and(|logged| logged.last_import.is_some());
        // Of several rows with one id, the first one counts.
        if was_imported && reject.reason != Reason::DuplicateId {
            self.report.rejected_imported_before += 1;
        }
        self.report.rejected_without_id += u64::from(id.is_none());
        self.report.add_reject(reject);
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
            Outcome::Resolved => {
                report.resolved += 1;
                RowOutcome::Resolved
            }
            Outcome::Rejected(reject) => {
                self.reject(Some(&row.id), row.hash.as_ref(), reject);
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
