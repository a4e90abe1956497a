//! A day as one service sees it: everything that does not depend on the start, so that a list of starts computes it once.

use super::bookings::Bookings;
use super::stretch::{Closed, Stretch};
use super::{Candidate, Day, bookable, check_date, dynamic, legacy};
use crate::catalog::Service;
use crate::id::ReservationId;
use crate::schedule::{Rejection, SlotAssignment};
use crate::time::{DayClock, Instant, Minutes, Period};
use crate::vocabulary::RuleSet;

/// A day as one service sees it.
#[derive(Debug)]
pub(super) struct ServiceDay<'a> {
    pub(super) day: &'a Day<'a>,
    pub(super) service: &'a Service,
    /// Where the service can be booked, sorted.
    pub(super) stretches: Vec<Stretch<'a>>,
    /// The closures that apply to the service.
    pub(super) closed: Vec<Closed<'a>>,
    pub(super) bookings: Bookings,
}

impl<'a> ServiceDay<'a> {
    pub(super) fn new(day: &'a Day<'a>, service: &'a Service, ignoring: Option<&ReservationId>) -> Self {
        let stretches = Stretch::all(day, &service.id);
        let bookings = Bookings::new(day, service, &stretches, ignoring);
        Self { day, service, stretches, closed: Closed::all(day, &service.id), bookings }
    }

    pub(super) fn for_candidate(day: &'a Day<'a>, candidate: &Candidate<'a>) -> Self {
        Self::new(day, candidate.service, candidate.ignoring)
    }

    pub(super) const fn clock(&self) -> &DayClock {
        &self.day.clock
    }

    pub(super) fn now(&self) -> Instant {
        self.day.now.instant.into()
    }

    /// Checks a request for a new booking.
    pub(super) fn check_request(
        &self,
        placement: &SlotAssignment,
        total: Minutes,
        rules: RuleSet,
    ) -> Result<(), Rejection> {
        check_date(self.day.schedule.date, self.day.now.today())?;
        bookable::check_not_passed(self, placement, total)?;
        self.check(placement, total, rules)
    }

    /// Checks another time on the same day. The booking counts for the day's limits already, which the desk may have exceeded.
    pub(super) fn check_move(
        &self,
        placement: &SlotAssignment,
        total: Minutes,
        (rules, from): (RuleSet, Option<Period>),
    ) -> Result<(), Rejection> {
        bookable::check_open(self, placement, total)?;
        if rules == RuleSet::Dynamic {
            dynamic::check_move(self, placement, total, from)?;
        }
        bookable::check_seat(self, placement, total)
    }

    /// Checks the common rules and one rule set.
    pub(super) fn check(
        &self,
        placement: &SlotAssignment,
        total: Minutes,
        rules: RuleSet,
    ) -> Result<(), Rejection> {
        bookable::check_open(self, placement, total)?;
        match rules {
            RuleSet::Legacy => legacy::check(self),
            RuleSet::Dynamic => dynamic::check(self, placement, total),
        }?;
        bookable::check_seat(self, placement, total)
    }
}
