//! The `daybook` program. Everything it does is in the library, so that tests can reach it; nothing else belongs here.

use std::process::ExitCode;

fn main() -> ExitCode {
    daybook::cli::run().into()
}
