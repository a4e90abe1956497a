//! The command line: one file per subcommand, and the start and end of the program.
//!
//! Data goes to standard output, everything else to standard error. It must never hold a rule or a workflow.

mod backup;
mod events;
mod forget;
#[cfg(feature = "migration")]
mod import;
mod late_bookings;
mod leader;
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

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::exit::Exit;
use crate::output::say;
use crate::settings::{Options, Settings, secrets_on_command_line};
use crate::{error, logging};

/// How long background work may take after a command has ended: an interrupted start of the private PostgreSQL has to finish
/// before the server can be stopped.
const BACKGROUND_PATIENCE: Duration = Duration::from_secs(30);

const AFTER_HELP: &str = "\
Without --database-url, Daybook runs a private PostgreSQL from the programs that are installed. If they are not found, set \
DAYBOOK_POSTGRES_BIN to their folder.

Exit codes: 0 done; 1 failed, or a check found a difference; 2 wrong usage; 130 interrupted.";

/// Ends the help of every subcommand, in place of the settings.
const SETTINGS_HINT: &str = "Settings, such as the database: daybook --help";

/// An event-sourced reservation backend for clinics: one event log, two views of it, and a staged migration between them.
#[derive(Parser)]
#[command(name = "daybook", version, after_long_help = AFTER_HELP, max_term_width = 80)]
struct Cli {
    #[command(flatten)]
    options: Options,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service: accept bookings, answer reads, keep both views up to date
    Serve,
    /// Show the service, the views and their lag, and how to connect to the database
    Status(status::Arguments),
    /// List, rebuild, compare and repair the views
    #[command(subcommand)]
    Projection(projection::Command),
    /// Show or change which view answers reads
    #[command(subcommand)]
    Reads(reads::Command),
    /// Import the reservations of the old system
    #[cfg(feature = "migration")]
    #[command(subcommand)]
    Import(import::Command),
    #[cfg(feature = "migration")]
    /// Move from the legacy to the dynamic view in stages, and back
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Show, export or import the event log; patients' details stay sealed
    #[command(subcommand)]
    Events(events::Command),
    /// Back up the event log and the keys while the service runs
    #[command(after_help = backup::KEY_IS_APART)]
    Backup(backup::Arguments),
    /// Verify a backup, or restore it into an empty database
    #[command(after_help = restore::TWO_WAYS)]
    Restore(restore::Arguments),
    /// Issue a token for the staff API, or revoke one
    Token(token::Arguments),
    /// Make a patient's details unreadable for good
    Forget(forget::Arguments),
}

/// Runs the command that the command line and the environment ask for.
pub fn run() -> Exit {
    let parsed = command().try_get_matches().and_then(|matches| {
        let exposed = secrets_on_command_line(&matches);
        Ok((Cli::from_arg_matches(&matches)?, exposed))
    });
    let (cli, exposed) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return explain(&error),
    };
    match execute(cli, &exposed) {
        Ok(exit) => exit,
        Err(error) => {
            let exit = error::exit_for(&error);
            if exit != Exit::Done {
                say(format_args!("daybook: {}", error::describe(&error)));
            }
            exit
        }
    }
}

/// The command line as clap knows it, with a pointer to the settings in the help of every subcommand.
fn command() -> clap::Command {
    Cli::command().mut_subcommands(add_settings_hint)
}

fn add_settings_hint(command: clap::Command) -> clap::Command {
    let hint = match command.get_after_help() {
        Some(own) => format!("{own}\n\n{SETTINGS_HINT}"),
        None => SETTINGS_HINT.to_owned(),
    };
    command.after_help(hint).mut_subcommands(add_settings_hint)
}

/// Prints help, the version, or what is wrong with the command line.
fn explain(error: &clap::Error) -> Exit {
    // There is no other place to report a closed output.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

fn execute(cli: Cli, exposed: &[String]) -> anyhow::Result<Exit> {
    let settings = Settings::parse(cli.options.read_secret_files()?)?;
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
    for option in exposed {
        tracing::warn!(
            "everybody on this machine can read {option} in the list of processes; use the variable or a file"
        );
    }
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
            Self::Token(arguments) => signals::interruptible(token::run(settings, arguments)).await,
            Self::Forget(arguments) => signals::interruptible(forget::run(settings, arguments)).await,
        }
    }
}

#[cfg(test)]
mod tests;
