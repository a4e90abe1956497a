//! The schedule of one clinic day: every reservation and closure on that day.
//!
//! Stream `daybook-2026-12-01`. It is the consistency boundary for capacity: one append to one stream decides a booking.
//! Nothing here may depend on another day. Reading order: [`event`] (what happened), [`state`] (what it adds up to),
//! [`command`] (the requests), `decide` (their results).

pub mod command;
mod decide;
pub mod event;
mod limits;
pub mod rejection;
pub mod slot_assignment;
pub mod state;
mod stranger;
mod times;
mod values;

pub use command::{
    CloseTime, ClosedTime, RequestReservation, ReservationChange, ReviewedTime, ScheduleCommand,
};
pub use decide::{DecisionContext, decide};
pub use event::ScheduleEvent;
pub use limits::{MAX_DAY_ENTRIES, MAX_DAYS_AHEAD, MAX_STRANGER_DAY_ENTRIES};
pub use rejection::Rejection;
pub use slot_assignment::SlotAssignment;
pub use state::{Booking, Closure, DaySchedule};
pub use stranger::{BookingBound, BoundReached, ExceededBounds, RoomAgain, StrangerRequest};
