//! The server as a client meets it: over a real socket, through the bare generated client.
//!
//! Nothing here may look into the server; what is not said over the wire does not count.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod appending;
mod batches;
mod client;
mod clusters;
mod deleting;
mod faults;
mod following;
mod process;
mod reading;
