//! `daybook import review`: what wishes mean that were not understood. It shows what patients wrote, because whoever asks for
//! it has to read that; nothing of it goes anywhere else.

mod apply;
mod decide;
mod export;
mod list;
mod outcome;
mod waiting;

use clap::Subcommand;

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// List reservations whose wish was not understood, with what the patient wrote
    List(list::Arguments),
    /// Say what a wish means, or all that are written alike
    Decide(decide::Arguments),
    /// Write all of them into a CSV file, to be filled in
    Export(export::Arguments),
    /// Take in a CSV file whose column `decision` was filled in
    Apply(apply::Arguments),
}

pub(super) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List(arguments) => list::run(settings, arguments).await,
        Command::Decide(arguments) => decide::run(settings, arguments).await,
        Command::Export(arguments) => export::run(settings, arguments).await,
        Command::Apply(arguments) => apply::run(settings, arguments).await,
    }
}
