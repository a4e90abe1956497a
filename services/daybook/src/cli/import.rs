//! `daybook import`: analyses and imports the reservations of the old system.

mod analyze;
mod report;
mod resolve;
mod review;
mod run;
mod source;

use clap::Subcommand;

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Analyse the reservations of the old system and preview the import; records nothing
    #[command(after_long_help = analyze::RULES_HELP)]
    Analyze(analyze::Arguments),
    /// Import new and changed reservations; can be repeated
    Run(run::Arguments),
    /// Decide about rows that an import cannot reconcile, so that the final run can end
    #[command(subcommand)]
    Resolve(resolve::Command),
    /// Decide appointment times that could not be read
    #[command(subcommand)]
    Review(review::Command),
}

pub(super) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Analyze(arguments) => analyze::run(settings, arguments).await,
        Command::Run(arguments) => run::run(settings, arguments).await,
        Command::Resolve(command) => resolve::run(settings, command).await,
        Command::Review(command) => review::run(settings, command).await,
    }
}
