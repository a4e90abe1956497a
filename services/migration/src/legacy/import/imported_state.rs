//! The state of imported reservations of one day: the contents of the last import, and later changes in Daybook. Read from
//! the log, and only for rows whose contents have changed since the last import.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use daybook_commands::Commands;
use daybook_domain::schedule::event::ReservationImported;
use daybook_domain::schedule::event::ScheduleEffect;
use daybook_domain::schedule::{ScheduleEvent, SlotAssignment};
use daybook_domain::{Event, ReservationId, Sealed, Status};
use daybook_event_log::{Revision, StreamName};
use daybook_vault::{Decryptor, Opened, PatientDetails, sealing_context};
use futures_util::TryStreamExt;

use super::ImportError;
use super::row_contents::RowContents;

/// An imported reservation.
pub(super) struct ImportedState {
    pub(super) event: ReservationImported,
    /// The contents of the last import.
    pub(super) contents: RowContents,
    imported_at: DateTime<Utc>,
    /// Number of events of the reservation.
    pub(super) version: u32,
    pub(super) status: Status,
    pub(super) slot: SlotAssignment,
    /// Whether the slot was decided in Daybook for the current requested time.
    pub(super) is_placed_here: bool,
    /// Whether status or note were changed in Daybook since the last import.
    pub(super) is_changed_here: bool,
    pub(super) admin_note: Option<String>,
}

impl ImportedState {
    fn from_event(
        event: ReservationImported,
        details: Option<PatientDetails>,
        imported_at: DateTime<Utc>,
    ) -> Self {
        let admin_note =
            details.as_ref().and_then(|details| details.admin_note.as_deref().map(str::to_owned));
        Self {
            version: 1,
            status: event.status,
            slot: event.placement,
            is_placed_here: false,
            is_changed_here: false,
            admin_note,
            contents: RowContents::from_event(&event, details),
            imported_at,
            event,
        }
    }

    fn reimport(&mut self, event: ReservationImported, details: Option<PatientDetails>, at: DateTime<Utc>) {
        let is_placed_here = event.is_placed_here;
        let before = std::mem::replace(self, Self::from_event(event, details, at));
        let is_same_time = !self.contents.differing(&before.contents).contains(&"preferredTime");
        // Older releases did not record it.
        self.is_placed_here = is_placed_here.unwrap_or(before.is_placed_here && is_same_time);
        self.version = before.version;
    }

    /// Whether the last import was of a newer state of the row. An `updatedAt` that lay in the future when it was imported is
    /// wrong, or of a clock that ran ahead, and no proof: otherwise the row could not change before that moment.
    pub(super) fn is_newer_than(&self, row: &RowContents) -> bool {
        self.contents.updated_at <= self.imported_at && row.updated_at < self.contents.updated_at
    }
}

/// Reads the imported ones of the `wanted` reservations of a day.
pub(super) async fn read(
    commands: &Commands,
    date: NaiveDate,
    wanted: &HashSet<ReservationId>,
) -> Result<HashMap<ReservationId, ImportedState>, ImportError> {
    let events = read_events(commands, date, wanted).await?;
    let keys: Vec<_> =
        events.iter().filter_map(|(event, _)| sealed(event)).map(|sealed| sealed.key).collect();
    let decryptor = commands.vault().prefetch(&keys).await?;
    let mut states = HashMap::new();
    for (event, recorded_at) in &events {
        apply(&mut states, event, *recorded_at, &decryptor)?;
    }
    Ok(states)
}

async fn read_events(
    commands: &Commands,
    date: NaiveDate,
    wanted: &HashSet<ReservationId>,
) -> Result<Vec<(ScheduleEvent, DateTime<Utc>)>, ImportError> {
    let mut recorded = commands.log().read_stream(&StreamName::page(date), Revision::FIRST).await?;
    let mut events = Vec::new();
    while let Some(recorded) = recorded.try_next().await? {
        if let Some((Event::Schedule(event), metadata)) = commands.decode(&recorded).await?
            && event.reservation().is_some_and(|id| wanted.contains(id))
        {
            events.push((event, metadata.recorded_at));
        }
    }
    Ok(events)
}

fn sealed(event: &ScheduleEvent) -> Option<&Sealed> {
    if let ScheduleEvent::AdminNoteWritten(e) = event {
        Some(&e.note)
    } else {
        imported(event).map(|e| &e.details)
    }
}

fn apply(
    states: &mut HashMap<ReservationId, ImportedState>,
    event: &ScheduleEvent,
    at: DateTime<Utc>,
    decryptor: &Decryptor,
) -> Result<(), ImportError> {
    let Some(id) = event.reservation() else { return Ok(()) };
    if let ScheduleEffect::Imported(row) = event.effect() {
        let details = open_details(decryptor, row)?;
        states.insert(id.clone(), ImportedState::from_event(row.clone(), details, at));
        return Ok(());
    }
    if let ScheduleEffect::MovedIn(e) = event.effect() {
        let state = ImportedState::from_event(e.row.clone(), open_details(decryptor, &e.row)?, at);
        let is_placed_here = e.row.is_placed_here.unwrap_or_default();
        states.insert(id.clone(), ImportedState { version: e.version, is_placed_here, ..state });
        return Ok(());
    }
    let Some(state) = states.get_mut(id) else { return Ok(()) };
    match event.effect() {
        ScheduleEffect::StatusChanged(_, status) => {
            state.status = status;
            state.is_changed_here = true;
        }
        ScheduleEffect::Rescheduled(_, slot) => {
            state.slot = slot;
            state.is_placed_here = true;
        }
        ScheduleEffect::NoteWritten(e) => {
            state.admin_note = open(decryptor, &e.note, &e.reservation)?;
            state.is_changed_here = true;
        }
        ScheduleEffect::Reimported(e) => state.reimport(e.clone(), open_details(decryptor, e)?, at),
        ScheduleEffect::MovedOut(_) => {
            states.remove(id);
            return Ok(());
        }
        ScheduleEffect::Requested(_)
        | ScheduleEffect::Imported(_)
        | ScheduleEffect::MovedIn(_)
        | ScheduleEffect::Closed(_)
        | ScheduleEffect::Reopened(_) => return Ok(()),
    }
    state.version += 1;
    Ok(())
}

fn open(
    decryptor: &Decryptor,
    sealed: &Sealed,
    reservation: &ReservationId,
) -> Result<Option<String>, ImportError> {
    Ok(decryptor.open(sealed, sealing_context(reservation)).map(Opened::text)?)
}

/// The details of an import; `None` once they are erased.
pub(super) fn open_details(
    decryptor: &Decryptor,
    event: &ReservationImported,
) -> Result<Option<PatientDetails>, ImportError> {
    let text = open(decryptor, &event.details, &event.reservation)?;
    Ok(text.and_then(|text| PatientDetails::from_text(&text)))
}

/// The row that an event contains, if it is a first or a repeated import or a move to another day.
pub(super) const fn imported(event: &ScheduleEvent) -> Option<&ReservationImported> {
    if let ScheduleEffect::Imported(row) | ScheduleEffect::Reimported(row) = event.effect() {
        Some(row)
    } else if let ScheduleEffect::MovedOut(moved) | ScheduleEffect::MovedIn(moved) = event.effect() {
        Some(&moved.row)
    } else {
        None
    }
}
