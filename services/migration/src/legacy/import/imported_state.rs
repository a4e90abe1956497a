//! How reservations of one page stand that were taken over: what the last import said of each, and what was changed here
//! since. Read from the log, and only for rows that do not say what they said then.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;
use daybook_domain::schedule::event::ReservationImported;
use daybook_domain::schedule::{ScheduleEvent, SlotAssignment};
use daybook_domain::{Event, ReservationId, Sealed, Status};
use daybook_event_log::{EventLog, Revision, StreamName, decode};
use daybook_vault::{Decryptor, Opened, PatientDetails, sealing_context};
use futures_util::TryStreamExt;

use super::ImportError;
use super::row_contents::RowContents;
use daybook_commands::Commands;

/// How a reservation stands that was taken over.
pub(super) struct ImportedState {
    /// The event that last took it over.
    pub(super) event: ReservationImported,
    /// What that said.
    pub(super) said: RowContents,
    /// Number of events that made it what it is.
    pub(super) version: u32,
    /// Its status now.
    pub(super) status: Status,
    /// Its place in the day now.
    pub(super) placement: SlotAssignment,
    /// Whether that was decided here, on the wish that still stands.
    pub(super) is_placed_here: bool,
    /// Whether its status or the staff's note was changed here since it was last taken over.
    pub(super) is_changed_here: bool,
    /// The staff's note now.
    pub(super) note: Option<String>,
}

impl ImportedState {
    fn imported(event: ReservationImported, details: Option<PatientDetails>) -> Self {
        let said = RowContents::by_log(&event, details);
        Self {
            version: 1,
            status: event.status,
            placement: event.placement,
            is_placed_here: false,
            is_changed_here: false,
            note: said
                .person
                .as_ref()
                .and_then(|person| person.details.admin_note.as_deref().map(str::to_owned)),
            said,
            event,
        }
    }

    fn reimport(&mut self, event: ReservationImported, details: Option<PatientDetails>) {
        let told = event.is_placed_here;
        let before = std::mem::replace(self, Self::imported(event, details));
        let wish_stands = !self.said.differing(&before.said).contains(&"preferredTime");
        self.is_placed_here = told.unwrap_or(before.is_placed_here && wish_stands);
        self.version = before.version + 1;
    }

    fn change(&mut self, change: impl FnOnce(&mut Self)) {
        self.version += 1;
        change(self);
    }

    fn turn(&mut self, status: Status) {
        self.change(|standing| {
            standing.status = status;
            standing.is_changed_here = true;
        });
    }

    fn place(&mut self, placement: SlotAssignment) {
        self.change(|standing| {
            standing.placement = placement;
            standing.is_placed_here = true;
        });
    }
}

/// Reads how reservations of a page stand. One that was not taken over is not among them.
pub(super) async fn read(
    commands: &Commands,
    page: NaiveDate,
    wanted: &HashSet<ReservationId>,
) -> Result<HashMap<ReservationId, ImportedState>, ImportError> {
    let events = about(commands.log(), page, wanted).await?;
    let keys: Vec<_> = events.iter().filter_map(sealed).map(|(sealed, _)| sealed.key).collect();
    let opener = commands.vault().prefetch(&keys).await?;
    let mut standings = HashMap::new();
    for event in events {
        let opened = match sealed(&event) {
            Some((sealed, reservation)) => open(&opener, sealed, reservation)?,
            None => None,
        };
        apply(&mut standings, event, opened);
    }
    Ok(standings)
}

async fn about(
    log: &dyn EventLog,
    page: NaiveDate,
    wanted: &HashSet<ReservationId>,
) -> Result<Vec<ScheduleEvent>, ImportError> {
    let mut recorded = log.read_stream(&StreamName::page(page), Revision::FIRST).await?;
    let mut events = Vec::new();
    while let Some(recorded) = recorded.try_next().await? {
        if let Event::Schedule(event) = decode(&recorded)?.0
            && event.reservation().is_some_and(|id| wanted.contains(id))
        {
            events.push(event);
        }
    }
    Ok(events)
}

/// What of an event is looked into, and the reservation that it is sealed for.
fn sealed(event: &ScheduleEvent) -> Option<(&Sealed, &ReservationId)> {
    if let ScheduleEvent::ReservationImported(e) | ScheduleEvent::ReservationReimported(e) = event {
        Some((&e.details, &e.reservation))
    } else if let ScheduleEvent::AdminNoteWritten(e) = event {
        Some((&e.note, &e.reservation))
    } else {
        None
    }
}

/// The text of what is sealed; none once it is erased.
pub(super) fn open(
    opener: &Decryptor,
    sealed: &Sealed,
    reservation: &ReservationId,
) -> Result<Option<String>, ImportError> {
    Ok(opener.open(sealed, sealing_context(reservation)).map(Opened::text)?)
}

fn apply(
    standings: &mut HashMap<ReservationId, ImportedState>,
    event: ScheduleEvent,
    opened: Option<String>,
) {
    let Some(id) = event.reservation().cloned() else { return };
    if let ScheduleEvent::ReservationImported(e) = event {
        standings.insert(id, ImportedState::imported(e, details(opened)));
        return;
    }
    let Some(standing) = standings.get_mut(&id) else { return };
    match event {
        ScheduleEvent::ReservationReimported(e) => standing.reimport(e, details(opened)),
        ScheduleEvent::ReservationConfirmed(_) | ScheduleEvent::ReservationNoShowCorrected(_) => {
            standing.turn(Status::Confirmed);
        }
        ScheduleEvent::ReservationRejected(_) => standing.turn(Status::Rejected),
        ScheduleEvent::ReservationCancelled(_) => standing.turn(Status::Cancelled),
        ScheduleEvent::ReservationCompleted(_) => standing.turn(Status::Completed),
        ScheduleEvent::ReservationNoShowMarked(_) => standing.turn(Status::NoShow),
        ScheduleEvent::ReservationRescheduled(e) => standing.place(e.placement),
        ScheduleEvent::ReservationTimeAssigned(e) => standing.place(e.placement),
        ScheduleEvent::AdminNoteWritten(_) => standing.change(|standing| {
            standing.note = opened;
            standing.is_changed_here = true;
        }),
        ScheduleEvent::ReservationRequested(_)
        | ScheduleEvent::ReservationImported(_)
        | ScheduleEvent::TimeClosed(_)
        | ScheduleEvent::TimeReopened(_) => {}
    }
}

/// Details that were opened; none where they were erased, or hold no details, which no adapter writes.
pub(super) fn details(opened: Option<String>) -> Option<PatientDetails> {
    opened.and_then(|text| PatientDetails::from_text(&text))
}
