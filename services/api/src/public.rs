//! The public routes for booking clients: the old system's contract without its faults. They need no token, so they never
//! reveal anything about another person.

mod availability;
pub(crate) mod check_limiter;
mod check_reservations;
mod find_service;
mod list_services;
mod list_time_slots;
mod mask;
mod post_reservation;
mod show_availability;
mod show_month;

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::admission;
use crate::request::RequestContext;

pub(crate) use check_reservations::check_reservations;
pub(crate) use find_service::service_field;
pub(crate) use list_services::list_services;
pub(crate) use list_time_slots::list_time_slots;
pub(crate) use post_reservation::post_reservation;
pub(crate) use show_availability::show_availability;
pub(crate) use show_month::show_month;

/// Time until the answer to a lookup, or until a stranger's booking is refused. Both take a few milliseconds, and a different
/// time for a number that is known; this is longer than either.
const RESPONSE_TIME: Duration = Duration::from_millis(50);

/// Waits until [`RESPONSE_TIME`] is over, so that the duration does not tell whether a number is known.
async fn wait_for_response_time(started: Instant, context: &RequestContext) {
    context.view_answered();
    admission::give_up();
    sleep_until(started + RESPONSE_TIME).await;
}
