//! `daybook reads`: which view answers whom.

mod change;
mod show;
#[cfg(feature = "migration")]
mod trial;

use clap::Subcommand;

pub(super) use show::{Reads, describe_flags};

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Show which part of patients each view answers
    Show(show::Arguments),
    /// Set the part that the dynamic view answers; it ends a rollback
    Set(change::SetArguments),
    /// Send everybody back to the legacy view, within a second
    Rollback(change::RollbackArguments),
    #[cfg(feature = "migration")]
    /// Compare what both views say of a sample of reservations, now
    Compare(trial::CompareArguments),
    #[cfg(feature = "migration")]
    /// Compare a view with itself, by the machinery that compares reads: it must find nothing
    Selftest(trial::SelftestArguments),
}

pub(super) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Show(arguments) => show::run(settings, arguments).await,
        Command::Set(arguments) => change::set(settings, arguments).await,
        Command::Rollback(arguments) => change::roll_back(settings, arguments).await,
        #[cfg(feature = "migration")]
        Command::Compare(arguments) => trial::compare(settings, arguments).await,
        #[cfg(feature = "migration")]
        Command::Selftest(arguments) => trial::self_test(settings, arguments).await,
    }
}
