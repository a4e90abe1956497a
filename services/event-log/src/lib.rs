//! The event log: its port, its adapters, the event codec, and the portable file.
//!
//! Nothing here decides anything or knows what an event means: rules live in the domain, and views in the
//! projections.
//!
//! [`port`] is the interface that the rest of Daybook uses, [`codec`] turns events into bytes and back,
//! [`memory`], [`postgres`] and [`eventstore`] are the adapters, and [`portable`] exports a log to a file and
//! imports it again.

mod backoff;
pub mod codec;
pub mod eventstore;
mod known_head;
pub mod memory;
mod outage;
pub mod port;
pub mod portable;
pub mod postgres;

pub use backoff::Backoff;
pub use codec::{DecodeError, Metadata, decode, encode};
pub use eventstore::EventStoreLog;
pub use memory::MemoryLog;
pub use outage::FOLLOW_PATIENCE;
pub use port::{
    AppendError, Appended, Category, Connection, EventId, EventLog, EventType, Expected, Filter, NewEvent,
    NewKey, PageRange, Position, ReadError, RecordedEvent, RecordedStream, Revision, StreamName,
};
pub use postgres::PostgresLog;
