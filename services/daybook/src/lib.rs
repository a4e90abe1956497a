//! The `daybook` program: its command line, its settings and how its parts are put together.
//!
//! It must never hold a booking rule, a projection or an HTTP route: it wires the other crates together.
//!
//! [`cli`] has one file per subcommand, [`settings`] reads options and environment, [`wiring`] opens the parts that commands
//! work with.

mod atomic_file;
pub mod cli;
mod descriptors;
pub mod error;
pub mod exit;
mod logging;
mod output;
mod row_counts;
pub mod secrets;
mod service_address;
pub mod settings;
pub mod wiring;

/// A rebuild and the write side make and drop millions of small texts; the system's allocator took a sixth of their time.
/// It is set in the library, so that tests and benchmarks use the same.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
