//! `daybook events`: the log as it is stored, and its way into another one. Patients' details stay sealed; nothing here has
//! the keys to open them.

mod export;
mod import;
mod line;
mod show;
mod tail;

use clap::Subcommand;

pub(in crate::cli) use import::verify as verify_export;
pub(super) use line::{Stored, describe as describe_event};

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Print the events of one stream, such as daybook-2026-12-01, catalog-main, hours-main or routing-main
    Show(show::Arguments),
    /// Print the last events of the log, or those after a position
    Tail(tail::Arguments),
    /// Write the whole log to a file from which `import` makes the same log again, of either kind
    #[command(after_help = KEYS_ARE_APART)]
    Export(export::Arguments),
    /// Append what `export` has written to an empty log, of either kind
    #[command(after_help = KEYS_ARE_APART)]
    Import(import::Arguments),
}

/// What a history is without: who moves a log has to know it beforehand.
const KEYS_ARE_APART: &str = "\
Patients' details are sealed in the file as in the log. Their keys are not in it: they stay in the schema `privacy` of \
the database, wrapped by the master key. What was sealed can be read only where a copy of that schema and the same \
master key are; without them the details are lost, and everything else is there.";

pub(super) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Show(arguments) => show::run(settings, arguments).await,
        Command::Tail(arguments) => tail::run(settings, &arguments).await,
        Command::Export(arguments) => export::run(settings, arguments).await,
        Command::Import(arguments) => import::run(settings, arguments).await,
    }
}
