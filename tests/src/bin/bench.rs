//! `make bench`: prints each figure as a ratio to the limit of this machine.
//!
//! It must never fail because a figure misses its target: the reader of the table decides what that means.

use std::process::ExitCode;

use daybook_tests::bench::{self, Arguments};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match Arguments::parse(&arguments) {
        Ok(arguments) => bench::run(&arguments, &mut std::io::stdout()).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => bench::report_error(&error, &mut std::io::stderr()),
    }
}
