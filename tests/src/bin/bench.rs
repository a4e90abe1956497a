//! `make bench`: prints each figure as a ratio to what this machine can do.
//!
//! It must never fail because a figure misses its aim: that is for whoever reads the table to judge.

use std::process::ExitCode;

use daybook_tests::bench::{self, Wanted};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match Wanted::read(&arguments) {
        Ok(wanted) => bench::run(&wanted, &mut std::io::stdout()).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => bench::failed(&error, &mut std::io::stderr()),
    }
}
