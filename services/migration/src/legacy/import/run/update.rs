//! Rows that changed since their last import: each is compared with the reservation in Daybook and imported again at exactly
//! the version it was compared with.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::NaiveDate;
use daybook_commands::CommandError;
use daybook_domain::ReservationId;
use daybook_domain::schedule::event::{ReservationImported, ReservationMoved};
use daybook_domain::schedule::{MAX_DAY_ENTRIES, Rejection, ScheduleCommand, SlotAssignment};
use daybook_event_log::Position;
use daybook_vault::Encryptor;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Run, Target};
use crate::legacy::import::ImportError;
use crate::legacy::import::capacity::Capacity;
use crate::legacy::import::compare::{Verdict, compare, keeps_decided_slot};
use crate::legacy::import::imported_state::{self, ImportedState};
use crate::legacy::import::prepared_row::{ChangedRow, Outcome, PreparedRow};
use crate::legacy::import::recorder::{MAX_CONCURRENT_ROWS, Recorder};
use crate::legacy::import::reject::Reason;
use crate::legacy::import::report::Conflict;
use crate::legacy::import::resolution::{OpenItem, RowKey};
use crate::legacy::import::row::LegacyRow;
use crate::legacy::import::row_contents::RowContents;

/// Comparisons of one row, which is compared again if the reservation changes meanwhile.
const MAX_COMPARISONS: u32 = 8;

/// Days that are read concurrently.
const MAX_CONCURRENT_DAYS: usize = 8;

/// A row to import again.
struct Reimport<'r> {
    row: &'r ChangedRow,
    state: ImportedState,
    slot: SlotAssignment,
}

impl Run<'_> {
    /// Compares rows and imports them again where necessary.
    pub(super) async fn update(&mut self, rows: Vec<ChangedRow>) -> Result<(), ImportError> {
        let mut remaining: Vec<&ChangedRow> = rows.iter().collect();
        for _ in 0..MAX_COMPARISONS {
            if remaining.is_empty() {
                return Ok(());
            }
            let mut states = self.states(&remaining).await?;
            let mut reimports = Vec::new();
            for row in remaining {
                let PreparedRow { row: LegacyRow { id, .. }, .. } = &row.prepared;
                match states.remove(id) {
                    Some(state) => reimports.extend(self.compare(row, state)),
                    None if self.would_have_arrived(id) => {
                        self.count(&row.prepared.summary(row.prepared.slot), Outcome::Moved(None));
                    }
                    // Another run has moved it to another day meanwhile.
                    None => return Err(Rejection::ReservationNotFound(id.clone()).into()),
                }
            }
            remaining = self.reimport(reimports).await?;
        }
        if remaining.is_empty() { Ok(()) } else { Err(CommandError::Contended.into()) }
    }

    async fn states(
        &self,
        rows: &[&ChangedRow],
    ) -> Result<HashMap<ReservationId, ImportedState>, ImportError> {
        let Some(commands) = self.target.commands() else { return Ok(HashMap::new()) };
        let mut days: BTreeMap<NaiveDate, HashSet<ReservationId>> = BTreeMap::new();
        for ChangedRow { prepared, logged_day } in rows {
            days.entry(*logged_day).or_default().insert(prepared.row.id.clone());
        }
        let read = |(date, ids)| async move { imported_state::read(commands, date, &ids).await };
        stream::iter(days).map(read).buffer_unordered(MAX_CONCURRENT_DAYS).try_concat().await
    }

    /// Whether a run would first have completed the move of a reservation, which a rehearsal does not.
    fn would_have_arrived(&self, id: &ReservationId) -> bool {
        matches!(self.target, Target::Nowhere(_)) && self.index.begun_moves().contains_key(id)
    }

    /// Returns the row if it has to be imported again, and counts it otherwise.
    fn compare<'r>(&mut self, changed: &'r ChangedRow, state: ImportedState) -> Option<Reimport<'r>> {
        let prepared = &changed.prepared;
        let row = &prepared.row;
        let contents = RowContents::from_row(row);
        let verdict = compare(&contents, prepared.slot, &state, self.options.old_wins);
        let outcome = match (verdict, self.decision(&row.id, &prepared.hash)) {
            (Verdict::Unchanged, _) => Outcome::AlreadyThere,
            (Verdict::Agrees, _) => Outcome::Agreeing,
            // A decision about one row stands above what the run is told about all rows.
            (_, Some(decision)) => Outcome::Resolved(decision),
            (Verdict::Changed(slot), None) => return Some(Reimport { row: changed, state, slot }),
            (Verdict::Older, None) => Outcome::Rejected(row.rejected("updatedAt", Reason::OlderThanTaken)),
            (Verdict::Conflict(fields), None) => self.conflict(prepared, fields),
        };
        self.count(&prepared.summary(state.slot), outcome);
        None
    }

    fn conflict(
        &mut self,
        PreparedRow { row, hash, .. }: &PreparedRow,
        fields: Vec<&'static str>,
    ) -> Outcome {
        if let Some(commands) = self.target.commands() {
            self.report.add_open(RowKey::from(&row.id), OpenItem::conflict(commands, hash));
        }
        Outcome::Conflict(Conflict { reservation: row.id.clone(), date: row.preferred_date, fields })
    }

    /// Returns the rows that have to be compared again.
    async fn reimport<'r>(
        &mut self,
        reimports: Vec<Reimport<'r>>,
    ) -> Result<Vec<&'r ChangedRow>, ImportError> {
        let outcomes = match &mut self.target {
            Target::Log(recorder) => recorder.reimport(&reimports).await?,
            Target::Nowhere(capacity) => rehearse(capacity, &reimports).await?,
        };
        let mut remaining = Vec::new();
        for (Reimport { row, slot, .. }, outcome) in reimports.into_iter().zip(outcomes) {
            match outcome {
                Some(outcome) => self.count(&row.prepared.summary(slot), outcome),
                None => remaining.push(row),
            }
        }
        Ok(remaining)
    }
}

impl Reimport<'_> {
    /// Whether the row moved to another day.
    fn is_move(&self) -> bool {
        self.row.logged_day != self.row.prepared.row.preferred_date
    }

    async fn takes_room(&self, capacity: &mut Capacity<'_>) -> Result<bool, ImportError> {
        let row = &self.row.prepared.row;
        capacity.take(row.preferred_date, row.status).await
    }

    fn day_full(&self) -> Outcome {
        Outcome::Rejected(self.row.prepared.row.rejected("preferredDate", Reason::DayFull))
    }
}

/// The outcomes that an append would have.
async fn rehearse(
    capacity: &mut Capacity<'_>,
    reimports: &[Reimport<'_>],
) -> Result<Vec<Option<Outcome>>, ImportError> {
    let mut outcomes = Vec::with_capacity(reimports.len());
    for reimport in reimports {
        outcomes.push(Some(if !reimport.is_move() {
            Outcome::Updated(None)
        } else if reimport.takes_room(capacity).await? {
            Outcome::Moved(None)
        } else {
            reimport.day_full()
        }));
    }
    Ok(outcomes)
}

impl Recorder<'_> {
    async fn reimport(&mut self, reimports: &[Reimport<'_>]) -> Result<Vec<Option<Outcome>>, ImportError> {
        let with_details = reimports.iter().filter(|reimport| reimport.state.contents.personal.is_some());
        let encryptor = self.encryptor(with_details.map(|reimport| &reimport.row.prepared)).await?;
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
        let recorded = if reimport.is_move() {
            let is_full = self.commands.day_schedule(row.date).await?.open_of_clinic() >= MAX_DAY_ENTRIES;
            if is_full && row.status.is_open() {
                return Ok(Some(reimport.day_full()));
            }
            self.move_to_another_day(reimport, row).await.map(Outcome::Moved)
        } else {
            let (date, expected_version) = (row.date, reimport.state.version);
            let command = ScheduleCommand::Reimport { row, expected_version };
            let recorded = self.commands.execute_one(date, command, self.origin.clone()).await;
            recorded.map(|recorded| Outcome::Updated(Some(recorded.position)))
        };
        match recorded {
            Ok(outcome) => Ok(Some(outcome)),
            Err(CommandError::Rejected(Rejection::VersionMismatch { .. })) => Ok(None),
            Err(CommandError::Rejected(_)) => {
                let row = &reimport.row.prepared.row;
                Ok(Some(Outcome::Rejected(row.rejected_whole(Reason::NotRecordable))))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The append to the old day decides. If the run ends before the one to the new day, the next run makes it up.
    async fn move_to_another_day(
        &self,
        reimport: &Reimport<'_>,
        row: ReservationImported,
    ) -> Result<Option<Position>, CommandError> {
        let (moved_from, expected_version) = (reimport.row.logged_day, reimport.state.version);
        let (date, version) = (row.date, expected_version.saturating_add(1));
        let left = ScheduleCommand::MoveOut { row: row.clone(), expected_version };
        self.commands.execute_one(moved_from, left, self.origin.clone()).await?;
        let arrived = ScheduleCommand::MoveIn(ReservationMoved { row, moved_from, version });
        let recorded = self.commands.execute_one(date, arrived, self.origin.clone()).await?;
        Ok(Some(recorded.position))
    }

    fn seal_again(
        &self,
        reimport: &Reimport<'_>,
        encryptor: &Encryptor,
    ) -> Result<ReservationImported, ImportError> {
        let Reimport { row: ChangedRow { prepared, .. }, state, slot } = reimport;
        let before = &state.event;
        let is_erased = state.contents.personal.is_none();
        let erased = is_erased.then(|| (before.subject, before.details.clone()));
        let row = self.seal(prepared, encryptor, erased)?;
        // A forgotten patient's text does not come back.
        let wish = if is_erased { before.wish.clone() } else { row.wish.clone() };
        let differing = RowContents::from_row(&prepared.row).differing(&state.contents);
        let is_placed_here = Some(keeps_decided_slot(&differing, prepared.slot, state));
        Ok(ReservationImported { placement: *slot, is_placed_here, wish, ..row })
    }
}
