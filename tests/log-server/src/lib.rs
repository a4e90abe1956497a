//! An event log in memory that speaks EventStoreDB's gRPC protocol, as strict as the real server, with faults on request.
//!
//! It serves tests and benchmarks, on the loopback address only. It must never be part of the product, and it must never
//! be more lenient than the server it stands for: what passes here has to pass there.
//!
//! Where to look: [`Server`] is one node and [`Cluster`] several, [`Store`] the log itself (which works without any
//! network), [`Faults`] what can be made to go wrong, [`protocol`] the messages, with a bare client for each service.

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
