//! `daybook events`: the log as it is stored. Patients' details stay sealed; nothing here has the keys to open them.

mod line;
mod show;
mod tail;

use clap::Subcommand;

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Print the events of one stream, such as daybook-2026-12-01, catalog-main, hours-main or routing-main
    Show(show::Arguments),
    /// Print the last events of the log, or those after a position
    Tail(tail::Arguments),
}

pub(super) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Show(arguments) => show::run(settings, arguments).await,
        Command::Tail(arguments) => tail::run(settings, &arguments).await,
    }
}
