//! What an event means to a view: decoded, its sealed parts opened, its time on the views' clock.
//!
//! An event becomes one effect, and both views take in the same one; from there on each goes its own way, so that
//! comparing them proves something.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, SubsecRound, Utc};
use daybook_domain::catalog::CatalogEvent;
use daybook_domain::hours::HoursEvent;
use daybook_domain::privacy::{PrivacyEvent, SubjectForgotten};
use daybook_domain::schedule::event::{
    ReservationImported, ReservationRequested, ServiceSnapshot, TimeClosed,
};
use daybook_domain::schedule::{ScheduleEvent, SlotAssignment};
use daybook_domain::{ClosureId, Event, KeyId, ReservationId, Sealed, Status, SubjectId};
use daybook_event_log::codec::{self, Recording};
use daybook_event_log::{Category, Position, RecordedEvent, Revision, StreamName};
use daybook_vault::{Decryptor, Opened, PatientDetails, VaultError, sealing_context};
use smol_str::SmolStr;

use crate::control::error::{EventFault, ViewError};
use crate::control::ids::{BlockingKey, LeftOut};

/// What a reader sees in place of a forgotten patient's text where a column must not be null.
pub const ERASED: &str = "(erased)";

/// The same, as a row holds it.
pub(crate) const ERASED_TEXT: SmolStr = SmolStr::new_static(ERASED);

/// When an event was recorded and by whom, as the views show it.
#[derive(Debug, Clone)]
pub(crate) struct EventMeta {
    /// UTC, cut to the millisecond that the old columns hold.
    pub(crate) at: NaiveDateTime,
    /// The actor's name.
    pub(crate) actor: Arc<str>,
}

/// What an event means to a view.
#[derive(Debug)]
pub(crate) enum ViewChange {
    /// A reservation comes into being.
    Enter { reservation: ReservationId, entry: Box<Entry> },
    /// A reservation changes.
    Change { reservation: ReservationId, change: Change, stamp: EventMeta },
    /// A stretch of a day is closed.
    Close { closed: TimeClosed, stamp: EventMeta },
    /// A closure is lifted.
    Reopen { closure: ClosureId, stamp: EventMeta },
    /// The catalog changes.
    Catalog { event: CatalogEvent, stamp: EventMeta },
    /// The clinic's hours change.
    Hours { event: HoursEvent, stamp: EventMeta },
    /// A patient's details are to be unreadable.
    Forget { subject: SubjectId },
    /// One reservation's details are to be unreadable, if it is this patient's: for one that is taken in late, after the
    /// patient was forgotten.
    ForgetOne { subject: SubjectId, reservation: ReservationId },
    /// Nothing that a view shows.
    Nothing,
}

impl ViewChange {
    /// The reservation that it is about, where it is about one by name.
    pub(crate) fn reservation(&self) -> Option<&str> {
        match self {
            Self::Enter { reservation, .. } | Self::Change { reservation, .. } => Some(reservation.as_str()),
            Self::Close { .. }
            | Self::Reopen { .. }
            | Self::Catalog { .. }
            | Self::Hours { .. }
            | Self::Forget { .. }
            | Self::ForgetOne { .. }
            | Self::Nothing => None,
        }
    }
}

/// An effect, and the stream whose event has it.
#[derive(Debug)]
pub(crate) struct DecodedChange {
    pub(crate) stream: StreamName,
    pub(crate) effect: ViewChange,
}

/// A reservation as it comes into being.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) subject: SubjectId,
    /// None once the patient was forgotten.
    pub(crate) details: Option<PatientDetails>,
    pub(crate) service: Arc<ServiceSnapshot>,
    pub(crate) date: NaiveDate,
    pub(crate) wish: Option<SmolStr>,
    /// Whether a wish was typed that is sealed with the details: they have it, unless the patient was forgotten.
    pub(crate) is_wish_sealed: bool,
    /// Whether somebody here said what the wish means; what was typed then stands for it no more.
    pub(crate) is_placed_here: bool,
    pub(crate) placement: SlotAssignment,
    pub(crate) status: Status,
    pub(crate) created_at: NaiveDateTime,
    pub(crate) updated_at: NaiveDateTime,
    pub(crate) status_changed_at: NaiveDateTime,
    pub(crate) status_changed_by: Option<SmolStr>,
}

/// A change to a reservation.
#[derive(Debug)]
pub(crate) enum Change {
    /// Another status.
    StatusChanged(Status),
    /// Another place in the day.
    Rescheduled(SlotAssignment),
    /// Another note of the staff; none once the patient was forgotten.
    NoteChanged(Option<SmolStr>),
    /// All of it anew, as it stands in the old system now.
    Reimported(Box<Entry>),
}

/// Turns events into effects, in the order of the log. What was forgotten before is part of its state.
#[derive(Debug, Default)]
pub(crate) struct Interpreter {
    forgotten: HashSet<KeyId>,
    actors: Shared<str>,
    services: Shared<ServiceSnapshot>,
}

impl Interpreter {
    /// What one event means, or why it cannot be taken in.
    pub(crate) fn interpret(
        &mut self,
        decoded: Decoded,
        opener: &Decryptor,
    ) -> Result<ViewChange, ViewError> {
        self.tell(decoded, opener).map(|told| told.effect)
    }

    /// What one event means, and in which stream it stands.
    pub(crate) fn tell(&mut self, decoded: Decoded, opener: &Decryptor) -> Result<DecodedChange, ViewError> {
        let Decoded { position, stream, revision, content } = decoded;
        let (kind, fault) = match content {
            Content::Nothing => return Ok(DecodedChange { stream, effect: ViewChange::Nothing }),
            Content::Faulty { kind, fault, .. } => (kind, fault),
            Content::Event(said) => {
                let (event, recording) = *said;
                let kind = codec::event_type_of(&event);
                match self.take_in(event, &recording, opener) {
                    Ok(effect) => return Ok(DecodedChange { stream, effect }),
                    Err(fault) => (kind.as_str().into(), fault),
                }
            }
        };
        Err(ViewError::Event { position, stream, revision, kind, source: fault })
    }

    fn take_in(
        &mut self,
        event: Event,
        recording: &Recording,
        opener: &Decryptor,
    ) -> Result<ViewChange, EventFault> {
        let stamp = EventMeta {
            at: millis(recording.recorded_at),
            actor: self.actors.get(recording.actor.as_str(), |name| name.into()),
        };
        Ok(match event {
            Event::Schedule(event) => self.book(event, recording, stamp, opener)?,
            Event::Catalog(event) => ViewChange::Catalog { event, stamp },
            Event::Hours(event) => ViewChange::Hours { event, stamp },
            Event::Privacy(PrivacyEvent::SubjectForgotten(SubjectForgotten { subject, keys })) => {
                self.forgotten.extend(keys);
                ViewChange::Forget { subject }
            }
            Event::Routing(_) => ViewChange::Nothing,
        })
    }

    /// Whether what is sealed with a key was forgotten before.
    pub(crate) fn has_forgotten(&self, key: KeyId) -> bool {
        self.forgotten.contains(&key)
    }

    /// Takes in what another one knows to be forgotten.
    pub(crate) fn merge(&mut self, other: Self) {
        self.forgotten.extend(other.forgotten);
    }

    fn book(
        &mut self,
        event: ScheduleEvent,
        recording: &Recording,
        stamp: EventMeta,
        opener: &Decryptor,
    ) -> Result<ViewChange, EventFault> {
        let turned = |reservation, status, stamp| ViewChange::Change {
            reservation,
            change: Change::StatusChanged(status),
            stamp,
        };
        Ok(match event {
            ScheduleEvent::ReservationRequested(e) => {
                let entry = Box::new(self.requested(&e, recording, opener)?);
                ViewChange::Enter { reservation: e.reservation, entry }
            }
            ScheduleEvent::ReservationImported(e) => {
                let entry = Box::new(self.imported(&e, opener)?);
                ViewChange::Enter { reservation: e.reservation, entry }
            }
            ScheduleEvent::ReservationReimported(e) => {
                let change = Change::Reimported(Box::new(self.reimported(&e, opener)?));
                ViewChange::Change { reservation: e.reservation, change, stamp }
            }
            ScheduleEvent::ReservationConfirmed(e) => turned(e.reservation, Status::Confirmed, stamp),
            ScheduleEvent::ReservationRejected(e) => turned(e.reservation, Status::Rejected, stamp),
            ScheduleEvent::ReservationCancelled(e) => turned(e.reservation, Status::Cancelled, stamp),
            ScheduleEvent::ReservationCompleted(e) => turned(e.reservation, Status::Completed, stamp),
            ScheduleEvent::ReservationNoShowMarked(e) => turned(e.reservation, Status::NoShow, stamp),
            ScheduleEvent::ReservationNoShowCorrected(e) => turned(e.reservation, Status::Confirmed, stamp),
            ScheduleEvent::ReservationRescheduled(e) => ViewChange::Change {
                reservation: e.reservation,
                change: Change::Rescheduled(e.placement),
                stamp,
            },
            ScheduleEvent::ReservationTimeAssigned(e) => ViewChange::Change {
                reservation: e.reservation,
                change: Change::Rescheduled(e.placement),
                stamp,
            },
            ScheduleEvent::AdminNoteWritten(e) => {
                let note = self.open(&e.note, &e.reservation, opener)?.map(SmolStr::from);
                ViewChange::Change { reservation: e.reservation, change: Change::NoteChanged(note), stamp }
            }
            ScheduleEvent::TimeClosed(closed) => ViewChange::Close { closed, stamp },
            ScheduleEvent::TimeReopened(e) => ViewChange::Reopen { closure: e.closure, stamp },
        })
    }

    fn requested(
        &mut self,
        e: &ReservationRequested,
        recording: &Recording,
        opener: &Decryptor,
    ) -> Result<Entry, EventFault> {
        let at = millis(recording.recorded_at);
        Ok(Entry {
            details: self.details(&e.details, &e.reservation, opener)?,
            subject: e.subject,
            service: self.services.get(&e.service, |service| Arc::new(service.clone())),
            date: e.date,
            // Without one, a time or a half of the day was chosen and not typed.
            is_wish_sealed: e.wish.is_none() && matches!(e.placement, SlotAssignment::Review(_)),
            is_placed_here: false,
            wish: e.wish.as_deref().map(SmolStr::from),
            placement: e.placement,
            status: Status::Pending,
            created_at: at,
            updated_at: at,
            status_changed_at: at,
            status_changed_by: None,
        })
    }

    fn imported(&mut self, e: &ReservationImported, opener: &Decryptor) -> Result<Entry, EventFault> {
        Ok(Entry {
            details: self.details(&e.details, &e.reservation, opener)?,
            subject: e.subject,
            service: self.services.get(&e.service, |service| Arc::new(service.clone())),
            date: e.date,
            // The old system has a text for every row; a rule of the clinic's own may have placed one that is sealed.
            is_wish_sealed: e.wish.is_none(),
            is_placed_here: false,
            wish: e.wish.as_deref().map(SmolStr::from),
            placement: e.placement,
            status: e.status,
            created_at: millis(e.created_at),
            updated_at: millis(e.updated_at),
            status_changed_at: millis(e.status_changed_at),
            status_changed_by: e.status_changed_by.as_deref().map(SmolStr::from),
        })
    }

    fn reimported(&mut self, e: &ReservationImported, opener: &Decryptor) -> Result<Entry, EventFault> {
        // Before it was told nothing but a person could place a text as what it does not say.
        let is_placed_here = e.is_placed_here.unwrap_or(true);
        Ok(Entry { is_placed_here, ..self.imported(e, opener)? })
    }

    fn details(
        &self,
        sealed: &Sealed,
        reservation: &ReservationId,
        opener: &Decryptor,
    ) -> Result<Option<PatientDetails>, EventFault> {
        let Some(text) = self.open(sealed, reservation, opener)? else { return Ok(None) };
        PatientDetails::from_text(&text).map(Some).ok_or(EventFault::Details)
    }

    fn open(
        &self,
        sealed: &Sealed,
        reservation: &ReservationId,
        opener: &Decryptor,
    ) -> Result<Option<String>, VaultError> {
        if self.has_forgotten(sealed.key) {
            return Ok(None);
        }
        match opener.open(sealed, sealing_context(reservation))? {
            Opened::Text(text) => Ok(Some(text)),
            Opened::Erased => Ok(None),
        }
    }
}

/// Values that events repeat, each kept once: there are few of them, and a rebuild holds them many times over.
#[derive(Debug)]
struct Shared<T: ?Sized>(HashSet<Arc<T>, foldhash::fast::RandomState>);

impl<T: ?Sized> Default for Shared<T> {
    fn default() -> Self {
        Self(HashSet::default())
    }
}

impl<T: ?Sized + Eq + Hash> Shared<T> {
    /// Values that are kept, at most. Beyond that all are let go and gathered anew.
    const LIMIT: usize = 4096;

    fn get(&mut self, value: &T, make: impl FnOnce(&T) -> Arc<T>) -> Arc<T> {
        if let Some(known) = self.0.get(value) {
            return Arc::clone(known);
        }
        if self.0.len() >= Self::LIMIT {
            self.0.clear();
        }
        let new = make(value);
        self.0.insert(Arc::clone(&new));
        new
    }
}

/// An event that was read, with its sealed parts still closed.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) position: Position,
    pub(crate) stream: StreamName,
    revision: Revision,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// What it says. In a box, since it is large and goes from thread to thread.
    Event(Box<(Event, Recording)>),
    /// Nothing that a view would show, whatever it says.
    Nothing,
    /// It cannot be understood. What it holds up is known as far as it can be read.
    Faulty { kind: Box<str>, fault: EventFault, holds_up: BlockingKey },
}

impl Decoded {
    /// Reads an event. Where that fails, interpreting it tells so. What routes reads means nothing to a view and is not
    /// looked into.
    pub(crate) fn read(recorded: &RecordedEvent) -> Self {
        if recorded.stream.category() == Category::Routing {
            return Self::left_out(recorded);
        }
        let content = match codec::decode_for_view(recorded) {
            Ok(said) => Content::Event(Box::new(said)),
            Err(fault) => Content::Faulty {
                kind: (&*recorded.event_type).into(),
                fault: fault.into(),
                holds_up: BlockingKey::guess(recorded),
            },
        };
        Self { content, ..Self::left_out(recorded) }
    }

    /// Reads an event unless it is one of those that are left out.
    pub(crate) fn read_unless(recorded: &RecordedEvent, left_out: &LeftOut) -> Self {
        if left_out.contains(&recorded.position) { Self::left_out(recorded) } else { Self::read(recorded) }
    }

    /// An event that is passed over.
    fn left_out(recorded: &RecordedEvent) -> Self {
        Self {
            position: recorded.position,
            stream: recorded.stream.clone(),
            revision: recorded.revision,
            content: Content::Nothing,
        }
    }

    /// What it would hold up if it could not be taken in; nothing where it means nothing.
    pub(crate) fn holds_up(&self) -> Option<BlockingKey> {
        match &self.content {
            Content::Event(said) => BlockingKey::of(&said.0, &self.stream, self.revision),
            Content::Nothing => None,
            Content::Faulty { holds_up, .. } => Some(holds_up.clone()),
        }
    }

    /// The key with which a part of it is sealed, where one is.
    pub(crate) fn key(&self) -> Option<KeyId> {
        let Content::Event(said) = &self.content else { return None };
        match &said.0 {
            Event::Schedule(ScheduleEvent::ReservationRequested(e)) => Some(e.details.key),
            Event::Schedule(ScheduleEvent::ReservationImported(e)) => Some(e.details.key),
            Event::Schedule(ScheduleEvent::ReservationReimported(e)) => Some(e.details.key),
            Event::Schedule(ScheduleEvent::AdminNoteWritten(e)) => Some(e.note.key),
            Event::Schedule(_)
            | Event::Catalog(_)
            | Event::Hours(_)
            | Event::Routing(_)
            | Event::Privacy(_) => None,
        }
    }
}

fn millis(at: DateTime<Utc>) -> NaiveDateTime {
    at.naive_utc().trunc_subsecs(3)
}
