//! The command line: one file a subcommand, and how any of them begins and ends.
//!
//! Data goes to standard output, all else to standard error.

mod backup;
mod events;
mod forget;
#[cfg(feature = "migration")]
mod import;
mod leading;
#[cfg(feature = "migration")]
mod migrate;
mod projection;
mod reads;
mod restore;
mod serve;
mod signals;
mod status;
mod token;

use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::exit::Exit;
use crate::output::say;
use crate::settings::{Options, Settings};
use crate::{failure, logging};

/// How long what runs in the background may take to end once a command has: an interrupted start of the private
/// PostgreSQL comes to its end first, so that it can be stopped.
const BACKGROUND_PATIENCE: Duration = Duration::from_secs(30);

const AFTER_HELP: &str = "\
The private PostgreSQL is made from the programs that are installed; DAYBOOK_POSTGRES_BIN names their folder where they \
are not found.

Exit codes: 0 done, 1 failed or differs, 2 usage, 130 interrupted.";

/// An event-sourced reservation backend for clinics: one log of what was booked, two views of it, and the way from one to
/// the other.
#[derive(Parser)]
#[command(name = "daybook", version, after_long_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    options: Options,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service: take bookings, answer reads, keep both views up
    Serve,
    /// Show what serves, how far the views are, and how to look into the database
    Status(status::Arguments),
    /// List, rebuild or compare the views, or keep them up
    #[command(subcommand)]
    Projection(projection::Command),
    /// Show or change which view answers whom
    #[command(subcommand)]
    Reads(reads::Command),
    /// Take over the reservations of the old system
    #[cfg(feature = "migration")]
    #[command(subcommand)]
    Import(import::Command),
    #[cfg(feature = "migration")]
    /// Go from the enum to dynamic services stage by stage, through gates that are measured, and back from each
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Look into the event log; patients' details stay sealed
    #[command(subcommand)]
    Events(events::Command),
    /// Back up the log, the keys and what is known of the views, while bookings go on
    #[command(after_help = backup::KEY_IS_APART)]
    Backup(backup::Arguments),
    /// Prove a backup, or put it into an empty database; exit code 1 where something differs
    #[command(after_help = restore::TWO_WAYS)]
    Restore(restore::Arguments),
    /// Print a token for the staff API
    Token(token::Arguments),
    /// Make all that is known of a patient unreadable, for ever
    Forget(forget::Arguments),
}

/// Runs the program: what the command line says, with what the environment says.
pub fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    match execute(cli) {
        Ok(exit) => exit,
        Err(error) => {
            let exit = failure::exit_for(&error);
            if exit != Exit::Done {
                say(format_args!("daybook: {}", failure::describe(&error)));
            }
            exit
        }
    }
}

/// Help, the version, or what is wrong with the command line.
fn explain(error: &clap::Error) -> Exit {
    // Nobody can be told that nobody can be told.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

fn execute(cli: Cli) -> anyhow::Result<Exit> {
    let settings = Settings::parse(cli.options)?;
    let usual_filter = match cli.command {
        Command::Serve | Command::Projection(projection::Command::Run(_)) => logging::SERVICE_FILTER,
        Command::Status(_)
        | Command::Projection(_)
        | Command::Reads(_)
        | Command::Events(_)
        | Command::Backup(_)
        | Command::Restore(_)
        | Command::Token(_)
        | Command::Forget(_) => logging::COMMAND_FILTER,
        #[cfg(feature = "migration")]
        Command::Import(_) | Command::Migrate(_) => logging::COMMAND_FILTER,
    };
    logging::start(settings.log_format, settings.log_filter.as_deref().unwrap_or(usual_filter))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(cli.command.run(&settings));
    runtime.shutdown_timeout(BACKGROUND_PATIENCE);
    outcome
}

impl Command {
    async fn run(self, settings: &Settings) -> anyhow::Result<Exit> {
        match self {
            Self::Serve => serve::run(settings).await,
            Self::Status(arguments) => signals::interruptible(status::run(settings, arguments)).await,
            Self::Projection(command) => projection::run(settings, command).await,
            Self::Reads(command) => signals::interruptible(reads::run(settings, command)).await,
            #[cfg(feature = "migration")]
            Self::Import(command) => signals::interruptible(import::run(settings, command)).await,
            #[cfg(feature = "migration")]
            Self::Migrate(command) => migrate::run(settings, command).await,
            Self::Events(command) => signals::interruptible(events::run(settings, command)).await,
            Self::Backup(arguments) => signals::interruptible(backup::run(settings, arguments)).await,
            Self::Restore(arguments) => restore::run(settings, arguments).await,
            Self::Token(arguments) => token::run(settings, arguments),
            Self::Forget(arguments) => signals::interruptible(forget::run(settings, arguments)).await,
        }
    }
}

#[cfg(test)]
mod tests;
