//! The `daybook` program: its command line, its settings and how its parts are put together.
//!
//! It must never hold a booking rule, a projection or an HTTP route: it only wires what the other crates offer.
//!
//! Where to look: [`cli`] has one file a subcommand, [`settings`] is what a person may choose, [`wiring`] opens the parts
//! that every command works with.

pub mod cli;
pub mod exit;
pub mod failure;
mod listening;
mod logging;
mod output;
mod part;
pub mod secrets;
pub mod settings;
mod view_counts;
pub mod wiring;

/// A rebuild and the write side make and drop millions of small texts; the system's allocator took a sixth of their time.
/// It is chosen here and not in the program, so that tests and benchmarks run on the same.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
