//! The staff's routes: who may see and change reservations, and how.
//!
//! Every handler here takes a [`token::Staff`], which is there only where a valid token was sent.

mod close_time;
mod closure;
mod find_reservation;
mod get_reservation;
mod list_closures;
mod list_reservations;
mod patch_reservation;
mod reopen_time;
mod role;
mod shape;
pub(crate) mod token;

pub(crate) use close_time::close_time;
pub(crate) use get_reservation::get_reservation;
pub(crate) use list_closures::list_closures;
pub(crate) use list_reservations::list_reservations;
pub(crate) use patch_reservation::patch_reservation;
pub(crate) use reopen_time::reopen_time;
pub(crate) use shape::instant;

pub use role::{InvalidStaffName, Role, StaffName};
pub use token::{TokenError, issue_token};
