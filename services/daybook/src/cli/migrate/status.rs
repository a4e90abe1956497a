//! `daybook migrate status`: the stage of the migration, what the next one requires, and the way back.
//!
//! It must never change anything.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use clap::Args;
use daybook_domain::ClinicZone;
use daybook_domain::routing::{
    Attribution, GuardrailTrip, GuardrailTripped, Override, RolloutStep, Stage, StepCause,
};
use daybook_migration::rollout::{NextStage, Status};

use super::checklist::how_to;
use super::gates;
use crate::cli::reads::describe_flags;
use crate::exit::Exit;
use crate::output::{Align, Format, Table, duration, percent, timestamp, wrap};
use crate::settings::Settings;
use crate::wiring::{IfMissing, with_engine};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Also show every step since the beginning
    #[arg(long)]
    history: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let mut status = with_engine(settings, IfMissing::Refused, async |backend| {
        Ok(backend.migration(settings).status(Utc::now()).await?)
    })
    .await?;
    if !arguments.history {
        status.history.clear();
    }
    arguments.format.print(&status, || describe(&status, settings.zone))?;
    Ok(Exit::Done)
}

fn describe(status: &Status, zone: ClinicZone) -> String {
    let mut parts = vec![describe_stage(status, zone)];
    match &status.next {
        Some(next) => {
            parts.push(format!("Next stage: {}. {}", next.stage, gates::describe(next).trim_end()));
            parts.push(describe_next_step(status, next, zone));
        }
        None => {
            parts.push("This is the last stage.\nBack: daybook migrate rollback --reason TEXT".to_owned())
        }
    }
    parts.push(describe_checklist(status, zone));
    parts.extend(status.last_trip.as_ref().map(|trip| describe_trip(trip, zone)));
    if !status.history.is_empty() {
        parts.push(history(&status.history, zone).to_string());
    }
    parts.join("\n\n")
}

fn describe_stage(status: &Status, zone: ClinicZone) -> String {
    let since = status.since.map_or_else(String::new, |since| format!(" since {}", timestamp(zone, since)));
    let lasted = status
        .soak
        .lasted_seconds
        .map_or_else(String::new, |lasted| format!(" ({})", duration(Duration::from_secs(lasted))));
    let stage = status.stage;
    let readers = match &status.rolled_back {
        None => format!("The dynamic view answers {} of patients.", percent(status.dynamic_percent)),
        Some(change) => {
            format!("ROLLED BACK by {}: the legacy view answers everybody ({}).", change.by, reason(change))
        }
    };
    wrap(&format!("Stage {stage}{since}{lasted}. {readers}\n{}", describe_flags(status.flags)))
}

/// The earliest next step, and the way back.
fn describe_next_step(status: &Status, next: &NextStage, zone: ClinicZone) -> String {
    let stage = next.stage;
    let soak_ends = status
        .since
        .zip(status.soak.asked_seconds)
        .and_then(|(since, soak)| Some(since + TimeDelta::try_seconds(i64::try_from(soak).ok()?)?));
    let command = match next.unmet().next() {
        None => format!("Next: daybook migrate advance --to {stage}"),
        Some(_) => format!("Next: meet the gates above, then daybook migrate advance --to {stage}"),
    };
    let earliest = soak_ends.filter(|end| *end > Utc::now()).map_or_else(String::new, |end| {
        format!("\nEarliest: {}, when the soak time ends", timestamp(zone, end))
    });
    let is_first = status.stage == Stage::Legacy;
    let back = if is_first { "" } else { "\nBack: daybook migrate rollback --reason TEXT" };
    wrap(&format!("{command}{earliest}{back}"))
}

fn describe_trip(trip: &GuardrailTrip, zone: ClinicZone) -> String {
    let GuardrailTripped { guardrail, model, found, limit, .. } = &trip.tripped;
    let (guardrail, at) = (guardrail.as_str(), timestamp(zone, trip.at));
    wrap(&format!("Last guardrail trip: {guardrail} ({model} view), {at}: {found}, limit {limit}."))
}

/// Items that are not done first, with the command that records them.
fn describe_checklist(status: &Status, zone: ClinicZone) -> String {
    let (done, open): (Vec<_>, Vec<_>) = status.checklist.iter().partition(|item| item.done.is_some());
    let mut lines = vec![format!("Checklist: {} of {} items are done.", done.len(), status.checklist.len())];
    lines.extend(open.iter().map(|item| format!("[ ]  {}\n     {}", item.item.as_str(), how_to(item.item))));
    lines.extend(done.iter().filter_map(|item| {
        let Attribution { at, by, .. } = item.done.as_ref()?;
        let evidence = item.evidence.as_deref().unwrap_or_default();
        let (name, at) = (item.item.as_str(), timestamp(zone, *at));
        Some(wrap(&format!("[x]  {name}: {at} by {by}: {evidence}")))
    }));
    lines.join("\n")
}

fn history(steps: &[RolloutStep], zone: ClinicZone) -> Table {
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
            timestamp(zone, step.change.at),
            step.stage.to_string(),
            percent(step.dynamic_percent),
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
        StepCause::ShareSet => "percentage set past the gates",
        StepCause::RolledBack => "rolled back",
        StepCause::Retired => "legacy view retired",
        StepCause::Restored => "legacy view restored",
    };
    let Some(Override { reason, approver }) = &step.overridden else { return how.to_owned() };
    let unmet: Vec<&str> = step.shut.iter().map(|gate| gate.as_str()).collect();
    let agreed = approver.as_deref().map_or_else(String::new, |approver| format!(", {approver} agreed"));
    format!("{how} past {} ({reason}{agreed})", unmet.join(", "))
}

fn reason(change: &Attribution) -> &str {
    change.reason.as_deref().unwrap_or("no reason given")
}
