//! `daybook projection parked`: events that a view could not apply, and the later events that depend on them.

mod discard;
mod list;
mod outcome;
mod retry;
mod show;
mod standing;

use clap::Subcommand;

pub(in crate::cli) use standing::{describe_failing, describe_parked};

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// List blocked reservations and streams in each generation, with the blocking event and its cause
    List(list::Arguments),
    /// Show a parked event as it is stored, and why it cannot be applied
    Show(show::Arguments),
    /// Apply parked events after their cause was fixed; if one fails again, nothing changes
    Retry(retry::Arguments),
    /// Leave an event out of every view for good, and apply the events that wait for it
    #[command(after_help = EFFECT)]
    Discard(discard::Arguments),
}

const EFFECT: &str = "\
The event stays in the log. Live views, rebuilds and comparisons leave it out from now on, and after two seconds decisions on \
bookings and changes too. An event can be discarded only if a view parked it or a rebuild stopped at it, and if every live view \
has reached it. A live view that has applied it is rebuilt without it. control.discarded_events records who discarded it, when and why.";

pub(in crate::cli) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List(arguments) => list::run(settings, arguments).await,
        Command::Show(arguments) => show::run(settings, arguments).await,
        Command::Retry(arguments) => retry::run(settings, arguments).await,
        Command::Discard(arguments) => discard::run(settings, arguments).await,
    }
}
