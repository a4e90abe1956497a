//! The `daybook` program without the migration. Nothing else belongs here.

use std::process::ExitCode;

fn main() -> ExitCode {
    daybook::cli::run().into()
}
