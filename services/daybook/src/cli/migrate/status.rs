//! `daybook migrate status`: where the migration stands, and what it still asks. It changes nothing.

use std::fmt::Write as _;

use chrono::Utc;
use clap::Args;
use daybook_domain::routing::Override;
use daybook_domain::routing::{Attribution, GuardrailTrip, RolloutStep, StepCause};
use daybook_migration::rollout::Status;

use super::{gates, lasting};
use crate::cli::leading::moment;
use crate::cli::reads::describe_flags;
use crate::exit::Exit;
use crate::output::{Align, Format, Table};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Show every step since the beginning, too
    #[arg(long)]
    history: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    // Gates are measured while somebody keeps the views up, with or without a running service.
    let engine = backend.start_engine();
    let status = backend.migration(settings).status(Utc::now()).await;
    engine.stop().await;
    backend.close().await?;
    let mut status = status?;
    if !arguments.history {
        status.history.clear();
    }
    arguments.format.print(&status, || describe(&status))?;
    Ok(Exit::Done)
}

fn describe(status: &Status) -> String {
    let mut text = String::new();
    let mut put = |line: &str| {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{}", line.trim_end());
    };
    put(&describe_stage(status));
    put(&describe_soak(status));
    put(&describe_flags(status.flags));
    if let Some(trip) = &status.last_trip {
        put(&describe_trip(trip));
    }
    put("");
    match &status.next {
        Some(next) => {
            put(&format!("The next stage is {}. Its gates:", next.stage));
            put(&gates::describe(next));
        }
        None => put("There is no further stage; `daybook migrate rollback` goes back from here, too.\n"),
    }
    put(&checklist(status).to_string());
    if !status.history.is_empty() {
        put(&history(&status.history).to_string());
    }
    text
}

fn describe_stage(status: &Status) -> String {
    let since = status.since.map_or_else(String::new, |since| format!(" since {}", moment(since)));
    let percent = status.dynamic_percent;
    match &status.rolled_back {
        None => format!("Stage {}{since}: the dynamic view answers {percent} % of subjects.", status.stage),
        Some(change) => format!(
            "Stage {}{since}: ROLLED BACK by {}, the legacy view answers everybody ({}).",
            status.stage,
            change.by,
            reason(change)
        ),
    }
}

fn describe_soak(status: &Status) -> String {
    let lasted = status.soak.lasted_seconds.map_or_else(|| "an unknown time".to_owned(), lasting);
    match status.soak.asked_seconds {
        Some(asked) => format!("It has lasted {lasted}; the next stage asks for {}.", lasting(asked)),
        None => format!("It has lasted {lasted}."),
    }
}

fn describe_trip(trip: &GuardrailTrip) -> String {
    let tripped = &trip.tripped;
    format!(
        "The last guardrail that tripped was that of {} on the {} view, on {}: {} (limit {}).",
        tripped.guardrail.as_str(),
        tripped.model,
        moment(trip.at),
        tripped.found,
        tripped.limit
    )
}

fn checklist(status: &Status) -> Table {
    let mut table = Table::new(&[
        ("checklist", Align::Left),
        ("done", Align::Left),
        ("by", Align::Left),
        ("evidence", Align::Left),
    ]);
    for item in &status.checklist {
        let done = item.done.as_ref();
        table.row([
            item.item.as_str().to_owned(),
            done.map_or_else(|| "no".to_owned(), |change| moment(change.at)),
            done.map_or_else(String::new, |change| change.by.to_string()),
            item.evidence.as_deref().unwrap_or_default().to_owned(),
        ]);
    }
    table
}

fn history(steps: &[RolloutStep]) -> Table {
    let mut table = Table::new(&[
        ("when", Align::Left),
        ("stage", Align::Left),
        ("dynamic", Align::Right),
        ("how", Align::Left),
        ("by", Align::Left),
        ("why", Align::Left),
    ]);
    for step in steps {
        table.row([
            moment(step.change.at),
            step.stage.to_string(),
            format!("{} %", step.dynamic_percent),
            describe_how(step),
            step.change.by.to_string(),
            reason(&step.change).to_owned(),
        ]);
    }
    table
}

fn describe_how(step: &RolloutStep) -> String {
    let how = match step.cause {
        StepCause::Advanced => "advanced",
        StepCause::WentBack => "went back",
        StepCause::ShareSet => "share set past the gates",
        StepCause::RolledBack => "rolled back",
        StepCause::Retired => "legacy view retired",
        StepCause::Restored => "legacy view restored",
    };
    let Some(Override { reason, approver }) = &step.overridden else { return how.to_owned() };
    let shut: Vec<&str> = step.shut.iter().map(|gate| gate.as_str()).collect();
    let agreed = approver.as_deref().map_or_else(String::new, |approver| format!(", {approver} agreed"));
    format!("{how} past {} ({reason}{agreed})", shut.join(", "))
}

fn reason(change: &Attribution) -> &str {
    change.reason.as_deref().unwrap_or("no reason given")
}
