//! What the tests and the benchmarks of the whole share: databases, a clinic, the program as a process, the benchmarks.
//!
//! It must never stand in for a part of Daybook: tests run on the real thing, and what is missing makes them fail.

pub mod app;
pub mod bench;
pub mod clinic;
pub mod postgres;
pub mod process;
pub mod psql;
