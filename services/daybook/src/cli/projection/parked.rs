//! `daybook projection parked`: events that a view could not take in, with what waits behind them.

mod discard;
mod list;
mod mended;
mod retry;
mod show;

use clap::Subcommand;

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// List what is held up in each generation, since when, by which event and why
    List(list::Arguments),
    /// Print one parked event as it is stored, and why it cannot be taken in
    Show(show::Arguments),
    /// Take in what is held up, once its cause is mended: all of it, or nothing where an event fails again
    Retry(retry::Arguments),
    /// Leave an event out of every view for ever, and take in what waits behind it
    #[command(after_help = FOR_EVER)]
    Discard(discard::Arguments),
}

/// What a discard is.
const FOR_EVER: &str = "\
The event stays in the log, and is left out by the live views, by every rebuild and by every comparison from now on. Only an \
event that is parked in every live view that has come to it, or at which a rebuild stopped, can be discarded. Who did so, when \
and why is kept in control.discarded_events.";

pub(in crate::cli) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List(arguments) => list::run(settings, arguments).await,
        Command::Show(arguments) => show::run(settings, arguments).await,
        Command::Retry(arguments) => retry::run(settings, arguments).await,
        Command::Discard(arguments) => discard::run(settings, arguments).await,
    }
}
