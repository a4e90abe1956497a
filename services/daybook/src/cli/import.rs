//! `daybook import`: takes over the reservations of the old system.

mod report;
mod review;
mod run;

use clap::Subcommand;

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Import all reservations that are new or have changed since they were imported; may be run again and again
    Run(run::Arguments),
    /// Say what wishes mean that were not understood
    #[command(subcommand)]
    Review(review::Command),
}

pub(super) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Run(arguments) => run::run(settings, arguments).await,
        Command::Review(command) => review::run(settings, command).await,
    }
}
