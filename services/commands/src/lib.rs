//! The write side: load the page, decide, append.
//!
//! A command is decided against the log alone, never against a view, and is acknowledged once its events are durable.
//! The rules themselves are the domain's; here is what surrounds them: pages in memory, grouping, conflicts and
//! retries, idempotency keys, the sealing of patients' details, forgetting, and the first start.
//!
//! Where to look: [`Commands`] is all that can be asked, `pages` decides and appends for a clinic day, `singleton_stream`
//! does so for catalog, hours and routing, `follower` keeps those current in every process.

mod append;
mod clock;
mod commands;
mod error;
mod follower;
mod ids;
mod origin;
mod pages;
mod singleton_stream;
mod time_input;

pub use clock::{Clock, SystemClock};
pub use commands::{
    BookingOutcome, Commands, Forgotten, NewClosure, NewReservation, Recorded, ReservationChange, Seeded,
    Settings,
};
pub use error::{CommandError, Source};
pub use ids::{IdempotencyKey, InvalidIdempotencyKey};
pub use origin::Origin;
pub use time_input::{ReadWish, WishInput};
