//! What an event changes in a view: decoded, its sealed parts decrypted, its time in UTC milliseconds.
//!
//! An event becomes one change, which both views receive. From there on each view goes its own way, so that comparing
//! them proves something.

use std::collections::HashSet;
use std::hash::Hash;
use std::panic::catch_unwind;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, SubsecRound, Utc};
use daybook_domain::catalog::CatalogEvent;
use daybook_domain::hours::HoursEvent;
use daybook_domain::privacy::{PrivacyEvent, SubjectForgotten};
use daybook_domain::schedule::event::{
    ReservationImported, ReservationMoved, ReservationRequested, ServiceSnapshot, TimeClosed,
};
use daybook_domain::schedule::{ScheduleEvent, SlotAssignment};
use daybook_domain::{ClosureId, Event, KeyId, ReservationId, Sealed, Status, SubjectId};
use daybook_event_log::codec::{self, Recording};
use daybook_event_log::{Category, Position, RecordedEvent, Revision, StreamName};
use daybook_vault::{Decryptor, Opened, PatientDetails, VaultError, sealing_context};
use smol_str::SmolStr;

use crate::control::error::{EventFault, ViewError};
use crate::control::ids::{BlockingKey, SkippedPositions};

/// Replaces a forgotten patient's text in columns that must not be null.
pub const ERASED: &str = "(erased)";

/// The same as a row contains it.
pub(crate) const ERASED_TEXT: SmolStr = SmolStr::new_static(ERASED);

/// When and by whom an event was recorded, as the views show it.
#[derive(Debug, Clone)]
pub(crate) struct EventMeta {
    /// UTC, truncated to the milliseconds of the old columns.
    pub(crate) at: NaiveDateTime,
    /// The actor's name.
    pub(crate) actor: Arc<str>,
}

/// The change that an event makes to a view.
#[derive(Debug)]
pub(crate) enum ViewChange {
    Create {
        reservation: ReservationId,
        contents: Box<NewReservation>,
    },
    Change {
        reservation: ReservationId,
        change: Change,
        meta: EventMeta,
    },
    /// A time span of a day is closed.
    Close {
        closed: TimeClosed,
        meta: EventMeta,
    },
    Reopen {
        closure: ClosureId,
        meta: EventMeta,
    },
    Catalog {
        event: CatalogEvent,
        meta: EventMeta,
    },
    /// The clinic's hours change.
    Hours {
        event: HoursEvent,
        meta: EventMeta,
    },
    /// A patient's details are erased.
    Forget {
        subject: SubjectId,
    },
    /// One reservation's details are erased if it belongs to this patient. For late events about a forgotten patient.
    ForgetReservation {
        subject: SubjectId,
        reservation: ReservationId,
    },
    /// Nothing that a view shows.
    Nothing,
}

impl ViewChange {
    /// The reservation that it changes, if it names one.
    pub(crate) fn reservation(&self) -> Option<&str> {
        match self {
            Self::Create { reservation, .. } | Self::Change { reservation, .. } => Some(reservation.as_str()),
            Self::Close { .. }
            | Self::Reopen { .. }
            | Self::Catalog { .. }
            | Self::Hours { .. }
            | Self::Forget { .. }
            | Self::ForgetReservation { .. }
            | Self::Nothing => None,
        }
    }
}

/// A change, and the stream of its event.
#[derive(Debug)]
pub(crate) struct DecodedChange {
    pub(crate) stream: StreamName,
    pub(crate) change: ViewChange,
}

/// The contents of a new or reimported reservation.
#[derive(Debug)]
pub(crate) struct NewReservation {
    pub(crate) subject: SubjectId,
    /// None if the patient was forgotten.
    pub(crate) details: Option<PatientDetails>,
    pub(crate) service: Arc<ServiceSnapshot>,
    pub(crate) date: NaiveDate,
    pub(crate) requested_time: Option<SmolStr>,
    /// Whether the requested time is sealed with the details. It is in them unless the patient was forgotten.
    pub(crate) is_requested_time_sealed: bool,
    /// Whether staff assigned a time, so that the original text no longer applies.
    pub(crate) is_assigned_by_staff: bool,
    pub(crate) placement: SlotAssignment,
    pub(crate) status: Status,
    pub(crate) created_at: NaiveDateTime,
    pub(crate) updated_at: NaiveDateTime,
    pub(crate) status_changed_at: NaiveDateTime,
    pub(crate) status_changed_by: Option<SmolStr>,
    /// 1, unless it was moved here from another day.
    pub(crate) version: u32,
}

/// A change to a reservation.
#[derive(Debug)]
pub(crate) enum Change {
    StatusChanged(Status),
    Rescheduled(SlotAssignment),
    /// Another note by the staff; none if the patient was forgotten.
    NoteChanged(Option<SmolStr>),
    /// All contents as they are in the old system now.
    Reimported(Box<NewReservation>),
}

/// Turns events into changes, in the order of the log. It remembers what was forgotten.
#[derive(Debug, Default)]
pub(crate) struct Interpreter {
    forgotten: HashSet<KeyId>,
    actors: SharedValues<str>,
    services: SharedValues<ServiceSnapshot>,
}

impl Interpreter {
    /// The change that an event makes, or why it cannot be applied.
    pub(crate) fn interpret(
        &mut self,
        decoded: DecodedEvent,
        decryptor: &Decryptor,
    ) -> Result<ViewChange, ViewError> {
        self.decode_change(decoded, decryptor).map(|decoded| decoded.change)
    }

    /// The same, together with the event's stream.
    pub(crate) fn decode_change(
        &mut self,
        decoded: DecodedEvent,
        decryptor: &Decryptor,
    ) -> Result<DecodedChange, ViewError> {
        let DecodedEvent { position, stream, revision, content } = decoded;
        let (kind, fault) = match content {
            Content::Nothing => return Ok(DecodedChange { stream, change: ViewChange::Nothing }),
            Content::Faulty { kind, fault, .. } => (kind, fault),
            Content::Event(decoded) => {
                let (event, recording) = *decoded;
                let kind = codec::event_type_of(&event);
                match self.interpret_event(event, &recording, decryptor) {
                    Ok(change) => return Ok(DecodedChange { stream, change }),
                    Err(fault) => (kind.as_str().into(), fault),
                }
            }
        };
        Err(ViewError::Event { position, stream, revision, kind, source: fault })
    }

    fn interpret_event(
        &mut self,
        event: Event,
        recording: &Recording,
        decryptor: &Decryptor,
    ) -> Result<ViewChange, EventFault> {
        let meta = EventMeta {
            at: millis(recording.recorded_at),
            actor: self.actors.get(recording.actor.as_str(), |name| name.into()),
        };
        Ok(match event {
            Event::Schedule(event) => self.interpret_schedule(event, recording, meta, decryptor)?,
            Event::Catalog(event) => ViewChange::Catalog { event, meta },
            Event::Hours(event) => ViewChange::Hours { event, meta },
            Event::Privacy(PrivacyEvent::SubjectForgotten(SubjectForgotten { subject, keys })) => {
                self.forgotten.extend(keys);
                ViewChange::Forget { subject }
            }
            Event::Routing(_) | Event::Idempotency(_) | Event::Access(_) => ViewChange::Nothing,
        })
    }

    /// Whether the patient with this key was forgotten before.
    pub(crate) fn has_forgotten(&self, key: KeyId) -> bool {
        self.forgotten.contains(&key)
    }

    /// Adds what another interpreter knows to be forgotten.
    pub(crate) fn merge(&mut self, other: Self) {
        self.forgotten.extend(other.forgotten);
    }

    fn interpret_schedule(
        &mut self,
        event: ScheduleEvent,
        recording: &Recording,
        meta: EventMeta,
        decryptor: &Decryptor,
    ) -> Result<ViewChange, EventFault> {
        let status_changed = |reservation, status, meta| ViewChange::Change {
            reservation,
            change: Change::StatusChanged(status),
            meta,
        };
        Ok(match event {
            ScheduleEvent::ReservationRequested(e) => {
                let contents = Box::new(self.requested(&e, recording, decryptor)?);
                ViewChange::Create { reservation: e.reservation, contents }
            }
            ScheduleEvent::ReservationImported(e) => {
                let contents = Box::new(self.imported(&e, decryptor)?);
                ViewChange::Create { reservation: e.reservation, contents }
            }
            ScheduleEvent::ReservationReimported(e) => {
                let change = Change::Reimported(Box::new(self.reimported(&e, decryptor)?));
                ViewChange::Change { reservation: e.reservation, change, meta }
            }
            // The row stays under its old day until the same contents arrive on the new one, so that every reader sees
            // it once.
            ScheduleEvent::ReservationMovedOut(_) => ViewChange::Nothing,
            ScheduleEvent::ReservationMovedIn(e) => {
                let contents = Box::new(self.moved(&e, decryptor)?);
                ViewChange::Create { reservation: e.row.reservation, contents }
            }
            ScheduleEvent::ReservationConfirmed(e) => status_changed(e.reservation, Status::Confirmed, meta),
            ScheduleEvent::ReservationRejected(e) => status_changed(e.reservation, Status::Rejected, meta),
            ScheduleEvent::ReservationCancelled(e) => status_changed(e.reservation, Status::Cancelled, meta),
            ScheduleEvent::ReservationCompleted(e) => status_changed(e.reservation, Status::Completed, meta),
            ScheduleEvent::ReservationNoShowMarked(e) => status_changed(e.reservation, Status::NoShow, meta),
            ScheduleEvent::ReservationNoShowCorrected(e) => {
                status_changed(e.reservation, Status::Confirmed, meta)
            }
            ScheduleEvent::ReservationCompletionCorrected(e) => {
                status_changed(e.reservation, Status::Confirmed, meta)
            }
            ScheduleEvent::ReservationRescheduled(e) => ViewChange::Change {
                reservation: e.reservation,
                change: Change::Rescheduled(e.placement),
                meta,
            },
            ScheduleEvent::ReservationTimeAssigned(e) => ViewChange::Change {
                reservation: e.reservation,
                change: Change::Rescheduled(e.placement),
                meta,
            },
            ScheduleEvent::AdminNoteWritten(e) => {
                let note = self.open(&e.note, &e.reservation, decryptor)?.map(SmolStr::from);
                ViewChange::Change { reservation: e.reservation, change: Change::NoteChanged(note), meta }
            }
            ScheduleEvent::TimeClosed(closed) => ViewChange::Close { closed, meta },
            ScheduleEvent::TimeReopened(e) => ViewChange::Reopen { closure: e.closure, meta },
        })
    }

    fn requested(
        &mut self,
        e: &ReservationRequested,
        recording: &Recording,
        decryptor: &Decryptor,
    ) -> Result<NewReservation, EventFault> {
        let at = millis(recording.recorded_at);
        Ok(NewReservation {
            details: self.details(&e.details, &e.reservation, decryptor)?,
            subject: e.subject,
            service: self.services.get(&e.service, |service| Arc::new(service.clone())),
            date: e.date,
            // Without a text, a time or a half-day was chosen and not typed.
            is_requested_time_sealed: e.wish.is_none() && matches!(e.placement, SlotAssignment::Review(_)),
            is_assigned_by_staff: false,
            requested_time: e.wish.as_deref().map(SmolStr::from),
            placement: e.placement,
            status: Status::Pending,
            created_at: at,
            updated_at: at,
            status_changed_at: at,
            status_changed_by: None,
            version: 1,
        })
    }

    fn imported(
        &mut self,
        e: &ReservationImported,
        decryptor: &Decryptor,
    ) -> Result<NewReservation, EventFault> {
        Ok(NewReservation {
            details: self.details(&e.details, &e.reservation, decryptor)?,
            subject: e.subject,
            service: self.services.get(&e.service, |service| Arc::new(service.clone())),
            date: e.date,
            // Every row of the old system has a text. One that is sealed may still have a time by a clinic-specific
            // rule.
            is_requested_time_sealed: e.wish.is_none(),
            is_assigned_by_staff: false,
            requested_time: e.wish.as_deref().map(SmolStr::from),
            placement: e.placement,
            status: e.status,
            created_at: millis(e.created_at),
            updated_at: millis(e.updated_at),
            status_changed_at: millis(e.status_changed_at),
            status_changed_by: e.status_changed_by.as_deref().map(SmolStr::from),
            version: 1,
        })
    }

    fn reimported(
        &mut self,
        e: &ReservationImported,
        decryptor: &Decryptor,
    ) -> Result<NewReservation, EventFault> {
        // Older events lack this flag. At that time only a person could assign a time that contradicts the text.
        let is_assigned_by_staff = e.is_placed_here.unwrap_or(true);
        Ok(NewReservation { is_assigned_by_staff, ..self.imported(e, decryptor)? })
    }

    fn moved(&mut self, e: &ReservationMoved, decryptor: &Decryptor) -> Result<NewReservation, EventFault> {
        let is_assigned_by_staff = e.row.is_placed_here.unwrap_or_default();
        Ok(NewReservation { version: e.version, is_assigned_by_staff, ..self.imported(&e.row, decryptor)? })
    }

    fn details(
        &self,
        sealed: &Sealed,
        reservation: &ReservationId,
        decryptor: &Decryptor,
    ) -> Result<Option<PatientDetails>, EventFault> {
        let Some(text) = self.open(sealed, reservation, decryptor)? else { return Ok(None) };
        PatientDetails::from_text(&text).map(Some).ok_or(EventFault::Details)
    }

    fn open(
        &self,
        sealed: &Sealed,
        reservation: &ReservationId,
        decryptor: &Decryptor,
    ) -> Result<Option<String>, VaultError> {
        if self.has_forgotten(sealed.key) {
            return Ok(None);
        }
        match decryptor.open(sealed, sealing_context(reservation))? {
            Opened::Text(text) => Ok(Some(text)),
            Opened::Erased => Ok(None),
        }
    }
}

/// Deduplicates values that events repeat: there are few of them, and a rebuild would hold them many times.
#[derive(Debug)]
struct SharedValues<T: ?Sized>(HashSet<Arc<T>, foldhash::fast::RandomState>);

impl<T: ?Sized> Default for SharedValues<T> {
    fn default() -> Self {
        Self(HashSet::default())
    }
}

impl<T: ?Sized + Eq + Hash> SharedValues<T> {
    /// Most values that are kept. Beyond that the set starts again.
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

/// A decoded event with its sealed parts still encrypted.
#[derive(Debug)]
pub(crate) struct DecodedEvent {
    pub(crate) position: Position,
    pub(crate) stream: StreamName,
    pub(crate) revision: Revision,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// The event. Boxed because it is large and moves between threads.
    Event(Box<(Event, Recording)>),
    /// Nothing that changes a view.
    Nothing,
    /// It cannot be decoded. The blocking key is as narrow as can be read from it.
    Faulty { kind: Box<str>, fault: EventFault, blocking_key: BlockingKey },
}

impl DecodedEvent {
    /// Decodes an event. If that fails, interpreting it returns the error. Events that change no view are not decoded.
    pub(crate) fn read(recorded: &RecordedEvent) -> Self {
        if !changes_views(recorded.stream.category()) {
            return Self::skipped(recorded);
        }
        let faulty = |fault| Content::Faulty {
            kind: (&*recorded.event_type).into(),
            fault,
            blocking_key: BlockingKey::from_undecodable(recorded),
        };
        let content = match catch_unwind(|| codec::decode_for_view(recorded)) {
            Ok(Ok(decoded)) => Content::Event(Box::new(decoded)),
            Ok(Err(fault)) => faulty(fault.into()),
            Err(_panic) => faulty(EventFault::Panicked),
        };
        Self { content, ..Self::skipped(recorded) }
    }

    /// Decodes an event unless its position is to be skipped.
    pub(crate) fn read_unless(recorded: &RecordedEvent, skipped: &SkippedPositions) -> Self {
        if skipped.contains(&recorded.position) { Self::skipped(recorded) } else { Self::read(recorded) }
    }

    /// An event that changes nothing.
    fn skipped(recorded: &RecordedEvent) -> Self {
        Self {
            position: recorded.position,
            stream: recorded.stream.clone(),
            revision: recorded.revision,
            content: Content::Nothing,
        }
    }

    /// What it blocks if it cannot be applied; nothing if it changes nothing.
    pub(crate) fn blocking_key(&self) -> Option<BlockingKey> {
        match &self.content {
            Content::Event(decoded) => BlockingKey::from_event(&decoded.0, &self.stream, self.revision),
            Content::Nothing => None,
            Content::Faulty { blocking_key, .. } => Some(blocking_key.clone()),
        }
    }

    /// Its type as stored, if it can be decoded and changes anything.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Event(decoded) => codec::event_type_of(&decoded.0).as_str(),
            Content::Nothing | Content::Faulty { .. } => "",
        }
    }

    /// The key that seals a part of it, if any.
    pub(crate) fn key(&self) -> Option<KeyId> {
        let Content::Event(decoded) = &self.content else { return None };
        match &decoded.0 {
            Event::Schedule(ScheduleEvent::ReservationRequested(e)) => Some(e.details.key),
            Event::Schedule(ScheduleEvent::ReservationImported(e)) => Some(e.details.key),
            Event::Schedule(ScheduleEvent::ReservationReimported(e)) => Some(e.details.key),
            Event::Schedule(ScheduleEvent::ReservationMovedOut(e) | ScheduleEvent::ReservationMovedIn(e)) => {
                Some(e.row.details.key)
            }
            Event::Schedule(ScheduleEvent::AdminNoteWritten(e)) => Some(e.note.key),
            Event::Schedule(_)
            | Event::Catalog(_)
            | Event::Hours(_)
            | Event::Routing(_)
            | Event::Privacy(_)
            | Event::Idempotency(_)
            | Event::Access(_) => None,
        }
    }
}

/// Whether views contain anything of a category's events. Routing, idempotency keys and revoked tokens are the write
/// side's and the router's own.
pub fn changes_views(category: Category) -> bool {
    !matches!(category, Category::Routing | Category::Idempotency | Category::Access)
}

fn millis(at: DateTime<Utc>) -> NaiveDateTime {
    at.naive_utc().trunc_subsecs(3)
}
