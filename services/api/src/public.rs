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

pub(crate) use check_reservations::check_reservations;
pub(crate) use find_service::service_field;
pub(crate) use list_services::list_services;
pub(crate) use list_time_slots::list_time_slots;
pub(crate) use post_reservation::post_reservation;
pub(crate) use show_availability::show_availability;
pub(crate) use show_month::show_month;
