//! `daybook projection`: the views as things that are built from the log, and can be built again.

mod list;
mod promote;
mod rebuild;
mod report;
mod verify;

use clap::Subcommand;

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the generations of both views
    List(list::Arguments),
    /// Build views anew from the log, beside the live ones, and let them serve
    Rebuild(rebuild::Arguments),
    /// Let a generation that was kept serve again
    Promote(promote::Arguments),
    /// Compare both views at one position; exit code 1 where they differ
    Verify(verify::Arguments),
}

pub(super) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List(arguments) => list::run(settings, arguments).await,
        Command::Rebuild(arguments) => rebuild::run(settings, arguments).await,
        Command::Promote(arguments) => promote::run(settings, arguments).await,
        Command::Verify(arguments) => verify::run(settings, arguments).await,
    }
}
