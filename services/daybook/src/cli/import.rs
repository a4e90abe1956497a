//! `daybook import`: looks at the reservations of the old system, and takes them over.

mod analyze;
mod report;
mod review;
mod run;
mod source;

use clap::Subcommand;

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Say what is in the old system's reservations and what an import would make of it; nothing is recorded
    #[command(after_long_help = analyze::RULES_HELP)]
    Analyze(analyze::Arguments),
    /// Import all reservations that are new or have changed since they were imported; may be run again and again
    Run(run::Arguments),
    /// Say what wishes mean that were not understood
    #[command(subcommand)]
    Review(review::Command),
}

pub(super) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Analyze(arguments) => analyze::run(settings, arguments).await,
        Command::Run(arguments) => run::run(settings, arguments).await,
        Command::Review(command) => review::run(settings, command).await,
    }
}
