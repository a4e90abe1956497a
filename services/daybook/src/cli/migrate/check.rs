//! `daybook migrate check`: measures the gates before a stage, the success criteria of a phase, or the completed migration.
//!
//! It must never change anything or show a patient's details.

mod closing;
mod criteria;
mod performance;

use clap::{ArgGroup, Args};
use daybook_domain::routing::Stage;
use daybook_migration::RunbookPhase;

use super::stage;
use crate::exit::Exit;
use crate::output::Format;
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_backend};

#[derive(Args)]
#[command(group = ArgGroup::new("what").required(true))]
pub(in crate::cli) struct Arguments {
    /// Success criteria of a phase: 1 additive, 2 data migration, 3 switchover, 4 cleanup
    #[arg(long, value_name = "NUMBER", group = "what", value_parser = parse_phase)]
    phase: Option<RunbookPhase>,
    /// Gates before a stage
    #[arg(long, value_name = "STAGE", group = "what", value_parser = stage())]
    stage: Option<Stage>,
    /// Whether the migration is complete
    #[arg(long = "final", group = "what")]
    closing: bool,
    /// The query of the runbook on the dynamic view, with PostgreSQL's execution plan
    #[arg(long, group = "what")]
    performance: bool,
    #[command(flatten)]
    format: Format,
}

fn parse_phase(text: &str) -> Result<RunbookPhase, String> {
    let number = text.parse().unwrap_or_default();
    RunbookPhase::numbered(number).map_err(|unknown| unknown.to_string())
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    with_backend(settings, IfMissing::Refused, async |backend| check(settings, backend, &arguments).await)
        .await
}

/// Clap guarantees that one of them is given.
async fn check(settings: &Settings, backend: &Backend, arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { phase, stage, performance, format, .. } = arguments;
    match (phase, stage, performance) {
        (Some(phase), ..) => criteria::check_phase(settings, backend, *phase, *format).await,
        (_, Some(stage), _) => criteria::check_stage(settings, backend, *stage, *format).await,
        (_, _, true) => performance::check(settings, backend, *format).await,
        (_, _, false) => closing::check(settings, backend, *format).await,
    }
}

const fn exit(is_as_expected: bool) -> Exit {
    if is_as_expected { Exit::Done } else { Exit::Failed }
}
