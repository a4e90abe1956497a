//! Keeping the live views up: engine, projector, parked events.

pub mod engine;
pub mod parked;
pub mod projector;
