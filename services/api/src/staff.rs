//! The routes for staff: reservations and closures.
//!
//! Every handler takes a [`token::Staff`], which exists only for a request with a valid token.

mod authentication;
mod claims;
mod close_time;
mod closure;
mod find_reservation;
mod get_reservation;
mod key_set;
mod key_source;
mod list_closures;
mod list_cursor;
mod list_reservations;
mod patch_reservation;
mod permission;
mod public_keys;
mod reopen_time;
mod reservation_response;
mod role;
pub(crate) mod token;

pub(crate) use authentication::{bearer_token, identify};
pub(crate) use close_time::close_time;
pub(crate) use get_reservation::get_reservation;
pub(crate) use list_closures::list_closures;
pub(crate) use list_reservations::list_reservations;
pub(crate) use patch_reservation::patch_reservation;
pub(crate) use reopen_time::reopen_time;
pub(crate) use reservation_response::format_utc;

pub use claims::{TokenOrder, TokenRules, is_token};
pub use key_set::KeySet;
pub use key_source::{InvalidKeySource, KeySetError, KeySource};
pub use permission::{Permission, UnknownPermission};
pub use role::{InvalidStaffName, Role, StaffName};
pub use token::{TokenError, issue_token};
