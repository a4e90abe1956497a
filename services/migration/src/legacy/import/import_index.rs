//! The reservations in the log at the start of a run, with the contents of their last import, and the rows that the run has
//! read so far.
//!
//! Contents are kept as hashes only, so that a clinic's whole history fits into memory and no patient's text is in it.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use daybook_commands::Commands;
use daybook_domain::schedule::event::{ReservationMoved, ScheduleEffect};
use daybook_domain::schedule::{ScheduleEvent, SlotAssignment};
use daybook_domain::{Event, ReservationId, Status};
use daybook_event_log::{Category, Filter, Position};
use futures_util::TryStreamExt;
use uuid::Uuid;

use super::ImportError;
use super::imported_state::{imported, open_details};
use super::reject::Reason;
use super::row_contents::{RowContents, RowHash};

/// Each takes about 280 bytes of memory.
const MAX_RESERVATIONS: usize = 5_000_000;

/// Events whose keys are fetched together.
const BATCH_EVENTS: usize = 2000;

/// Reservations of the log and of the run.
#[derive(Default)]
pub(super) struct ImportIndex {
    reservations: HashMap<ReservationId, Reservation>,
    /// The ids that are UUIDs, however they are written: some tools write them in capital letters or without dashes, and a second
    /// reservation must not arise from that. Of other ids, the case counts, as in the old table.
    uuids: HashSet<Uuid>,
    /// Moves to another day that were begun: the reservation left its old day and has not arrived. It counts as arrived.
    begun_moves: HashMap<ReservationId, ReservationMoved>,
}

#[derive(Default)]
struct Reservation {
    logged: Option<LoggedReservation>,
    seen: Option<SeenRow>,
}

/// A reservation of the log.
pub(super) struct LoggedReservation {
    pub(super) date: NaiveDate,
    pub(super) status: Status,
    /// `None` for a booking made in Daybook.
    pub(super) last_import: Option<LastImport>,
}

/// The last import of a reservation.
pub(super) struct LastImport {
    hash: RowHash,
    /// Whether the patient was forgotten, so that the hash excludes the personal columns.
    is_erased: bool,
    slot: SlotAssignment,
}

/// A row that the run has read.
#[derive(Clone, Copy)]
pub(super) struct SeenRow {
    pub(super) hash: RowHash,
    hash_without_personal: RowHash,
    pub(super) outcome: RowOutcome,
}

/// The outcome of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowOutcome {
    /// Equal to the last import, or imported by another run meanwhile.
    Unchanged,
    Imported,
    Updated,
    /// Moved to another day, with whatever else changed.
    Moved,
    /// Changed in the same way in Daybook.
    Agreeing,
    /// Changed in another way in Daybook.
    Conflicting,
    /// The operator decided that it is not imported.
    Resolved,
    Rejected,
}

impl SeenRow {
    pub(super) fn new(contents: &RowContents) -> Self {
        let hash_without_personal = contents.without_personal().hash();
        Self { hash: contents.hash(), hash_without_personal, outcome: RowOutcome::Unchanged }
    }

    /// Whether the row has the contents of the last import.
    pub(super) fn equals(&self, last_import: &LastImport) -> bool {
        last_import.hash == if last_import.is_erased { self.hash_without_personal } else { self.hash }
    }
}

/// A row compared with the index.
pub(super) enum RowMatch {
    New,
    /// Equal to the last import. Contains the current slot.
    Unchanged(SlotAssignment),
    /// Contains the day on which the reservation is in Daybook.
    Changed(NaiveDate),
    Rejected(Reason),
}

impl ImportIndex {
    /// Reads the log.
    pub(super) async fn read(commands: &Commands) -> Result<Self, ImportError> {
        let mut index = Self::default();
        let filter = Filter::categories([Category::Daybook]);
        let mut events = commands.log().read_all(Position::START, &filter).await?;
        let mut batch = Vec::with_capacity(BATCH_EVENTS);
        while let Some(recorded) = events.try_next().await? {
            if let Some((Event::Schedule(event), _)) = commands.decode(&recorded).await? {
                batch.push(event);
            }
            if batch.len() >= BATCH_EVENTS {
                index.apply(commands, std::mem::take(&mut batch)).await?;
            }
        }
        index.apply(commands, batch).await?;
        Ok(index)
    }

    async fn apply(&mut self, commands: &Commands, events: Vec<ScheduleEvent>) -> Result<(), ImportError> {
        let keys: Vec<_> = events.iter().filter_map(imported).map(|e| e.details.key).collect();
        let decryptor = commands.vault().prefetch(&keys).await?;
        for event in events {
            self.note_move(&event);
            if let Some(e) = imported(&event) {
                let contents = RowContents::from_event(e, open_details(&decryptor, e)?);
                let is_erased = contents.personal.is_none();
                let last_import = LastImport { hash: contents.hash(), is_erased, slot: e.placement };
                let (date, status) = (e.date, e.status);
                let logged = LoggedReservation { date, status, last_import: Some(last_import) };
                self.insert(e.reservation.clone(), logged)?;
            } else if let ScheduleEvent::ReservationRequested(e) = event {
                let logged = LoggedReservation { date: e.date, status: Status::Pending, last_import: None };
                self.insert(e.reservation, logged)?;
            } else if let Some(logged) = event
                .reservation()
                .and_then(|id| self.reservations.get_mut(id))
                .and_then(|reservation| reservation.logged.as_mut())
            {
                if let ScheduleEffect::StatusChanged(_, status) = event.effect() {
                    logged.status = status;
                } else if let (ScheduleEffect::Rescheduled(_, slot), Some(last_import)) =
                    (event.effect(), &mut logged.last_import)
                {
                    last_import.slot = slot;
                }
            }
        }
        Ok(())
    }

    fn note_move(&mut self, event: &ScheduleEvent) {
        if let ScheduleEffect::MovedOut(e) = event.effect() {
            self.begun_moves.insert(e.row.reservation.clone(), e.clone());
        } else if let ScheduleEffect::MovedIn(e) = event.effect() {
            self.begun_moves.remove(&e.row.reservation);
        }
    }

    /// Moves to another day that an earlier run began and did not complete.
    pub(super) const fn begun_moves(&self) -> &HashMap<ReservationId, ReservationMoved> {
        &self.begun_moves
    }

    fn insert(&mut self, id: ReservationId, logged: LoggedReservation) -> Result<(), ImportError> {
        self.uuids.extend(Uuid::try_parse(id.as_str()));
        self.reservations.insert(id, Reservation { logged: Some(logged), seen: None });
        self.check_size()
    }

    fn check_size(&self) -> Result<(), ImportError> {
        if self.reservations.len() > MAX_RESERVATIONS {
            return Err(ImportError::TooManyRows { limit: MAX_RESERVATIONS });
        }
        Ok(())
    }

    /// Compares a row with the index and records that the run has read it. `is_parsed` tells whether its requested time could
    /// be parsed: if it could not be before, the row counts as changed.
    pub(super) fn classify(
        &mut self,
        id: &ReservationId,
        mut row: SeenRow,
        is_parsed: bool,
    ) -> Result<RowMatch, ImportError> {
        let reservation = self.reservations.entry(id.clone()).or_default();
        let mut row_match = reservation.classify(&row, is_parsed);
        if let (RowMatch::New, Ok(uuid)) = (&row_match, Uuid::try_parse(id.as_str()))
            && !self.uuids.insert(uuid)
        {
            row_match = RowMatch::Rejected(Reason::IdSpeltOtherwise);
        }
        if matches!(row_match, RowMatch::Rejected(_)) {
            row.outcome = RowOutcome::Rejected;
        }
        // Of several rows with one id, the first one counts.
        reservation.seen.get_or_insert(row);
        self.check_size()?;
        Ok(row_match)
    }

    /// Records that the run has read an invalid row.
    pub(super) fn add_invalid(&mut self, id: ReservationId) {
        let none = RowHash::default();
        let row = SeenRow { hash: none, hash_without_personal: none, outcome: RowOutcome::Rejected };
        self.reservations.entry(id).or_default().seen.get_or_insert(row);
    }

    pub(super) fn set_outcome(&mut self, id: &ReservationId, outcome: RowOutcome) {
        if let Some(row) = self.reservations.get_mut(id).and_then(|reservation| reservation.seen.as_mut()) {
            row.outcome = outcome;
        }
    }

    /// All reservations of the log.
    pub(super) fn logged(&self) -> impl Iterator<Item = (&ReservationId, &LoggedReservation)> {
        self.reservations.iter().filter_map(|(id, reservation)| Some((id, reservation.logged.as_ref()?)))
    }

    /// One reservation of the log.
    pub(super) fn get(&self, id: &ReservationId) -> Option<&LoggedReservation> {
        self.reservations.get(id)?.logged.as_ref()
    }

    /// All rows that the run has read.
    pub(super) fn seen_rows(&self) -> impl Iterator<Item = (&ReservationId, &SeenRow)> {
        self.reservations.iter().filter_map(|(id, reservation)| Some((id, reservation.seen.as_ref()?)))
    }

    pub(super) fn has_seen(&self, id: &ReservationId) -> bool {
        self.reservations.get(id).is_some_and(|reservation| reservation.seen.is_some())
    }
}

impl Reservation {
    fn classify(&self, row: &SeenRow, is_parsed: bool) -> RowMatch {
        if self.seen.is_some() {
            return RowMatch::Rejected(Reason::DuplicateId);
        }
        let Some(logged) = &self.logged else { return RowMatch::New };
        let Some(last_import) = &logged.last_import else { return RowMatch::Rejected(Reason::BookedHere) };
        let awaits_review = matches!(last_import.slot, SlotAssignment::Review(_));
        let can_leave_review = awaits_review && is_parsed && !last_import.is_erased;
        if row.equals(last_import) && !can_leave_review {
            RowMatch::Unchanged(last_import.slot)
        } else {
            RowMatch::Changed(logged.date)
        }
    }
}
