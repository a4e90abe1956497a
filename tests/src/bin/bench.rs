//! `make bench`: prints each figure as a ratio to what this machine can do.
//!
//! It must never fail because a figure misses its aim: that is for whoever reads the table to judge.

use std::process::ExitCode;

use daybook_tests::bench::{self, Figure};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match Figure::chosen(&arguments) {
        Ok(figures) => bench::run(&figures, &mut std::io::stdout()).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => bench::failed(&error, &mut std::io::stderr()),
    }
}
