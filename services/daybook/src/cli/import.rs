//! `daybook import`: takes over the reservations of the old system.

mod report;
mod run;

use clap::Subcommand;

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Import all reservations; those that were imported before are left as they are
    Run(run::Arguments),
}

pub(super) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Run(arguments) => run::run(settings, arguments).await,
    }
}
