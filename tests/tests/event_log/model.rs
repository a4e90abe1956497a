//! Runs random operations on the protocol server and on a simple model, and checks that the answers agree.
//!
//! `port` uses the adapter. `protocol` uses the bare client, to cover the features that the adapter does not use. A
//! model must never share code with the system under test: no adapter, no store, and none of the port's own rules.

mod cases;
mod port;
mod positions;
mod protocol;
