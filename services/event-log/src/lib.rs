//! The event log: its port, its adapters, how events are written, and the vault for patients' details.
//!
//! Nothing here decides anything: rules live in the domain, and what an event means to a view lives in the projections.
//!
//! Where to look: [`port`] is what the rest of Daybook programs against, [`codec`] turns events into bytes and back,
//! [`memory`] and [`postgres`] are the adapters, [`vault`] seals and opens patients' details.

mod backoff;
pub mod codec;
pub mod memory;
pub mod port;
pub mod postgres;
pub mod vault;

pub use codec::{DecodeError, Metadata, decode, encode};
pub use memory::MemoryLog;
pub use port::{
    AppendError, Appended, Category, EventId, EventKind, EventLog, Expected, Filter, NewEvent, Position,
    ReadError, Recorded, RecordedStream, Revision, StreamName,
};
pub use postgres::PostgresLog;
