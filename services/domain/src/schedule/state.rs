//! The day schedule that results from its events. It holds only what the rules need, and no patient's details.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

use super::event::{ReservationImported, ScheduleEffect, ScheduleEvent, ServiceSnapshot, Stranger};
use super::slot_assignment::SlotAssignment;
use crate::id::{ClosureId, PatientFingerprint, RequestFingerprint, ReservationId, ServiceId, SubjectId};
use crate::sealed::Sealed;
use crate::time::{Minutes, Span};
use crate::vocabulary::{LegacyService, Status};

/// One clinic day.
#[derive(Debug, Clone, PartialEq)]
pub struct DaySchedule {
    /// The clinic day.
    pub date: NaiveDate,
    bookings: HashMap<ReservationId, Booking>,
    closures: BTreeMap<ClosureId, Closure>,
    /// Closures that were removed, so that a repeated request does not close the time again.
    lifted: BTreeMap<ClosureId, Closure>,
    /// Bookings that were moved to another day, with their first version there.
    moved_out: HashMap<ReservationId, u32>,
    open: OpenBookings,
}

/// Numbers of open bookings, kept so that a decision does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct OpenBookings {
    strangers: usize,
    clinic: usize,
}

impl OpenBookings {
    fn number_of(&mut self, booking: &Booking) -> &mut usize {
        if booking.stranger.is_some() { &mut self.strangers } else { &mut self.clinic }
    }

    fn add(&mut self, booking: &Booking) {
        *self.number_of(booking) += usize::from(booking.status.is_open());
    }

    fn remove(&mut self, booking: &Booking) {
        *self.number_of(booking) -= usize::from(booking.status.is_open());
    }
}

/// The part of a reservation that the rules need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    pub subject: SubjectId,
    pub service: ServiceId,
    /// The value of the old enum that the legacy view shows for its service.
    pub shown_as: LegacyService,
    /// Treatment plus buffer.
    pub total_minutes: Minutes,
    /// The treatment alone; none if it was read from a view.
    pub treatment: Option<Minutes>,
    /// Its slot in the day.
    pub placement: SlotAssignment,
    /// Whether its requested time could not be parsed when it was recorded, so that a person may set its meaning.
    pub is_reviewable: bool,
    pub status: Status,
    /// The reason of the last change of status, if one was given.
    pub status_reason: Option<Sealed>,
    /// Number of events that it stands for, from 1, on this day and on those that it was moved from.
    pub version: u32,
    /// The request that it answers; `None` if it was imported, read from a view, or made by an older release.
    pub fingerprint: Option<RequestFingerprint>,
    /// `None` if it was read from a view, if the patient was forgotten before an import, or if an older release recorded it.
    pub patient: Option<PatientFingerprint>,
    /// Present if a stranger requested it. `None` if it was read from a view, or made by an older release.
    pub stranger: Option<Stranger>,
}

impl Booking {
    fn new(subject: SubjectId, service: &ServiceSnapshot, placement: SlotAssignment, status: Status) -> Self {
        Self {
            subject,
            service: service.id.clone(),
            shown_as: service.legacy.unwrap_or(LegacyService::FOR_NEW_SERVICES),
            total_minutes: service.total_minutes(),
            treatment: Some(service.duration),
            placement,
            is_reviewable: matches!(placement, SlotAssignment::Review(_)),
            status,
            status_reason: None,
            version: 1,
            fingerprint: None,
            patient: None,
            stranger: None,
        }
    }

    /// A row of the old system always has a text. The event holds it in plain only if the grammar could parse it; a person
    /// may correct what a rule of the clinic made of it.
    fn imported(e: &ReservationImported) -> Self {
        let booking = Self::new(e.subject, &e.service, e.placement, e.status);
        Self { is_reviewable: booking.is_reviewable || e.wish.is_none(), patient: e.patient, ..booking }
    }
}

/// A span of time that is closed to new bookings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// The closed time.
    pub span: Span,
    /// The service it applies to; `None` for all.
    pub service: Option<ServiceId>,
    /// A reason that booking clients see.
    pub reason: Option<Box<str>>,
    /// The request that it answers; `None` if it had no key, was read from a view, or is of an older release.
    pub fingerprint: Option<RequestFingerprint>,
}

impl Closure {
    /// Whether it closes the time for this service.
    pub fn applies_to(&self, service: &ServiceId) -> bool {
        self.service.as_ref().is_none_or(|only| only == service)
    }
}

impl DaySchedule {
    /// A schedule without entries.
    pub fn empty(date: NaiveDate) -> Self {
        Self {
            date,
            bookings: HashMap::new(),
            closures: BTreeMap::new(),
            lifted: BTreeMap::new(),
            moved_out: HashMap::new(),
            open: OpenBookings::default(),
        }
    }

    /// A schedule from the rows of a view, so that searches use the rules that decide bookings.
    pub fn from_bookings(
        date: NaiveDate,
        bookings: impl IntoIterator<Item = (ReservationId, Booking)>,
        closures: impl IntoIterator<Item = (ClosureId, Closure)>,
    ) -> Self {
        let mut schedule = Self { closures: closures.into_iter().collect(), ..Self::empty(date) };
        bookings.into_iter().for_each(|(id, booking)| schedule.insert(id, booking));
        schedule
    }

    /// The booking with this id.
    pub fn booking(&self, id: &ReservationId) -> Option<&Booking> {
        self.bookings.get(id)
    }

    /// All bookings, in arbitrary order.
    pub fn bookings(&self) -> impl Iterator<Item = (&ReservationId, &Booking)> {
        self.bookings.iter()
    }

    /// The first version that a booking had on the day to which it was moved; `None` if it was never moved away.
    pub fn moved_out(&self, id: &ReservationId) -> Option<u32> {
        self.moved_out.get(id).copied()
    }

    /// The closure with this id.
    pub fn closure(&self, id: &ClosureId) -> Option<&Closure> {
        self.closures.get(id)
    }

    /// The closure that had this id before it was removed.
    pub fn lifted(&self, id: &ClosureId) -> Option<&Closure> {
        self.lifted.get(id)
    }

    /// All closures in effect.
    pub fn closures(&self) -> impl Iterator<Item = &Closure> {
        self.closures.values()
    }

    /// Number of open bookings that strangers requested.
    pub const fn open_of_strangers(&self) -> usize {
        self.open.strangers
    }

    /// Number of closures and of all other open bookings.
    pub fn open_of_clinic(&self) -> usize {
        self.open.clinic + self.closures.len()
    }

    /// Number of bookings and closures.
    pub fn len(&self) -> usize {
        self.bookings.len() + self.closures.len()
    }

    /// Whether the day has no bookings and no closures.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Applies one event. An event about an unknown booking changes nothing.
    pub fn evolve(&mut self, event: &ScheduleEvent) {
        match event.effect() {
            ScheduleEffect::Requested(e) => {
                let booking = Booking::new(e.subject, &e.service, e.placement, Status::Pending);
                let booking = Booking {
                    fingerprint: e.fingerprint,
                    patient: e.patient,
                    stranger: e.stranger,
                    ..booking
                };
                self.insert(e.reservation.clone(), booking);
            }
            ScheduleEffect::Imported(e) => {
                self.insert(e.reservation.clone(), Booking::imported(e));
            }
            ScheduleEffect::Reimported(e) => self.change(&e.reservation, |booking| {
                *booking = Booking { version: booking.version, ..Booking::imported(e) };
            }),
            ScheduleEffect::StatusChanged(id, status) => self.change(id, |booking| {
                booking.status = status;
                booking.status_reason = event.reason().cloned();
            }),
            ScheduleEffect::MovedOut(e) => {
                if let Some(booking) = self.bookings.remove(&e.row.reservation) {
                    self.open.remove(&booking);
                }
                self.moved_out.insert(e.row.reservation.clone(), e.version);
            }
            ScheduleEffect::MovedIn(e) => {
                let booking = Booking { version: e.version, ..Booking::imported(&e.row) };
                self.insert(e.row.reservation.clone(), booking);
            }
            ScheduleEffect::Rescheduled(id, placement) => {
                self.change(id, |booking| booking.placement = placement);
            }
            ScheduleEffect::NoteWritten(e) => self.change(&e.reservation, |_| {}),
            ScheduleEffect::Closed(e) => {
                let closure = Closure {
                    span: e.span,
                    service: e.service.clone(),
                    reason: e.reason.clone(),
                    fingerprint: e.fingerprint,
                };
                self.closures.insert(e.closure.clone(), closure);
            }
            ScheduleEffect::Reopened(closure) => {
                self.lifted.extend(self.closures.remove_entry(closure));
            }
        }
    }

    fn insert(&mut self, id: ReservationId, booking: Booking) {
        self.open.add(&booking);
        if let Some(replaced) = self.bookings.insert(id, booking) {
            self.open.remove(&replaced);
        }
    }

    fn change(&mut self, id: &ReservationId, change: impl FnOnce(&mut Booking)) {
        if let Some(booking) = self.bookings.get_mut(id) {
            self.open.remove(booking);
            change(booking);
            booking.version = booking.version.saturating_add(1);
            self.open.add(booking);
        }
    }
}
