//! `daybook reads`: the routing of reads between the two views.

mod change;
#[cfg(feature = "migration")]
mod comparison;
mod show;

use clap::Subcommand;

pub(super) use show::{Reads, describe_flags};

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Show which percentage of patients each view answers
    Show(show::Arguments),
    /// Set the percentage of patients that the dynamic view answers; this ends a rollback
    Set(change::SetArguments),
    /// Route everybody back to the legacy view within a second
    Rollback(change::RollbackArguments),
    #[cfg(feature = "migration")]
    /// Compare both views on a random sample of reservations
    Compare(comparison::CompareArguments),
    #[cfg(feature = "migration")]
    /// Compare a view with itself, to check the comparison: it must find no difference
    Selftest(comparison::SelftestArguments),
}

pub(super) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Show(arguments) => show::run(settings, arguments).await,
        Command::Set(arguments) => change::set(settings, arguments).await,
        Command::Rollback(arguments) => change::roll_back(settings, arguments).await,
        #[cfg(feature = "migration")]
        Command::Compare(arguments) => comparison::compare(settings, arguments).await,
        #[cfg(feature = "migration")]
        Command::Selftest(arguments) => comparison::self_test(settings, arguments).await,
    }
}
