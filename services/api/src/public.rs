//! The booking clients' routes: the old system's contract, without its faults. Nobody has to sign in here, so nothing
//! here tells one person about another.

pub(crate) mod check_limiter;
mod check_reservations;
mod list_services;
mod list_time_slots;
mod mask;
mod openings;
mod post_reservation;
mod service_choice;
mod show_availability;
mod show_month;

pub(crate) use check_reservations::check_reservations;
pub(crate) use list_services::list_services;
pub(crate) use list_time_slots::list_time_slots;
pub(crate) use post_reservation::post_reservation;
pub(crate) use service_choice::find_service;
pub(crate) use show_availability::show_availability;
pub(crate) use show_month::show_month;
