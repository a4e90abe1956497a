//! The book of one clinic day: everything requested, moved, decided and closed on that day.
//!
//! Stream `daybook-2026-12-01`. Consistency boundary of capacity: one append to one page decides a booking. Read in
//! this order: [`event`] what happened, [`state`] what it adds up to, [`command`] what may be asked, `decide` what comes
//! of it.

pub mod command;
mod decide;
pub mod event;
pub mod rejection;
pub mod slot_assignment;
pub mod state;

pub use command::{Change, CloseTime, RequestReservation, ReviewedTime, ScheduleCommand, StatusChange};
pub use decide::{DecisionContext, MAX_DAYS_AHEAD, MAX_PAGE_ENTRIES, decide};
pub use event::ScheduleEvent;
pub use rejection::Rejection;
pub use slot_assignment::SlotAssignment;
pub use state::{Booking, Closure, DaySchedule};
