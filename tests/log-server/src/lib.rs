//! An in-memory event log that speaks EventStoreDB's gRPC protocol, is as strict as the real server, and can inject
//! faults.
//!
//! The crate serves tests and benchmarks, on the loopback address only. It must never be part of the product. It must
//! never be more lenient than the real server: a test that passes here must also pass there.
//!
//! [`Server`] is one node and [`Cluster`] is several. [`Store`] is the log itself and works without a network.
//! [`Faults`] injects faults. [`protocol`] contains the messages and a plain client for each service.

#![allow(clippy::result_large_err, reason = "tonic's traits return `Status` as it is")]

mod cluster;
mod connection;
mod faults;
mod features;
mod gossip;
mod members;
mod node;
pub mod protocol;
mod refusal;
mod server;
mod store;
mod streams;

pub use cluster::{Cluster, NoSuchMember};
pub use faults::{Ending, Fault, Faults, Lasting, Loss, Operation};
pub use server::{Options, Server};
pub use store::{
    Appended, ContentType, Expected, NewEvent, OpenError, Position, Record, Refused, Store, StreamName,
};
