//! `daybook migrate plan`: the way to a stage and back, before anything is done. It changes nothing.

use std::fmt::Write as _;

use chrono::Utc;
use clap::Args;
use daybook_domain::routing::Stage;
use daybook_migration::rollout::{Mismatches, Plan, PlannedStep};

use super::{gates, lasting, stage};
use crate::exit::Exit;
use crate::output::{Format, counted, grouped};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// The stage, later or earlier than the present one [default: the next one]
    #[arg(long, value_name = "STAGE", value_parser = stage())]
    to: Option<Stage>,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    // The views meet at one position only while somebody keeps them up, with or without a running service.
    let engine = backend.start_engine();
    let plan = backend.migration(settings).plan(arguments.to, Utc::now()).await;
    engine.stop().await;
    backend.close().await?;
    let plan = plan?;
    arguments.format.print(&plan, || describe(&plan))?;
    Ok(Exit::Done)
}

fn describe(plan: &Plan) -> String {
    let mut text = String::new();
    let mut put = |line: &str| {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{}", line.trim_end());
    };
    if plan.steps.is_empty() {
        put(&format!("The migration is at stage {} already; nothing is to be done.", plan.at));
    } else {
        put(&format!("From stage {} ({} %) to {}:", plan.at, plan.dynamic_percent, plan.to));
    }
    for (number, step) in (1..).zip(&plan.steps) {
        put(&describe_step(number, step));
    }
    put(&describe_people(plan));
    put(&describe_mismatches(plan.mismatches));
    put(&describe_declared(plan));
    if !plan.way_back.is_empty() {
        put(if plan.to < plan.at { "The way there again, one stage at a time:" } else { "The way back:" });
        plan.way_back.iter().for_each(|command| put(&format!("  {command}")));
    }
    text
}

fn describe_step(number: usize, step: &PlannedStep) -> String {
    let mut text = format!("{number}. {}  → {} %\n", step.command, step.dynamic_percent);
    if let Some(soak) = step.soak_seconds {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "   The stage before has to last {}.", lasting(soak));
    }
    match &step.measured {
        Some(next) => text.push_str(&gates::describe(next)),
        None if step.gates.is_empty() => text.push_str("   Nothing stands in the way of it.\n"),
        None => {
            let gates: Vec<&str> = step.gates.iter().map(|gate| gate.as_str()).collect();
            let _ = writeln!(text, "   Gates: {}.", gates.join(", "));
        }
    }
    text
}

fn describe_people(plan: &Plan) -> String {
    format!(
        "{} of {} will be answered by the other model: {:.1} %.",
        counted(plan.people.moved, "patient", "patients"),
        grouped(plan.people.known),
        plan.people.moved_percent
    )
}

fn describe_mismatches(mismatches: Option<Mismatches>) -> String {
    let Some(found) = mismatches else {
        return "The legacy view is retired: there is nothing to compare with.".to_owned();
    };
    format!(
        "Known mismatches at position {}: {} on {}, {} in sampled reads since the stage began.",
        found.position,
        counted(found.differing_reservations, "reservation", "reservations"),
        counted(found.differing_days, "day", "days"),
        counted(found.shadow_differences, "field", "fields"),
    )
}

fn describe_declared(plan: &Plan) -> String {
    let declared = &plan.declared;
    format!(
        "After a rollback the legacy view shows {} exactly, {} by their half of the day alone, {} as its other \
         consultation, {} as awaiting review.",
        counted(declared.exact, "reservation", "reservations"),
        grouped(declared.period_without_time),
        grouped(declared.service_without_enum_value),
        grouped(declared.time_under_review),
    )
}
