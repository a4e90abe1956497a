//! The legacy rule set: a day takes a limited number of bookings of each service.
//!
//! Source: `service_reservation_limits.dailyLimit` of the old system. It never limits a service without an enum value,
//! because the old system does not know such a service.

use super::{Candidate, Day};
use crate::schedule::Rejection;

/// Checks that the day has fewer bookings of the service than its daily limit.
pub fn check(day: &Day<'_>, candidate: &Candidate<'_>) -> Result<(), Rejection> {
    let service = candidate.service;
    match service.limit {
        Some(limit) if limit.is_active && service.legacy.is_some() => {
            let booked = day.holding(candidate).filter(|booking| booking.service == service.id).count();
            if booked < limit.daily_limit as usize {
                Ok(())
            } else {
                Err(Rejection::DailyCountReached { limit: limit.daily_limit })
            }
        }
        _ => Ok(()),
    }
}
