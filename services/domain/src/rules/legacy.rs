//! The legacy rule set: a day takes a limited number of bookings of each service.
//!
//! Source: `service_reservation_limits.dailyLimit` of the old system. It never limits a service without an enum value,
//! because the old system does not know such a service. Bookings of such services count as what the old system would see.

use super::service_day::ServiceDay;
use crate::catalog::Service;
use crate::schedule::{Booking, Rejection};

/// Checks that the day has fewer bookings of the service than its daily limit.
pub(super) fn check(day: &ServiceDay<'_>) -> Result<(), Rejection> {
    match daily_limit(day.service) {
        Some(limit) if day.bookings.old_value_count >= limit as usize => {
            Err(Rejection::DailyCountReached { limit })
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether a booking counts for the daily limit of a service: the old system sees it as one of its enum value.
pub(super) fn counts_for(service: &Service, booking: &Booking) -> bool {
    service.legacy == Some(booking.shown_as)
}

/// The number of bookings to which these rules limit a service on each day, if they do.
pub(super) fn daily_limit(service: &Service) -> Option<u32> {
    let limit = service.limit.filter(|limit| limit.is_active && service.legacy.is_some());
    limit.map(|limit| limit.daily_limit)
}
