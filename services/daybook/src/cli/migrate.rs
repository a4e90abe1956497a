//! `daybook migrate`: the way from the old system's enum to dynamic services, as the runbook goes it.

mod check;

use clap::Subcommand;

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Measure what the runbook's checks ask for; exit code 1 where something is not as expected
    Check(check::Arguments),
}

pub(super) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Check(arguments) => check::run(settings, arguments).await,
    }
}
