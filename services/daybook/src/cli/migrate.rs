//! `daybook migrate`: the migration from the legacy view to the dynamic one, step by step.

mod checklist;

use clap::Subcommand;

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// The runbook's checklists and emergency contacts: what is done, and what is not
    #[command(after_help = checklist::TWO_KINDS)]
    Checklist(checklist::Arguments),
}

pub(super) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Checklist(arguments) => checklist::run(settings, arguments).await,
    }
}
