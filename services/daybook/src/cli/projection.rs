//! `daybook projection`: the views as things that are built from the log, and can be built again.

mod audit;
mod drop;
mod list;
mod parked;
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

pub(super) use report::tell as tell_rebuild;
#[cfg(feature = "migration")]
pub(super) use report::workflow_progress;

use super::signals::interruptible;
use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the generations of both views, and who keeps them up
    List(list::Arguments),
    /// Build views anew from the log, beside the live ones, and let them serve
    Rebuild(rebuild::Arguments),
    /// Let a generation that was kept serve again
    Promote(promote::Arguments),
    /// Take away a generation that does not serve
    Drop(drop::Arguments),
    /// Events that a view could not take in: list, show, retry, discard
    #[command(subcommand)]
    Parked(parked::Command),
    /// Compare two generations at one position, or check a proof of them; exit code 1 where something differs
    #[command(after_help = verify::PROOFS)]
    Verify(verify::Arguments),
    #[cfg(feature = "migration")]
    /// Take the legacy view away once nobody is led to it; the log keeps all that was in it
    Retire(retire::Arguments),
    #[cfg(feature = "migration")]
    /// Bring the legacy view back from the log
    Restore(restore::Arguments),
    /// Count what the log holds against what the views have applied, and repair pages; exit code 1 where something is missing
    Audit(audit::Arguments),
    /// Keep the views up, and nothing else: without HTTP, until a signal ends it
    #[command(after_help = ONE_LEADS)]
    Run(run::Arguments),
}

/// How several processes share the work.
const ONE_LEADS: &str = "\
One process at a time keeps the views up; every `serve` and every `projection run` stands by to take over within five \
seconds. Standard output gets one line whenever this process begins to lead or to stand by.";

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
        // It takes the signals itself: they are how it ends.
        Command::Run(arguments) => run::run(settings, arguments).await,
    }
}
