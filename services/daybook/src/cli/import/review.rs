//! `daybook import review`: decides appointment times that could not be read.
//!
//! It shows patients' texts to the person who decides. They must never appear anywhere else.

mod apply;
mod decide;
mod export;
mod list;
mod queue;
mod report;

use clap::Subcommand;

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// List reservations whose time could not be read, with the patient's text
    List(list::Arguments),
    /// Decide the time of a reservation, or of all with the same text
    Decide(decide::Arguments),
    /// Export all of them to a CSV file for decisions
    Export(export::Arguments),
    /// Apply a CSV file whose column `decision` is filled in
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
