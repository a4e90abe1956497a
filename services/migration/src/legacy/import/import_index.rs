//! Which reservations there are already, on which day, and what was said of each when it was last taken over: the log's at
//! the start of a run, and which of them the run has met.
//!
//! What was said is kept as a hash alone, so that a clinic's whole history fits into memory and no patient's words do.

use std::collections::HashMap;

use chrono::NaiveDate;
use daybook_domain::schedule::event::ReservationImported;
use daybook_domain::schedule::{ScheduleEvent, SlotAssignment};
use daybook_domain::{Event, ReservationId, Status};
use daybook_event_log::{Category, Filter, Position, decode};
use futures_util::TryStreamExt;

use super::ImportError;
use super::imported_state::{details, open};
use super::report::Reason;
use super::row_contents::{RowContents, RowHash};
use daybook_commands::Commands;

/// Reservations that a run may know of. They are kept in memory, about 250 bytes each.
const MAX_KNOWN: usize = 5_000_000;

/// Events that are looked into together, with the keys of all of them fetched at once.
const BATCH_EVENTS: usize = 2000;

/// The reservations that are known; none in a clinic that begins.
#[derive(Default)]
pub(super) struct ImportIndex(HashMap<ReservationId, Reservation>);

/// What is known of a reservation: by the log, by the run, or by both.
#[derive(Default)]
struct Reservation {
    logged: Option<LoggedReservation>,
    met: Option<SeenRow>,
}

/// A reservation of the log.
pub(super) struct LoggedReservation {
    /// Its page.
    pub(super) date: NaiveDate,
    /// Where it stands.
    pub(super) status: Status,
    /// What was said when it was last taken over; none where it was booked here.
    pub(super) taken_over: Option<LastImport>,
}

/// What was said of a reservation when it was last taken over.
#[derive(Clone, Copy)]
pub(super) struct LastImport {
    hash: RowHash,
    /// Whether the patient was forgotten, so that it says less.
    is_erased: bool,
    /// Its place in the day now.
    placement: SlotAssignment,
}

impl LastImport {
    fn by(event: &ReservationImported, said: &RowContents) -> Self {
        Self { hash: said.hash(), is_erased: said.person.is_none(), placement: event.placement }
    }
}

/// A row that a run has met.
#[derive(Clone, Copy)]
pub(super) struct SeenRow {
    /// What it says.
    whole: RowHash,
    /// The same without what tells who the patient is.
    without_person: RowHash,
    /// What came of it.
    pub(super) fate: RowOutcome,
}

/// What came of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowOutcome {
    /// It said what it had said before, or somebody else took it over meanwhile.
    Unchanged,
    /// It was taken over for the first time.
    Imported,
    /// It was taken over again.
    Updated,
    /// What changed there is so here already.
    Agreeing,
    /// It was left to a person.
    Conflicting,
    /// It was left out.
    Rejected,
}

impl SeenRow {
    fn saying(said: &RowContents) -> Self {
        Self { whole: said.hash(), without_person: said.without_person().hash(), fate: RowOutcome::Unchanged }
    }

    /// Whether it says what was said when the reservation was last taken over.
    pub(super) fn says_as(&self, before: &LastImport) -> bool {
        before.hash == if before.is_erased { self.without_person } else { self.whole }
    }
}

/// What a row is.
pub(super) enum RowMatch {
    /// New.
    New,
    /// As it was when it was last taken over, and placed so now.
    Same(SlotAssignment),
    /// Not as it was then.
    Other,
    /// Not to be taken.
    Rejected(Reason),
}

impl ImportIndex {
    /// Reads the log.
    pub(super) async fn read(commands: &Commands) -> Result<Self, ImportError> {
        let mut known = Self::default();
        let filter = Filter::categories([Category::Daybook]);
        let mut events = commands.log().read_all(Position::START, &filter).await?;
        let mut batch = Vec::with_capacity(BATCH_EVENTS);
        while let Some(recorded) = events.try_next().await? {
            if let Event::Schedule(event) = decode(&recorded)?.0 {
                batch.push(event);
            }
            if batch.len() >= BATCH_EVENTS {
                known.apply(commands, std::mem::take(&mut batch)).await?;
            }
        }
        known.apply(commands, batch).await?;
        Ok(known)
    }

    async fn apply(&mut self, commands: &Commands, events: Vec<ScheduleEvent>) -> Result<(), ImportError> {
        let taken_over = |event: &ScheduleEvent| {
            if let ScheduleEvent::ReservationImported(e) | ScheduleEvent::ReservationReimported(e) = event {
                Some(e.details.key)
            } else {
                None
            }
        };
        let keys: Vec<_> = events.iter().filter_map(taken_over).collect();
        let opener = commands.vault().prefetch(&keys).await?;
        for event in events {
            if let ScheduleEvent::ReservationImported(e) | ScheduleEvent::ReservationReimported(e) = &event {
                let opened = open(&opener, &e.details, &e.reservation)?;
                let taken_over = LastImport::by(e, &RowContents::by_log(e, details(opened)));
                let logged =
                    LoggedReservation { date: e.date, status: e.status, taken_over: Some(taken_over) };
                self.insert(e.reservation.clone(), logged)?;
            } else if let ScheduleEvent::ReservationRequested(e) = event {
                let logged = LoggedReservation { date: e.date, status: Status::Pending, taken_over: None };
                self.insert(e.reservation, logged)?;
            } else if let Some(logged) = event.reservation().and_then(|id| self.logged_mut(id)) {
                logged.change(&event);
            }
        }
        Ok(())
    }

    fn logged_mut(&mut self, id: &ReservationId) -> Option<&mut LoggedReservation> {
        self.0.get_mut(id).and_then(|reservation| reservation.logged.as_mut())
    }

    fn insert(&mut self, id: ReservationId, logged: LoggedReservation) -> Result<(), ImportError> {
        self.0.insert(id, Reservation { logged: Some(logged), met: None });
        self.check_size()
    }

    fn check_size(&self) -> Result<(), ImportError> {
        if self.0.len() > MAX_KNOWN { Err(ImportError::TooManyRows { limit: MAX_KNOWN }) } else { Ok(()) }
    }

    /// Says what a row is, and notes that it came. Whether its wish `is_understood` matters where it was not before.
    pub(super) fn meet(
        &mut self,
        id: &ReservationId,
        said: &RowContents,
        is_understood: bool,
    ) -> Result<RowMatch, ImportError> {
        let reservation = self.0.entry(id.clone()).or_default();
        let mut met = SeenRow::saying(said);
        let meeting = reservation.meet(&met, said.date, is_understood);
        if matches!(meeting, RowMatch::Rejected(_)) {
            met.fate = RowOutcome::Rejected;
        }
        // Of rows with one id the first counts.
        reservation.met.get_or_insert(met);
        self.check_size()?;
        Ok(meeting)
    }

    /// Notes that a row came of which no sense can be made.
    pub(super) fn meet_unreadable(&mut self, id: ReservationId) {
        let nothing = RowHash::default();
        let met = SeenRow { whole: nothing, without_person: nothing, fate: RowOutcome::Rejected };
        self.0.entry(id).or_default().met.get_or_insert(met);
    }

    /// Notes what came of a row that was met.
    pub(super) fn settle(&mut self, id: &ReservationId, fate: RowOutcome) {
        if let Some(met) = self.0.get_mut(id).and_then(|reservation| reservation.met.as_mut()) {
            met.fate = fate;
        }
    }

    /// All reservations of the log.
    pub(super) fn logged(&self) -> impl Iterator<Item = (&ReservationId, &LoggedReservation)> {
        self.0.iter().filter_map(|(id, reservation)| Some((id, reservation.logged.as_ref()?)))
    }

    /// One reservation of the log.
    pub(super) fn get(&self, id: &ReservationId) -> Option<&LoggedReservation> {
        self.0.get(id)?.logged.as_ref()
    }

    /// All rows that the run has met.
    pub(super) fn met(&self) -> impl Iterator<Item = (&ReservationId, &SeenRow)> {
        self.0.iter().filter_map(|(id, reservation)| Some((id, reservation.met.as_ref()?)))
    }

    /// Whether the run has met a row of this id.
    pub(super) fn has_met(&self, id: &ReservationId) -> bool {
        self.0.get(id).is_some_and(|reservation| reservation.met.is_some())
    }
}

impl Reservation {
    fn meet(&self, met: &SeenRow, date: NaiveDate, is_understood: bool) -> RowMatch {
        match (&self.met, &self.logged) {
            (Some(_), _) => RowMatch::Rejected(Reason::DuplicateId),
            (None, None) => RowMatch::New,
            (None, Some(LoggedReservation { taken_over: None, .. })) => {
                RowMatch::Rejected(Reason::BookedHere)
            }
            (None, Some(logged)) if logged.date != date => RowMatch::Rejected(Reason::OnAnotherDay),
            (None, Some(LoggedReservation { taken_over: Some(before), .. })) => {
                let awaits_review = matches!(before.placement, SlotAssignment::Review(_));
                let may_be_read = awaits_review && is_understood && !before.is_erased;
                let is_same = met.says_as(before) && !may_be_read;
                if is_same { RowMatch::Same(before.placement) } else { RowMatch::Other }
            }
        }
    }
}

impl LoggedReservation {
    fn place(&mut self, placement: SlotAssignment) {
        if let Some(taken_over) = &mut self.taken_over {
            taken_over.placement = placement;
        }
    }

    fn change(&mut self, event: &ScheduleEvent) {
        match event {
            ScheduleEvent::ReservationConfirmed(_) | ScheduleEvent::ReservationNoShowCorrected(_) => {
                self.status = Status::Confirmed;
            }
            ScheduleEvent::ReservationRejected(_) => self.status = Status::Rejected,
            ScheduleEvent::ReservationCancelled(_) => self.status = Status::Cancelled,
            ScheduleEvent::ReservationCompleted(_) => self.status = Status::Completed,
            ScheduleEvent::ReservationNoShowMarked(_) => self.status = Status::NoShow,
            ScheduleEvent::ReservationRescheduled(e) => self.place(e.placement),
            ScheduleEvent::ReservationTimeAssigned(e) => self.place(e.placement),
            ScheduleEvent::ReservationRequested(_)
            | ScheduleEvent::ReservationImported(_)
            | ScheduleEvent::ReservationReimported(_)
            | ScheduleEvent::AdminNoteWritten(_)
            | ScheduleEvent::TimeClosed(_)
            | ScheduleEvent::TimeReopened(_) => {}
        }
    }
}
