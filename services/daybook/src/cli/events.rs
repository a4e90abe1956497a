//! `daybook events`: shows, exports and imports the log as it is stored. It must never open patients' details.

mod event_text;
mod export;
mod import;
mod show;
mod tail;

use clap::Subcommand;

pub(super) use event_text::{StoredEvent, describe as describe_event};
pub(in crate::cli) use import::verify as verify_export;

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Show the events of one stream, such as daybook-2026-12-01, catalog-main, hours-main or routing-main
    Show(show::Arguments),
    /// Show the last events of the log, or the events after a position
    Tail(tail::Arguments),
    /// Export the whole log to a file that `import` reads, into PostgreSQL or EventStoreDB
    #[command(after_help = KEYS_ARE_APART)]
    Export(export::Arguments),
    /// Import an exported log into an empty one, in PostgreSQL or EventStoreDB
    #[command(after_help = KEYS_ARE_APART)]
    Import(import::Arguments),
}

const KEYS_ARE_APART: &str = "\
Patients' details are sealed in the file as they are in the log. The file does not contain their keys, which stay in the \
schema `privacy` of the database, wrapped by the master key. To read the details elsewhere, copy that schema and use the same \
master key. Without them the details are lost, and everything else is readable.";

pub(super) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Show(arguments) => show::run(settings, arguments).await,
        Command::Tail(arguments) => tail::run(settings, &arguments).await,
        Command::Export(arguments) => export::run(settings, arguments).await,
        Command::Import(arguments) => import::run(settings, arguments).await,
    }
}
