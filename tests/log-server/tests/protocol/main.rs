//! Tests the server from a client's view: over a real socket, through the plain generated client.
//!
//! These tests must not inspect the server's internals. They check only what the server sends.
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
