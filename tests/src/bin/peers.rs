//! `make peers`: compares Daybook's rebuild with those of other event-sourcing libraries.
//!
//! It must never fail because Daybook is slower than expected: the reader of the table decides what that means.

use std::process::ExitCode;

use daybook_tests::bench;
use daybook_tests::bench::peers::{self, Arguments};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match Arguments::parse(&arguments) {
        Ok(arguments) => peers::run(arguments, &mut std::io::stdout()).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => bench::report_error(&error, &mut std::io::stderr()),
    }
}
