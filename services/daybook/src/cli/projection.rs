//! `daybook projection`: the views, which are built from the log and can be rebuilt.

mod audit;
mod drop;
mod list;
pub(super) mod parked;
mod promote;
mod rebuild;
mod report;
#[cfg(feature = "migration")]
pub(super) mod restore;
#[cfg(feature = "migration")]
pub(super) mod retire;
mod run;
mod verify;

use clap::Subcommand;

pub(super) use report::show_progress as show_rebuild_progress;
#[cfg(feature = "migration")]
pub(super) use report::workflow_progress;

use super::signals::interruptible;
use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the generations of both views and their leader
    List(list::Arguments),
    /// Rebuild views from the log beside the live ones, and promote them
    Rebuild(rebuild::Arguments),
    /// Promote a kept generation again
    Promote(promote::Arguments),
    /// Drop a generation that does not serve
    Drop(drop::Arguments),
    /// List, show, retry or discard events that a view could not apply
    #[command(subcommand)]
    Parked(parked::Command),
    /// Compare two generations at one position, or check a proof; exit code 1 if they differ
    #[command(after_help = verify::PROOFS)]
    Verify(verify::Arguments),
    #[cfg(feature = "migration")]
    /// Drop the legacy view once nobody reads it; the log keeps its contents
    Retire(retire::Arguments),
    #[cfg(feature = "migration")]
    /// Rebuild the retired legacy view from the log
    Restore(restore::Arguments),
    /// Compare the number of events in the log and in the views, and repair days; exit code 1 if any are missing
    Audit(audit::Arguments),
    /// Keep the views up to date without HTTP, until a signal ends it
    #[command(after_help = ONE_LEADS)]
    Run(run::Arguments),
}

const ONE_LEADS: &str = "\
One process at a time, the leader, keeps the views up to date. Every other `serve` and `projection run` stands by and takes \
over within five seconds. Standard output gets one line whenever this process becomes leader or standby.";

pub(super) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List(arguments) => interruptible(list::run(settings, arguments)).await,
        Command::Rebuild(arguments) => interruptible(rebuild::run(settings, arguments)).await,
        Command::Promote(arguments) => interruptible(promote::run(settings, arguments)).await,
        Command::Drop(arguments) => interruptible(drop::run(settings, arguments)).await,
        Command::Parked(command) => interruptible(parked::run(settings, command)).await,
        Command::Verify(arguments) => interruptible(verify::run(settings, arguments)).await,
        #[cfg(feature = "migration")]
        Command::Retire(arguments) => interruptible(retire::run(settings, arguments)).await,
        #[cfg(feature = "migration")]
        Command::Restore(arguments) => interruptible(restore::run(settings, arguments)).await,
        Command::Audit(arguments) => interruptible(audit::run(settings, arguments)).await,
        // It handles signals itself, because they are how it ends.
        Command::Run(arguments) => run::run(settings, arguments).await,
    }
}
