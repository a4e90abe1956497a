//! `daybook migrate`: from the enum to dynamic services, stage by stage, and back from each.
//!
//! What may be entered is decided by the write side, by gates that the read side measures; here it is asked for and told.

mod advance;
mod check;
mod checklist;
mod gates;
mod plan;
mod rehearse;
mod rollback;
mod status;

use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use daybook_domain::routing::{RoutingRejection, Stage};

use super::signals::interruptible;
use crate::exit::Exit;
use crate::failure::UsageError;
use crate::settings::Settings;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Show the stage, what the next one still asks, the checklist, and what happened on the way
    Status(status::Arguments),
    /// Show the way to a stage: its steps and gates, how many people are moved, what is known to differ, and the way back
    Plan(plan::Arguments),
    /// Enter the next stage, if its gates let through; exit code 1 where they do not
    Advance(advance::Arguments),
    /// Go back to an earlier stage at once; nothing stands in the way of that
    Rollback(rollback::Arguments),
    /// Go through all stages, and back from each, on a copy of the log; exit code 1 where anything is lost, fails or differs
    #[command(after_help = rehearse::ON_A_COPY)]
    Rehearse(rehearse::Arguments),
    /// Measure the gates before a stage, or the success criteria of a phase of the runbook
    Check(check::Arguments),
    /// The runbook's checklists and emergency contacts: what is done, and what is not
    #[command(after_help = checklist::TWO_KINDS)]
    Checklist(checklist::Arguments),
}

pub(super) async fn run(settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Status(arguments) => interruptible(status::run(settings, arguments)).await,
        Command::Plan(arguments) => interruptible(plan::run(settings, arguments)).await,
        Command::Advance(arguments) => interruptible(advance::run(settings, arguments)).await,
        Command::Rollback(arguments) => interruptible(rollback::run(settings, arguments)).await,
        // It takes the signals itself: its scratch database is dropped then, too.
        Command::Rehearse(arguments) => rehearse::run(settings, arguments).await,
        Command::Check(arguments) => interruptible(check::run(settings, arguments)).await,
        Command::Checklist(arguments) => interruptible(checklist::run(settings, arguments)).await,
    }
}

/// Reads the name of a stage, and lists all of them in `--help`.
fn stage() -> impl TypedValueParser<Value = Stage> {
    let known = PossibleValuesParser::new(Stage::ALL.map(Stage::as_str));
    known.try_map(|name| Stage::parse(&name).ok_or("no such stage"))
}

/// Refuses a reason that says nothing.
fn check_reason(option: &str, reason: Option<&str>) -> Result<(), UsageError> {
    match reason {
        Some(reason) if reason.trim().is_empty() => {
            Err(UsageError(format!("{option}: {}", RoutingRejection::ReasonMissing)))
        }
        Some(_) | None => Ok(()),
    }
}

/// A length of time by its two largest units.
fn lasting(seconds: u64) -> String {
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let said = parts.iter().filter(|(number, _)| *number > 0).take(2);
    let said: Vec<String> = said.map(|(number, unit)| format!("{number} {unit}")).collect();
    if said.is_empty() { "0 s".to_owned() } else { said.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_told_by_its_two_largest_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (90, "1 min 30 s"),
            (86_400, "1 d"),
            (93_784, "1 d 2 h"),
            (3605, "1 h 5 s"),
        ] {
            assert_eq!(lasting(seconds), text);
        }
    }
}
