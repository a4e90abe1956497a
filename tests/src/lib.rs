//! The harness of tests and benchmarks: databases, a clinic, the program as a process, the benchmarks.
//!
//! It must never replace a part of Daybook: tests run against the real thing and fail if a dependency is missing.

// Links the allocator of the program, so that benchmarks and in-process tests use it too.
use daybook as _;

pub mod app;
pub mod bench;
pub mod clinic;
pub mod flood;
mod http_connection;
pub mod issuer;
pub mod overload;
pub mod postgres;
pub mod process;
pub mod psql;
