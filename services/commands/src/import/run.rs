//! A run of the import: chunk by chunk, each sealed and appended page by page. What was taken over before and has changed
//! since goes its own way, in `update`.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::TimeDelta;
use daybook_domain::book::event::{ReservationImported, ServiceSnapshot};
use daybook_domain::book::{BookCommand, Placement, Rejection};
use daybook_domain::catalog::Catalog;
use daybook_domain::hours::Hours;
use daybook_domain::{Actor, ReservationId, Sealed, Status, SubjectId};
use daybook_event_log::Position;
use daybook_event_log::vault::{Sealer, sealing_context};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::forgotten::Forgotten;
use super::known::{Fate, Known, Meeting};
use super::reconcile::Reconciliation;
use super::report::{Conflict, ImportReport, Progress, Reason, Reject};
use super::row::{LegacyRow, RawRow};
use super::said::Said;
use super::{Chunk, ImportError, OnProgress, Takeover};
use crate::commands::Commands;
use crate::error::CommandError;
use crate::origin::Origin;
use crate::pages::Unit;
use crate::wish_input::WishInput;

/// Rows that are on their way to the log at the same time.
pub(super) const MAX_ROWS_UNDER_WAY: usize = 512;

/// How long before the latest change that was seen the next run has to begin to read: a transaction of the old system may
/// commit later than it says, and its clocks need not agree.
const SINCE_MARGIN: TimeDelta = TimeDelta::minutes(10);

/// Takes over what is read, until there is no more.
pub(super) async fn run(
    commands: &Commands,
    options: &Takeover,
    mut chunks: mpsc::Receiver<Chunk>,
    progress: OnProgress<'_>,
) -> Result<ImportReport, ImportError> {
    let mut run = Run {
        commands,
        options,
        catalog: commands.catalog(),
        hours: commands.hours(),
        known: Known::read(commands).await?,
        forgotten: Forgotten::unread(),
        origin: Origin { correlation: Some(Uuid::now_v7()), ..Origin::of(Actor::import()) },
        report: ImportReport::default(),
    };
    while let Some(chunk) = chunks.recv().await {
        let Chunk { rows, rows_total, source_bytes, .. } = chunk;
        run.take_over(rows.into_iter()).await?;
        let rows = run.report.read + run.report.passed_over;
        progress(Progress { rows, rows_total, source_bytes });
    }
    let Run { mut report, known, .. } = run;
    report.next_since = report.next_since.or(options.since);
    if options.reconcile {
        report.reconciliation = Some(Reconciliation::of(&report, &known, &Known::read(commands).await?));
    }
    Ok(report)
}

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) commands: &'a Commands,
    pub(super) options: &'a Takeover,
    catalog: Arc<Catalog>,
    hours: Arc<Hours>,
    known: Known,
    pub(super) forgotten: Forgotten,
    pub(super) origin: Origin,
    report: ImportReport,
}

/// A row that makes sense, read.
pub(super) struct Entry {
    pub(super) row: LegacyRow,
    service: ServiceSnapshot,
    pub(super) placement: Placement,
    wish: Option<Box<str>>,
    unread_wish: Option<String>,
}

/// What came of a row that made sense.
pub(super) enum Outcome {
    Imported(Position),
    Updated(Position),
    AlreadyThere,
    Agreeing,
    Conflict(Conflict),
    Rejected(Reject),
}

/// What reports count rows by.
#[derive(Clone)]
pub(super) struct Kind {
    id: ReservationId,
    status: Status,
    placement: Placement,
}

impl Entry {
    /// What it counts as where it is placed so.
    pub(super) fn kind_placed(&self, placement: Placement) -> Kind {
        Kind { id: self.row.id.clone(), status: self.row.status, placement }
    }
}

/// Rows of a chunk by what is to be done with them.
#[derive(Default)]
struct Sorted {
    new: Vec<Entry>,
    changed: Vec<Entry>,
}

impl Run<'_> {
    async fn take_over(
        &mut self,
        rows: impl Iterator<Item = Result<RawRow, Reject>>,
    ) -> Result<(), ImportError> {
        let mut sorted = Sorted::default();
        for row in rows {
            if let Some(row) = self.read(row) {
                self.consider(row, &mut sorted)?;
            }
        }
        self.forgotten.catch_up(self.commands.log()).await?;
        // Rows of one page follow one another, so that they share an append.
        sorted.new.sort_by_key(|entry| entry.row.preferred_date);
        for (kind, outcome) in self.append(sorted.new).await? {
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
    fn consider(&mut self, row: LegacyRow, sorted: &mut Sorted) -> Result<(), ImportError> {
        let reject = |field, reason| Reject { place: row.place.clone(), field: Some(field), reason };
        let Some(service) = self.catalog.by_legacy(row.service).map(ServiceSnapshot::from) else {
            self.known.meet_unreadable(row.id.clone());
            self.report.reject(reject("service", Reason::UnknownService));
            return Ok(());
        };
        let wish = WishInput::Text(row.preferred_time.clone()).read();
        let placement = Placement::of(wish.understood, &self.hours, row.preferred_date);
        let is_understood = wish.unread.is_none();
        let meeting = self.known.meet(&row.id, &Said::by_source(&row), is_understood)?;
        if let Meeting::Rejected(reason) = meeting {
            self.report.reject(reject("id", reason));
            return Ok(());
        }
        let entry = Entry { row, service, placement, wish: wish.plain, unread_wish: wish.unread };
        match meeting {
            Meeting::New => sorted.new.push(entry),
            Meeting::Other => sorted.changed.push(entry),
            Meeting::Same | Meeting::Rejected(_) => {
                self.count(entry.kind_placed(placement), Outcome::AlreadyThere);
            }
        }
        Ok(())
    }

    pub(super) fn count(&mut self, kind: Kind, outcome: Outcome) {
        let report = &mut self.report;
        let fate = match outcome {
            Outcome::Imported(position) => {
                report.imported += 1;
                report.position = report.position.max(Some(position));
                Fate::Imported
            }
            Outcome::Updated(position) => {
                report.updated += 1;
                report.position = report.position.max(Some(position));
                Fate::Updated
            }
            Outcome::AlreadyThere => {
                report.already_there += 1;
                Fate::Unchanged
            }
            Outcome::Agreeing => {
                report.agreeing += 1;
                Fate::Agreeing
            }
            Outcome::Conflict(conflict) => {
                report.conflict(conflict);
                Fate::Conflicting
            }
            Outcome::Rejected(reject) => {
                report.reject(reject);
                self.known.settle(&kind.id, Fate::Rejected);
                return;
            }
        };
        self.known.settle(&kind.id, fate);
        *report.by_status.entry(kind.status).or_default() += 1;
        match kind.placement {
            Placement::At { period, .. } | Placement::Period(period) => {
                *report.by_period.entry(period).or_default() += 1;
            }
            Placement::Review(unclear) => *report.review.entry(unclear).or_default() += 1,
        }
    }

    /// Appends new rows.
    async fn append(&mut self, entries: Vec<Entry>) -> Result<Vec<(Kind, Outcome)>, ImportError> {
        let sealer = self.sealer(entries.iter()).await?;
        let under_way = entries.iter().map(|entry| self.append_one(entry, &sealer));
        stream::iter(under_way).buffer_unordered(MAX_ROWS_UNDER_WAY).try_collect().await
    }

    /// The keys of rows, made beforehand and all at once. Who was forgotten gets none; and who was forgotten while keys were
    /// made is known to be before anything is sealed with them.
    pub(super) async fn sealer<'e>(
        &mut self,
        entries: impl Iterator<Item = &'e Entry>,
    ) -> Result<Sealer, ImportError> {
        let subjects = self.subjects(entries);
        let sealer = self.commands.vault().keys_for(&subjects).await?;
        self.forgotten.catch_up(self.commands.log()).await?;
        Ok(sealer)
    }

    /// The subjects of rows, each once, but for those who were forgotten.
    fn subjects<'e>(&self, entries: impl Iterator<Item = &'e Entry>) -> Vec<SubjectId> {
        let named = entries.filter_map(|entry| {
            let subject = self.commands.subject(&entry.row.phone);
            self.forgotten.erased(subject, entry.row.created_at).is_none().then_some(subject)
        });
        let subjects: HashSet<SubjectId> = named.collect();
        subjects.into_iter().collect()
    }

    async fn append_one(&self, entry: &Entry, sealer: &Sealer) -> Result<(Kind, Outcome), ImportError> {
        let kind = entry.kind_placed(entry.placement);
        let (place, date) = (entry.row.place.clone(), entry.row.preferred_date);
        let command = BookCommand::Import(self.seal(entry, sealer, None)?);
        let unit = Unit { commands: vec![command], new_key: None, about: None, origin: self.origin.clone() };
        let outcome = match self.commands.pages().settle(date, unit).await {
            Ok(settled) if settled.nothing_new => Outcome::AlreadyThere,
            Ok(settled) => Outcome::Imported(settled.position),
            Err(CommandError::Rejected(Rejection::PageFull)) => {
                Outcome::Rejected(Reject { place, field: Some("preferredDate"), reason: Reason::DayFull })
            }
            Err(error) => return Err(error.into()),
        };
        Ok((kind, outcome))
    }

    /// The row as the log keeps it. What is `erased` already stays so.
    pub(super) fn seal(
        &self,
        entry: &Entry,
        sealer: &Sealer,
        erased: Option<(SubjectId, Sealed)>,
    ) -> Result<ReservationImported, ImportError> {
        let Entry { row, service, placement, wish, unread_wish } = entry;
        let (subject, details) = match erased {
            Some(erased) => erased,
            None => {
                let subject = self.commands.subject(&row.phone);
                (subject, self.seal_details(subject, row, unread_wish.clone(), sealer)?)
            }
        };
        Ok(ReservationImported {
            reservation: row.id.clone(),
            subject,
            details,
            service: service.clone(),
            date: row.preferred_date,
            wish: wish.clone(),
            placement: *placement,
            status: row.status,
            created_at: row.created_at,
            updated_at: row.updated_at,
            status_changed_at: row.status_changed_at,
            status_changed_by: row.status_changed_by.as_deref().map(Into::into),
        })
    }

    fn seal_details(
        &self,
        subject: SubjectId,
        row: &LegacyRow,
        unread_wish: Option<String>,
        sealer: &Sealer,
    ) -> Result<Sealed, ImportError> {
        if let Some(erased) = self.forgotten.erased(subject, row.created_at) {
            return Ok(erased);
        }
        Ok(sealer.seal(subject, sealing_context(&row.id), &row.details(unread_wish).to_text())?)
    }
}
