//! A run of the import: chunk by chunk, each sealed and appended page by page; or a rehearsal of one, which appends nothing.
//! What was taken over before and has changed since goes its own way, in `update`.

use chrono::TimeDelta;
use daybook_domain::schedule::SlotAssignment;
use daybook_domain::schedule::event::ServiceSnapshot;
use daybook_domain::{ReservationId, Status};
use daybook_event_log::Position;
use tokio::sync::mpsc;

use super::capacity::Capacity;
use super::import_index::{ImportIndex, RowMatch, RowOutcome};
use super::reconcile::Reconciliation;
use super::recorder::Recorder;
use super::reference_data::ReferenceData;
use super::report::{Conflict, ImportReport, Progress, Reason, Reject};
use super::row::{LegacyRow, RawRow};
use super::row_contents::RowContents;
use super::{Chunk, ImportError, ImportRun, OnProgress};
use daybook_commands::Commands;
use daybook_commands::InterpretedTime;

/// How long before the latest change that was seen the next run has to begin to read: a transaction of the old system may
/// commit later than it says, and its clocks need not agree.
const SINCE_MARGIN: TimeDelta = TimeDelta::minutes(10);

/// Takes over what is read, until there is no more.
///
/// `look` sees every row before it is judged.
pub(super) async fn run(
    mut run: Run<'_>,
    mut chunks: mpsc::Receiver<Chunk>,
    mut look: impl FnMut(&RawRow),
    progress: OnProgress<'_>,
) -> Result<ImportReport, ImportError> {
    while let Some(chunk) = chunks.recv().await {
        let Chunk { rows, rows_total, source_bytes, .. } = chunk;
        rows.iter().flatten().for_each(&mut look);
        run.take_over(rows.into_iter()).await?;
        let rows = run.report.read + run.report.passed_over;
        progress(Progress { rows, rows_total, source_bytes });
    }
    run.finish().await
}

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) options: &'a ImportRun,
    basis: ReferenceData,
    known: ImportIndex,
    pub(super) target: Target<'a>,
    report: ImportReport,
}

/// Where a run takes rows to.
pub(super) enum Target<'a> {
    /// To the log.
    Log(Recorder<'a>),
    /// Nowhere: it is only reckoned what would come of them.
    Nowhere(Capacity<'a>),
}

impl<'a> Target<'a> {
    /// Those of the clinic, where there is one.
    pub(super) const fn commands(&self) -> Option<&'a Commands> {
        match self {
            Self::Log(recorder) => Some(recorder.commands),
            Self::Nowhere(room) => room.commands(),
        }
    }
}

/// A row that makes sense, read.
pub(super) struct PreparedRow {
    pub(super) row: LegacyRow,
    pub(super) service: ServiceSnapshot,
    pub(super) placement: SlotAssignment,
    pub(super) wish: Option<Box<str>>,
    pub(super) unread_wish: Option<String>,
}

/// What came of a row that made sense. Where in the log it is, or nothing where nothing was appended.
pub(super) enum Outcome {
    Imported(Option<Position>),
    Updated(Option<Position>),
    AlreadyThere,
    Agreeing,
    Conflict(Conflict),
    Rejected(Reject),
}

/// What reports count rows by.
#[derive(Clone)]
pub(super) struct RowSummary {
    id: ReservationId,
    status: Status,
    placement: SlotAssignment,
}

impl PreparedRow {
    /// What it counts as where it is placed so.
    pub(super) fn kind_placed(&self, placement: SlotAssignment) -> RowSummary {
        RowSummary { id: self.row.id.clone(), status: self.row.status, placement }
    }
}

/// Rows of a chunk by what is to be done with them.
#[derive(Default)]
struct NewAndChanged {
    new: Vec<PreparedRow>,
    changed: Vec<PreparedRow>,
}

impl<'a> Run<'a> {
    /// A run that appends.
    pub(super) async fn recording(
        commands: &'a Commands,
        options: &'a ImportRun,
    ) -> Result<Self, ImportError> {
        let basis = ReferenceData { catalog: commands.catalog(), hours: commands.hours() };
        let known = ImportIndex::read(commands).await?;
        let target = Target::Log(Recorder::new(commands));
        Ok(Self { options, basis, known, target, report: ImportReport::default() })
    }

    /// A run that appends nothing. Without a clinic it is that of one which begins.
    pub(super) async fn rehearsal(
        commands: Option<&'a Commands>,
        basis: ReferenceData,
        options: &'a ImportRun,
    ) -> Result<Self, ImportError> {
        let known = match commands {
            Some(commands) => ImportIndex::read(commands).await?,
            None => ImportIndex::default(),
        };
        let target = Target::Nowhere(Capacity::of(commands));
        Ok(Self { options, basis, known, target, report: ImportReport::default() })
    }

    async fn finish(self) -> Result<ImportReport, ImportError> {
        let Self { options, known, target, mut report, .. } = self;
        report.next_since = match target {
            Target::Log(_) => report.next_since.or(options.since),
            // What was only reckoned has still to be read.
            Target::Nowhere(_) => options.since,
        };
        if options.reconcile {
            report.reconciliation = Some(match target {
                Target::Log(Recorder { commands, .. }) => {
                    Reconciliation::of(&report, &known, &ImportIndex::read(commands).await?)
                }
                Target::Nowhere(_) => Reconciliation::reckoned(&report, &known),
            });
        }
        Ok(report)
    }

    async fn take_over(
        &mut self,
        rows: impl Iterator<Item = Result<RawRow, Reject>>,
    ) -> Result<(), ImportError> {
        let mut sorted = NewAndChanged::default();
        for row in rows {
            if let Some(row) = self.read(row) {
                self.consider(row, &mut sorted)?;
            }
        }
        // Rows of one page follow one another, so that they share an append.
        sorted.new.sort_by_key(|entry| entry.row.preferred_date);
        let outcomes = match &mut self.target {
            Target::Log(recorder) => recorder.append(sorted.new).await?,
            Target::Nowhere(room) => rehearse(room, sorted.new).await?,
        };
        for (kind, outcome) in outcomes {
            self.count(kind, outcome);
        }
        self.update(sorted.changed).await
    }

    /// Reads a row that has changed since the time that was given. One of which no sense can be made is counted.
    fn read(&mut self, row: Result<RawRow, Reject>) -> Option<LegacyRow> {
        let id = row.as_ref().ok().and_then(RawRow::id);
        match row.and_then(RawRow::parse) {
            Ok(row) => {
                let next_since = row.updated_at - SINCE_MARGIN;
                self.report.next_since = self.report.next_since.max(Some(next_since));
                if self.options.since.is_some_and(|since| row.updated_at < since) {
                    self.report.passed_over += 1;
                    return None;
                }
                self.report.read += 1;
                Some(row)
            }
            Err(reject) => {
                id.into_iter().for_each(|id| self.known.meet_unreadable(id));
                self.report.read += 1;
                self.report.reject(reject);
                None
            }
        }
    }

    /// Prepares a row that is new or has changed; counts any other.
    fn consider(&mut self, row: LegacyRow, sorted: &mut NewAndChanged) -> Result<(), ImportError> {
        let Some(service) = self.basis.catalog.by_legacy(row.service).map(ServiceSnapshot::from) else {
            self.known.meet_unreadable(row.id.clone());
            self.report.reject(row.rejected("service", Reason::UnknownService));
            return Ok(());
        };
        let reading = self.options.rules.read(&row.preferred_time);
        let wish =
            InterpretedTime::from_text(row.preferred_time.clone(), reading.understood, reading.built_in);
        let placement = SlotAssignment::from_parsed(wish.parsed_time, &self.basis.hours, row.preferred_date);
        let is_understood = !matches!(placement, SlotAssignment::Review(_));
        let meeting = self.known.meet(&row.id, &RowContents::by_source(&row), is_understood)?;
        let entry =
            PreparedRow { row, service, placement, wish: wish.plain_text, unread_wish: wish.sealed_text };
        match meeting {
            RowMatch::New => sorted.new.push(entry),
            RowMatch::Other => sorted.changed.push(entry),
            RowMatch::Same(placement) => self.count(entry.kind_placed(placement), Outcome::AlreadyThere),
            RowMatch::Rejected(reason) => self.report.reject(entry.row.rejected("id", reason)),
        }
        Ok(())
    }

    pub(super) fn count(&mut self, kind: RowSummary, outcome: Outcome) {
        let report = &mut self.report;
        let fate = match outcome {
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
            Outcome::AlreadyThere => {
                report.already_there += 1;
                RowOutcome::Unchanged
            }
            Outcome::Agreeing => {
                report.agreeing += 1;
                RowOutcome::Agreeing
            }
            Outcome::Conflict(conflict) => {
                report.conflict(conflict);
                RowOutcome::Conflicting
            }
            Outcome::Rejected(reject) => {
                report.reject(reject);
                self.known.settle(&kind.id, RowOutcome::Rejected);
                return;
            }
        };
        self.known.settle(&kind.id, fate);
        *report.by_status.entry(kind.status).or_default() += 1;
        match kind.placement {
            SlotAssignment::At { period, .. } | SlotAssignment::Period(period) => {
                *report.by_period.entry(period).or_default() += 1;
            }
            SlotAssignment::Review(unclear) => *report.review.entry(unclear).or_default() += 1,
        }
    }
}

/// What would come of new rows.
async fn rehearse(
    room: &mut Capacity<'_>,
    entries: Vec<PreparedRow>,
) -> Result<Vec<(RowSummary, Outcome)>, ImportError> {
    let mut outcomes = Vec::with_capacity(entries.len());
    for entry in entries {
        let outcome = match room.take(entry.row.preferred_date).await? {
            true => Outcome::Imported(None),
            false => Outcome::Rejected(entry.row.rejected("preferredDate", Reason::DayFull)),
        };
        outcomes.push((entry.kind_placed(entry.placement), outcome));
    }
    Ok(outcomes)
}
