//! `daybook token`: issues and revokes tokens for the staff API.

mod issue;
mod revoke;
mod revoked;

use clap::{Args, Subcommand};

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    issue: issue::Issue,
}

#[derive(Subcommand)]
enum Command {
    /// Revoke a token by its id, or the earlier tokens of a member of staff; in force within a second
    Revoke(revoke::Arguments),
    /// List the revocations that are in force
    Revoked(revoked::Arguments),
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    match arguments.command {
        Some(Command::Revoke(arguments)) => revoke::run(settings, arguments).await,
        Some(Command::Revoked(arguments)) => revoked::run(settings, arguments).await,
        None => issue::run(settings, arguments.issue),
    }
}
