//! A page as its events left it.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

use super::event::{ReservationImported, ScheduleEvent, ServiceSnapshot};
use super::slot_assignment::SlotAssignment;
use crate::id::{ClosureId, ReservationId, ServiceId, SubjectId};
use crate::time::{Minutes, Span};
use crate::vocabulary::Status;

/// One clinic day.
#[derive(Debug, Clone, PartialEq)]
pub struct DaySchedule {
    /// Which day.
    pub date: NaiveDate,
    bookings: HashMap<ReservationId, Booking>,
    closures: BTreeMap<ClosureId, Closure>,
}

/// What the rules need to know of a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// Whose it is.
    pub subject: SubjectId,
    /// What is to be done.
    pub service: ServiceId,
    /// Minutes it takes up: treatment and clearing up.
    pub total_minutes: Minutes,
    /// Where in the day it stands.
    pub placement: SlotAssignment,
    /// Whether its wish was not understood when it was entered: what was meant is then for a person to say.
    pub has_unread_wish: bool,
    /// Where in its life it stands.
    pub status: Status,
    /// Number of events that made it what it is, from 1.
    pub version: u32,
}

impl Booking {
    fn new(subject: SubjectId, service: &ServiceSnapshot, placement: SlotAssignment, status: Status) -> Self {
        Self {
            subject,
            service: service.id.clone(),
            total_minutes: service.duration + service.buffer,
            placement,
            has_unread_wish: matches!(placement, SlotAssignment::Review(_)),
            status,
            version: 1,
        }
    }

    /// A row of the old system always has a text; in the clear it stands where it was understood. What a rule of the
    /// clinic's own made of it, a person may correct.
    fn imported(e: &ReservationImported) -> Self {
        let booking = Self::new(e.subject, &e.service, e.placement, e.status);
        Self { has_unread_wish: booking.has_unread_wish || e.wish.is_none(), ..booking }
    }

    /// The stretch of the day it takes up, where that is known and it holds a seat.
    pub fn occupied(&self) -> Option<Span> {
        if self.status.holds_seat() { self.placement.span(self.total_minutes) } else { None }
    }
}

/// A stretch of the day that is closed to new bookings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closure {
    /// From when until when.
    pub span: Span,
    /// For which service; none means all.
    pub service: Option<ServiceId>,
    /// Why, as booking clients are told.
    pub reason: Option<Box<str>>,
}

impl Closure {
    /// Whether it keeps bookings of this service out.
    pub fn concerns(&self, service: &ServiceId) -> bool {
        self.service.as_ref().is_none_or(|only| only == service)
    }
}

impl DaySchedule {
    /// An empty page.
    pub fn blank(date: NaiveDate) -> Self {
        Self { date, bookings: HashMap::new(), closures: BTreeMap::new() }
    }

    /// A page as a view holds it, for searching with the rules that also judge.
    pub fn of(
        date: NaiveDate,
        bookings: impl IntoIterator<Item = (ReservationId, Booking)>,
        closures: impl IntoIterator<Item = (ClosureId, Closure)>,
    ) -> Self {
        Self { date, bookings: bookings.into_iter().collect(), closures: closures.into_iter().collect() }
    }

    /// The booking of this id.
    pub fn booking(&self, id: &ReservationId) -> Option<&Booking> {
        self.bookings.get(id)
    }

    /// All bookings, in no order.
    pub fn bookings(&self) -> impl Iterator<Item = (&ReservationId, &Booking)> {
        self.bookings.iter()
    }

    /// The closure of this id.
    pub fn closure(&self, id: &ClosureId) -> Option<&Closure> {
        self.closures.get(id)
    }

    /// All closures that are in force.
    pub fn closures(&self) -> impl Iterator<Item = &Closure> {
        self.closures.values()
    }

    /// Number of entries, bookings and closures.
    pub fn len(&self) -> usize {
        self.bookings.len() + self.closures.len()
    }

    /// Whether nothing was ever entered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes in one event. Total: an event about a booking that is not there changes nothing.
    pub fn evolve(&mut self, event: &ScheduleEvent) {
        match event {
            ScheduleEvent::ReservationRequested(e) => {
                self.enter(&e.reservation, e.subject, &e.service, e.placement, Status::Pending);
            }
            ScheduleEvent::ReservationImported(e) => {
                self.bookings.insert(e.reservation.clone(), Booking::imported(e));
            }
            ScheduleEvent::ReservationReimported(e) => self.change(&e.reservation, |booking| {
                *booking = Booking { version: booking.version, ..Booking::imported(e) };
            }),
            ScheduleEvent::ReservationConfirmed(e) => self.turn(&e.reservation, Status::Confirmed),
            ScheduleEvent::ReservationRejected(e) => self.turn(&e.reservation, Status::Rejected),
            ScheduleEvent::ReservationCancelled(e) => self.turn(&e.reservation, Status::Cancelled),
            ScheduleEvent::ReservationCompleted(e) => self.turn(&e.reservation, Status::Completed),
            ScheduleEvent::ReservationNoShowMarked(e) => self.turn(&e.reservation, Status::NoShow),
            ScheduleEvent::ReservationNoShowCorrected(e) => self.turn(&e.reservation, Status::Confirmed),
            ScheduleEvent::ReservationRescheduled(e) => self.place(&e.reservation, e.placement),
            ScheduleEvent::ReservationTimeAssigned(e) => self.place(&e.reservation, e.placement),
            ScheduleEvent::AdminNoteWritten(e) => self.change(&e.reservation, |_| {}),
            ScheduleEvent::TimeClosed(e) => {
                let closure = Closure { span: e.span, service: e.service.clone(), reason: e.reason.clone() };
                self.closures.insert(e.closure.clone(), closure);
            }
            ScheduleEvent::TimeReopened(e) => {
                self.closures.remove(&e.closure);
            }
        }
    }

    fn enter(
        &mut self,
        id: &ReservationId,
        subject: SubjectId,
        service: &ServiceSnapshot,
        placement: SlotAssignment,
        status: Status,
    ) {
        self.bookings.insert(id.clone(), Booking::new(subject, service, placement, status));
    }

    fn turn(&mut self, id: &ReservationId, status: Status) {
        self.change(id, |booking| booking.status = status);
    }

    fn place(&mut self, id: &ReservationId, placement: SlotAssignment) {
        self.change(id, |booking| booking.placement = placement);
    }

    fn change(&mut self, id: &ReservationId, change: impl FnOnce(&mut Booking)) {
        if let Some(booking) = self.bookings.get_mut(id) {
            change(booking);
            booking.version += 1;
        }
    }
}
