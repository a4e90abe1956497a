//! `daybook migrate`: the way from the legacy view to the dynamic one.

mod check;

use clap::Subcommand;

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Measure the gates before a stage, or the success criteria of a phase of the runbook
    Check(check::Arguments),
}

pub(super) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Check(arguments) => check::run(settings, arguments).await,
    }
}
