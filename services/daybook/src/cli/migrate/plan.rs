//! `daybook migrate plan`: the steps to a stage and back, before anything is done.
//!
//! It must never change anything.

use std::time::Duration;

use chrono::Utc;
use clap::Args;
use daybook_domain::routing::Stage;
use daybook_migration::rollout::{Mismatches, Plan, PlannedStep};

use super::{gates, stage};
use crate::exit::Exit;
use crate::output::{Format, counted, duration, grouped, percent, wrap};
use crate::settings::Settings;
use crate::wiring::{IfMissing, with_engine};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Target stage, later or earlier than the current one [default: the next one]
    #[arg(long, value_name = "STAGE", value_parser = stage())]
    to: Option<Stage>,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let plan = with_engine(settings, IfMissing::Refused, async |backend| {
        Ok(backend.migration(settings).plan(arguments.to, Utc::now()).await?)
    })
    .await?;
    arguments.format.print(&plan, || describe(&plan))?;
    Ok(Exit::Done)
}

fn describe(plan: &Plan) -> String {
    let heading = if plan.steps.is_empty() {
        format!("The migration is at stage {} already. There is nothing to do.", plan.at)
    } else {
        format!("From stage {} ({}) to {}:", plan.at, percent(plan.dynamic_percent), plan.to)
    };
    let mut lines = vec![heading];
    lines.extend((1..).zip(&plan.steps).map(|(number, step)| describe_step(number, step)));
    lines.push(wrap(&describe_people(plan)));
    lines.push(wrap(&describe_mismatches(plan.mismatches)));
    lines.push(wrap(&describe_declared(plan)));
    if !plan.way_back.is_empty() {
        let heading = if plan.to < plan.at { "Forward again, one stage at a time:" } else { "Way back:" };
        lines.push(heading.to_owned());
        lines.extend(plan.way_back.iter().map(|command| format!("  {command}")));
    }
    lines.join("\n")
}

fn describe_step(number: usize, step: &PlannedStep) -> String {
    let mut lines = vec![format!("{number}. {}  → {}", step.command, percent(step.dynamic_percent))];
    if let Some(soak) = step.soak_seconds {
        lines.push(format!("   Soak time of the stage before: {}.", duration(Duration::from_secs(soak))));
    }
    match &step.measured {
        Some(next) => lines.push(gates::describe(next).trim_end().to_owned()),
        None if step.gates.is_empty() => lines.push("   No gate can prevent it.".to_owned()),
        None => {
            let gates: Vec<&str> = step.gates.iter().map(|gate| gate.as_str()).collect();
            lines.push(wrap(&format!("   Gates: {}.", gates.join(", "))));
        }
    }
    lines.join("\n")
}

fn describe_people(plan: &Plan) -> String {
    format!(
        "{} of {} will change to the other view: {}.",
        counted(plan.people.moved, "patient", "patients"),
        grouped(plan.people.known),
        percent(plan.people.moved_percent)
    )
}

fn describe_mismatches(mismatches: Option<Mismatches>) -> String {
    let Some(found) = mismatches else {
        return "The legacy view is retired: there is nothing to compare with.".to_owned();
    };
    format!(
        "Known mismatches at position {}: {} on {}; in shadow reads since the stage began: {}.",
        found.position,
        counted(found.differing_reservations, "reservation", "reservations"),
        counted(found.differing_days, "day", "days"),
        counted(found.shadow_differences, "field", "fields"),
    )
}

fn describe_declared(plan: &Plan) -> String {
    let declared = &plan.declared;
    format!(
        "After a rollback the legacy view shows {} exactly, {} with only a half-day instead of a time, {} as 기타 상담 (other \
         consultation), and {} as under review.",
        counted(declared.exact, "reservation", "reservations"),
        grouped(declared.period_without_time),
        grouped(declared.service_without_enum_value),
        grouped(declared.time_under_review),
    )
}
