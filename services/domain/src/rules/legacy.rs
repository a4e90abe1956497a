//! The legacy rule set: a day holds so many bookings of an enum value.
//!
//! Source: `service_reservation_limits.dailyLimit` of the old system. A service without an enum value is unknown to
//! this rule set and not limited by it.

use super::{Candidate, Day};
use crate::schedule::Rejection;

/// The day holds fewer bookings of the service than it may.
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
