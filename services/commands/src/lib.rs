//! The write side: load the state, decide, append.
//!
//! A command is decided against the log, never against a view, and is acknowledged once its events are durable. The rules
//! are in the domain. This crate adds cached state, grouping, conflicts and retries, idempotency keys, the sealing of
//! patients' details, forgetting and the first start.
//!
//! Where to look: [`Commands`] has all commands, `day_schedules` decides and appends for a clinic day, `singleton_stream`
//! for catalog, hours, routing and revoked tokens, `follower` keeps those up to date in every process.

mod access_stream;
mod append;
pub mod budget;
mod clock;
mod commands;
mod day_schedules;
mod decoder;
mod error;
mod follower;
mod ids;
mod late_bookings;
mod origin;
mod requested_time;
mod singleton_stream;
mod stranger_bookings;

pub use clock::{Clock, SystemClock};
pub use commands::{
    BookingOutcome, ClosureOutcome, Commands, ForgetOutcome, NewClosure, NewReservation, Recorded,
    ReservationChange, SeedOutcome, Sender, Settings,
};
pub use decoder::Discards;
pub use error::{CommandError, Source};
pub use ids::{IdempotencyKey, InvalidIdempotencyKey};
pub use late_bookings::{LateBooking, MissedChange};
pub use origin::Origin;
pub use requested_time::{InterpretedTime, RequestedTime};
pub use singleton_stream::ChangeOutcome;
pub use stranger_bookings::{InvalidStrangerBounds, StrangerBounds};
