//! The legacy rule set: a day takes a limited number of bookings of each service.
//!
//! Source: `service_reservation_limits.dailyLimit` of the old system. It never limits a service without an enum value,
//! because the old system does not know such a service.

use super::service_day::ServiceDay;
use crate::schedule::Rejection;

/// Checks that the day has fewer bookings of the service than its daily limit.
pub(super) fn check(day: &ServiceDay<'_>) -> Result<(), Rejection> {
    match day.service.limit {
        Some(limit) if limit.is_active && day.service.legacy.is_some() => {
            if day.bookings.own_count < limit.daily_limit as usize {
                Ok(())
            } else {
                Err(Rejection::DailyCountReached { limit: limit.daily_limit })
            }
        }
        _ => Ok(()),
    }
}
