//! `daybook migrate`: the staged migration from the legacy to the dynamic view, and the way back from each stage.
//!
//! It must never decide which stage may be entered: the write side decides, by gates that the read side measures.

mod advance;
mod check;
mod checklist;
mod criteria;
mod gates;
mod plan;
mod rehearse;
mod rollback;
mod status;

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use daybook_domain::routing::Stage;
use daybook_domain::value;

use super::signals::interruptible;
use crate::error::UsageError;
use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Show the stage, unmet gates of the next one, the next step and the checklist
    Status(status::Arguments),
    /// Show the steps to a stage, their gates, how many patients change view, known differences, and the way back
    Plan(plan::Arguments),
    /// Enter the next stage if its gates are met; exit code 1 if they are not
    Advance(advance::Arguments),
    /// Go back to an earlier stage at once; no gate can prevent it
    Rollback(rollback::Arguments),
    /// Rehearse all stages and the way back from each on a copy of the log; exit code 1 if anything is lost, fails or differs
    #[command(after_help = rehearse::ON_A_COPY)]
    Rehearse(rehearse::Arguments),
    /// Measure the gates before a stage or the success criteria of a phase
    Check(check::Arguments),
    /// Show and fill in the checklists and emergency contacts of the runbook
    #[command(after_help = checklist::TWO_KINDS)]
    Checklist(checklist::Arguments),
}

pub(super) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Status(arguments) => interruptible(status::run(settings, arguments)).await,
        Command::Plan(arguments) => interruptible(plan::run(settings, arguments)).await,
        Command::Advance(arguments) => interruptible(advance::run(settings, arguments)).await,
        Command::Rollback(arguments) => interruptible(rollback::run(settings, arguments)).await,
        // It handles signals itself, because it has to drop its scratch database.
        Command::Rehearse(arguments) => rehearse::run(settings, arguments).await,
        Command::Check(arguments) => interruptible(check::run(settings, arguments)).await,
        Command::Checklist(arguments) => interruptible(checklist::run(settings, arguments)).await,
    }
}

/// Parses the name of a stage and lists all names in `--help`.
fn stage() -> impl TypedValueParser<Value = Stage> {
    let known = PossibleValuesParser::new(Stage::ALL.map(Stage::as_str));
    known.try_map(|name| Stage::parse(&name).ok_or("no such stage"))
}

/// Refuses a reason that cannot be recorded.
fn check_reason(option: &str, reason: Option<&str>) -> Result<(), UsageError> {
    reason.map_or(Ok(()), |reason| UsageError::check_text(option, reason, value::ROUTING_REASON))
}
