//! The book of one clinic day: everything requested, moved, decided and closed on that day.
//!
//! Stream `daybook-2026-12-01`. Consistency boundary of capacity: one append to one page decides a booking. Read in
//! this order: [`event`] what happened, [`state`] what it adds up to, [`command`] what may be asked, `decide` what comes
//! of it.

pub mod command;
mod decide;
pub mod event;
pub mod placement;
pub mod rejection;
pub mod state;

pub use command::{BookCommand, Change, CloseTime, Meant, RequestReservation, Turn};
pub use decide::{Desk, MAX_DAYS_AHEAD, MAX_PAGE_ENTRIES, decide};
pub use event::BookEvent;
pub use placement::Placement;
pub use rejection::Rejection;
pub use state::{Book, Booking, Closure};
