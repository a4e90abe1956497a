//! Rows that changed since their last import: each is compared with the reservation in Daybook and imported again at exactly
//! the version it was compared with.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::NaiveDate;
use daybook_commands::CommandError;
use daybook_domain::ReservationId;
use daybook_domain::schedule::event::ReservationImported;
use daybook_domain::schedule::{Rejection, ScheduleCommand, SlotAssignment};
use daybook_vault::Encryptor;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Run, Target};
use crate::legacy::import::ImportError;
use crate::legacy::import::compare::{Verdict, compare};
use crate::legacy::import::imported_state::{self, ImportedState};
use crate::legacy::import::prepared_row::{Outcome, PreparedRow, RowSummary};
use crate::legacy::import::recorder::{MAX_CONCURRENT_ROWS, Recorder};
use crate::legacy::import::reject::Reason;
use crate::legacy::import::report::Conflict;
use crate::legacy::import::resolution::OpenItem;
use crate::legacy::import::row::LegacyRow;
use crate::legacy::import::row_contents::{RowContents, RowHash};

/// Comparisons of one row, which is compared again if the reservation changes meanwhile.
const MAX_COMPARISONS: u32 = 8;

/// Days that are read concurrently.
const MAX_CONCURRENT_DAYS: usize = 8;

/// A row to import again.
struct Reimport<'r> {
    prepared: &'r PreparedRow,
    state: ImportedState,
    slot: SlotAssignment,
}

impl Run<'_> {
    /// Compares rows and imports them again where necessary.
    pub(super) async fn update(&mut self, rows: Vec<PreparedRow>) -> Result<(), ImportError> {
        let mut remaining: Vec<&PreparedRow> = rows.iter().collect();
        for _ in 0..MAX_COMPARISONS {
            if remaining.is_empty() {
                return Ok(());
            }
            let mut states = self.states(&remaining).await?;
            let mut reimports = Vec::new();
            for prepared in remaining {
                let Some(state) = states.remove(&prepared.row.id) else {
                    // The index read it from the log, which never loses an event.
                    return Err(Rejection::ReservationNotFound(prepared.row.id.clone()).into());
                };
                reimports.extend(self.compare(prepared, state));
            }
            remaining = self.reimport(reimports).await?;
        }
        if remaining.is_empty() { Ok(()) } else { Err(CommandError::Contended.into()) }
    }

    async fn states(
        &self,
        rows: &[&PreparedRow],
    ) -> Result<HashMap<ReservationId, ImportedState>, ImportError> {
        let Some(commands) = self.target.commands() else { return Ok(HashMap::new()) };
        let mut days: BTreeMap<NaiveDate, HashSet<ReservationId>> = BTreeMap::new();
        for PreparedRow { row, .. } in rows {
            days.entry(row.preferred_date).or_default().insert(row.id.clone());
        }
        let read = |(date, ids)| async move { imported_state::read(commands, date, &ids).await };
        stream::iter(days).map(read).buffer_unordered(MAX_CONCURRENT_DAYS).try_concat().await
    }

    /// Returns the row if it has to be imported again, and counts it otherwise.
    fn compare<'r>(&mut self, prepared: &'r PreparedRow, state: ImportedState) -> Option<Reimport<'r>> {
        let row = &prepared.row;
        let contents = RowContents::from_row(row);
        let outcome = match compare(&contents, prepared.slot, &state, self.options.old_wins) {
            Verdict::Changed(slot) => return Some(Reimport { prepared, state, slot }),
            Verdict::Unchanged => Outcome::AlreadyThere,
            Verdict::Agrees => Outcome::Agreeing,
            Verdict::Older => Outcome::Rejected(row.rejected("updatedAt", Reason::OlderThanTaken)),
            Verdict::Conflict(fields) => self.conflict(row, &contents.hash(), fields),
        };
        let summary = RowSummary { hash: Some(contents.hash()), ..prepared.summary(state.slot) };
        self.count(&summary, outcome);
        None
    }

    /// A conflict, unless the operator has decided about this very row.
    fn conflict(&mut self, row: &LegacyRow, hash: &RowHash, fields: Vec<&'static str>) -> Outcome {
        if let Some(commands) = self.target.commands() {
            let item = OpenItem::conflict(commands, hash);
            if self.options.resolutions.cover(&row.id, &item) {
                return Outcome::Resolved;
            }
            self.report.add_open(&row.id, item);
        }
        Outcome::Conflict(Conflict { reservation: row.id.clone(), date: row.preferred_date, fields })
    }

    /// Returns the rows that have to be compared again.
    async fn reimport<'r>(
        &mut self,
        reimports: Vec<Reimport<'r>>,
    ) -> Result<Vec<&'r PreparedRow>, ImportError> {
        let outcomes = match &mut self.target {
            Target::Log(recorder) => recorder.reimport(&reimports).await?,
            Target::Nowhere(_) => reimports.iter().map(|_| Some(Outcome::Updated(None))).collect(),
        };
        let mut remaining = Vec::new();
        for (Reimport { prepared, slot, .. }, outcome) in reimports.into_iter().zip(outcomes) {
            match outcome {
                Some(outcome) => self.count(&prepared.summary(slot), outcome),
                None => remaining.push(prepared),
            }
        }
        Ok(remaining)
    }
}

impl Recorder<'_> {
    async fn reimport(&mut self, reimports: &[Reimport<'_>]) -> Result<Vec<Option<Outcome>>, ImportError> {
        let with_details = reimports.iter().filter(|reimport| reimport.state.contents.personal.is_some());
        let encryptor = self.encryptor(with_details.map(|reimport| reimport.prepared)).await?;
        let appends = reimports.iter().map(|reimport| self.reimport_one(reimport, &encryptor));
        stream::iter(appends).buffered(MAX_CONCURRENT_ROWS).try_collect().await
    }

    /// Returns `None` if the reservation has changed since the comparison.
    async fn reimport_one(
        &self,
        reimport: &Reimport<'_>,
        encryptor: &Encryptor,
    ) -> Result<Option<Outcome>, ImportError> {
        let row = self.seal_again(reimport, encryptor)?;
        let date = row.date;
        let command = ScheduleCommand::Reimport { row, expected_version: reimport.state.version };
        match self.commands.execute_one(date, command, self.origin.clone()).await {
            Ok(recorded) => Ok(Some(Outcome::Updated(Some(recorded.position)))),
            Err(CommandError::Rejected(Rejection::VersionMismatch { .. })) => Ok(None),
            Err(CommandError::Rejected(_)) => {
                Ok(Some(Outcome::Rejected(reimport.prepared.row.rejected_whole(Reason::NotRecordable))))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn seal_again(
        &self,
        reimport: &Reimport<'_>,
        encryptor: &Encryptor,
    ) -> Result<ReservationImported, ImportError> {
        let Reimport { prepared, state, slot } = reimport;
        let before = &state.event;
        let is_erased = state.contents.personal.is_none();
        let erased = is_erased.then(|| (before.subject, before.details.clone()));
        let row = self.seal(prepared, encryptor, erased)?;
        // A forgotten patient's text does not come back.
        let wish = if is_erased { before.wish.clone() } else { row.wish.clone() };
        let differing = RowContents::from_row(&prepared.row).differing(&state.contents);
        let is_placed_here = Some(state.is_placed_here && !differing.contains(&"preferredTime"));
        Ok(ReservationImported { placement: *slot, is_placed_here, wish, ..row })
    }
}
