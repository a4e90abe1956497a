//! The administrators' routes: services, their limits, the clinic's hours, which read model answers whom, and revoked
//! tokens.
//!
//! Services, limits and hours come from the write side, not from a view: it decides, and a service that one view lacks
//! must not disappear from the page that manages it.

mod catalog;
mod change_service;
mod clinic_hours;
mod deactivate_service;
mod define_service;
mod list_revoked_tokens;
mod list_service_limits;
mod list_services;
pub(crate) mod read_model;
mod reorder_services;
mod revoke_tokens;
mod revoked_tokens;
mod set_clinic_hours;
mod set_read_model;
mod set_service_limit;
mod show_clinic_hours;
mod show_read_model;

pub(crate) use change_service::change_service;
pub(crate) use deactivate_service::deactivate_service;
pub(crate) use define_service::define_service;
pub(crate) use list_revoked_tokens::list_revoked_tokens;
pub(crate) use list_service_limits::list_service_limits;
pub(crate) use list_services::list_services;
pub(crate) use reorder_services::reorder_services;
pub(crate) use revoke_tokens::revoke_tokens;
pub(crate) use set_clinic_hours::set_clinic_hours;
pub(crate) use set_read_model::set_read_model;
pub(crate) use set_service_limit::set_service_limit;
pub(crate) use show_clinic_hours::show_clinic_hours;
pub(crate) use show_read_model::show_read_model;
