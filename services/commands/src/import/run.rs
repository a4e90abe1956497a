//! A run of the import: chunk by chunk, each sealed and appended page by page; or a rehearsal of one, which appends nothing.

use std::collections::HashSet;

use daybook_domain::book::event::{ReservationImported, ServiceSnapshot};
use daybook_domain::book::{BookCommand, Placement, Rejection};
use daybook_domain::{Actor, Status, SubjectId};
use daybook_event_log::Position;
use daybook_event_log::vault::{PatientDetails, Sealer, sealing_context};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::known::{Known, Standing};
use super::report::{ImportReport, Place, Progress, Reason, Reject};
use super::room::Room;
use super::row::{LegacyRow, RawRow};
use super::rules::Rules;
use super::{Basis, Chunk, ImportError, OnProgress};
use crate::commands::Commands;
use crate::error::CommandError;
use crate::origin::Origin;
use crate::pages::Unit;
use crate::wish_input::ReadWish;

/// Rows that are on their way to the log at the same time.
const MAX_ROWS_UNDER_WAY: usize = 512;

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
        run.take_over(rows.into_iter().map(|row| row.and_then(RawRow::parse))).await?;
        progress(Progress { rows: run.report.read, rows_total, source_bytes });
    }
    Ok(run.report)
}

/// A run under way.
pub(super) struct Run<'a> {
    basis: Basis,
    rules: &'a Rules,
    known: Known,
    target: Target<'a>,
    report: ImportReport,
}

/// Where a run takes rows to.
enum Target<'a> {
    /// To the log.
    Log(Recorder<'a>),
    /// Nowhere: it is only reckoned what would come of them.
    Nowhere(Room<'a>),
}

/// Seals rows and appends them.
struct Recorder<'a> {
    commands: &'a Commands,
    origin: Origin,
}

/// A row that is to be appended.
struct Entry {
    row: LegacyRow,
    service: ServiceSnapshot,
    placement: Placement,
    wish: Option<Box<str>>,
    unread_wish: Option<String>,
}

/// What came of a row that made sense.
enum Outcome {
    /// Where in the log; none where nothing was appended.
    Imported(Option<Position>),
    AlreadyThere,
    Rejected(Reject),
}

/// What reports count rows by.
#[derive(Clone, Copy)]
struct Kind {
    status: Status,
    placement: Placement,
}

impl<'a> Run<'a> {
    /// A run that appends.
    pub(super) async fn recording(commands: &'a Commands, rules: &'a Rules) -> Result<Self, ImportError> {
        let origin = Origin { correlation: Some(Uuid::now_v7()), ..Origin::of(Actor::import()) };
        let target = Target::Log(Recorder { commands, origin });
        let basis = Basis { catalog: commands.catalog(), hours: commands.hours() };
        let known = Known::read(commands.log()).await?;
        Ok(Self { basis, rules, known, target, report: ImportReport::default() })
    }

    /// A run that appends nothing. Without a clinic it is that of one which begins.
    pub(super) async fn rehearsal(
        commands: Option<&'a Commands>,
        basis: Basis,
        rules: &'a Rules,
    ) -> Result<Self, ImportError> {
        let known = match commands {
            Some(commands) => Known::read(commands.log()).await?,
            None => Known::nothing(),
        };
        let target = Target::Nowhere(Room::of(commands));
        Ok(Self { basis, rules, known, target, report: ImportReport::default() })
    }

    async fn take_over(
        &mut self,
        rows: impl Iterator<Item = Result<LegacyRow, Reject>>,
    ) -> Result<(), ImportError> {
        let mut entries = Vec::new();
        for row in rows {
            self.report.read += 1;
            match row {
                Ok(row) => entries.extend(self.consider(row)?),
                Err(reject) => self.report.reject(reject),
            }
        }
        // Rows of one page follow one another, so that they share an append.
        entries.sort_by_key(|entry| entry.row.preferred_date);
        let outcomes = match &mut self.target {
            Target::Log(recorder) => recorder.append(entries).await?,
            Target::Nowhere(room) => rehearse(room, entries).await?,
        };
        for (kind, outcome) in outcomes {
            self.count(kind, outcome);
        }
        Ok(())
    }

    /// Prepares a row that is new; counts any other.
    fn consider(&mut self, row: LegacyRow) -> Result<Option<Entry>, ImportError> {
        let reject = |field, reason| Reject { place: row.place.clone(), field: Some(field), reason };
        let Some(service) = self.basis.catalog.by_legacy(row.service).map(ServiceSnapshot::from) else {
            self.report.reject(reject("service", Reason::UnknownService));
            return Ok(None);
        };
        let reading = self.rules.read(&row.preferred_time);
        let wish = ReadWish::of(row.preferred_time.clone(), reading.understood, reading.built_in);
        let placement = Placement::of(wish.understood, &self.basis.hours, row.preferred_date);
        match self.known.meet(&row.id, row.preferred_date)? {
            Standing::New => {
                Ok(Some(Entry { row, service, placement, wish: wish.plain, unread_wish: wish.unread }))
            }
            Standing::AlreadyThere => {
                self.count(Kind { status: row.status, placement }, Outcome::AlreadyThere);
                Ok(None)
            }
            Standing::Rejected(reason) => {
                self.report.reject(reject("id", reason));
                Ok(None)
            }
        }
    }

    fn count(&mut self, kind: Kind, outcome: Outcome) {
        let report = &mut self.report;
        match outcome {
            Outcome::Imported(position) => {
                report.imported += 1;
                report.position = report.position.max(position);
            }
            Outcome::AlreadyThere => report.already_there += 1,
            Outcome::Rejected(reject) => return report.reject(reject),
        }
        *report.by_status.entry(kind.status).or_default() += 1;
        match kind.placement {
            Placement::At { period, .. } | Placement::Period(period) => {
                *report.by_period.entry(period).or_default() += 1;
            }
            Placement::Review(unclear) => *report.review.entry(unclear).or_default() += 1,
        }
    }
}

/// What would come of rows that are to be appended.
async fn rehearse(room: &mut Room<'_>, entries: Vec<Entry>) -> Result<Vec<(Kind, Outcome)>, ImportError> {
    let mut outcomes = Vec::with_capacity(entries.len());
    for entry in entries {
        let kind = Kind { status: entry.row.status, placement: entry.placement };
        let outcome = match room.take(entry.row.preferred_date).await? {
            true => Outcome::Imported(None),
            false => Outcome::Rejected(day_full(entry.row.place)),
        };
        outcomes.push((kind, outcome));
    }
    Ok(outcomes)
}

const fn day_full(place: Place) -> Reject {
    Reject { place, field: Some("preferredDate"), reason: Reason::DayFull }
}

impl Recorder<'_> {
    /// Appends rows. Their keys are made beforehand, all at once.
    async fn append(&self, entries: Vec<Entry>) -> Result<Vec<(Kind, Outcome)>, ImportError> {
        let subjects: HashSet<SubjectId> =
            entries.iter().map(|entry| self.commands.subject(&entry.row.phone)).collect();
        let subjects: Vec<SubjectId> = subjects.into_iter().collect();
        let sealer = self.commands.vault().keys_for(&subjects).await?;
        let under_way = entries.into_iter().map(|entry| self.append_one(entry, &sealer));
        stream::iter(under_way).buffer_unordered(MAX_ROWS_UNDER_WAY).try_collect().await
    }

    async fn append_one(&self, entry: Entry, sealer: &Sealer) -> Result<(Kind, Outcome), ImportError> {
        let kind = Kind { status: entry.row.status, placement: entry.placement };
        let (place, date) = (entry.row.place.clone(), entry.row.preferred_date);
        let command = BookCommand::Import(self.seal(entry, sealer)?);
        let unit = Unit { commands: vec![command], new_key: None, about: None, origin: self.origin.clone() };
        let outcome = match self.commands.pages().settle(date, unit).await {
            Ok(settled) if settled.nothing_new => Outcome::AlreadyThere,
            Ok(settled) => Outcome::Imported(Some(settled.position)),
            Err(CommandError::Rejected(Rejection::PageFull)) => Outcome::Rejected(day_full(place)),
            Err(error) => return Err(error.into()),
        };
        Ok((kind, outcome))
    }

    fn seal(&self, entry: Entry, sealer: &Sealer) -> Result<ReservationImported, ImportError> {
        let Entry { row, service, placement, wish, unread_wish } = entry;
        let subject = self.commands.subject(&row.phone);
        let details = PatientDetails {
            patient_name: row.patient_name,
            phone: row.phone_text,
            email: row.email,
            birth_date: row.birth_date,
            gender: row.gender,
            treatment_type: row.treatment_type,
            notes: row.notes,
            admin_note: row.admin_notes,
            unread_wish,
        };
        Ok(ReservationImported {
            details: sealer.seal(subject, sealing_context(&row.id), &details.to_text())?,
            reservation: row.id,
            subject,
            service,
            date: row.preferred_date,
            wish,
            placement,
            status: row.status,
            created_at: row.created_at,
            updated_at: row.updated_at,
            status_changed_at: row.status_changed_at,
            status_changed_by: row.status_changed_by.map(Into::into),
        })
    }
}
