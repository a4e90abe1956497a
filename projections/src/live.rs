//! Keeping the live views up to date: the engine, the projector, parked events. It must not build or promote a
//! generation.

pub mod engine;
pub mod parked;
pub mod projector;
