//! `daybook migrate check`: what has to hold before a stage, at the end of a phase of the runbook, or once all is done, measured.
//!
//! It changes nothing; what is found holds no word of a patient.

mod closing;
mod measured;
mod performance;

use clap::{ArgGroup, Args};
use daybook_domain::routing::Stage;
use daybook_migration::RunbookPhase;

use super::stage;
use crate::exit::Exit;
use crate::output::Format;
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing};

#[derive(Args)]
#[command(group = ArgGroup::new("what").required(true))]
pub(in crate::cli) struct Arguments {
    /// A phase of the runbook: 1 additive, 2 data migration, 3 switchover, 4 cleanup
    #[arg(long, value_name = "NUMBER", group = "what", value_parser = parse_phase)]
    phase: Option<RunbookPhase>,
    /// A stage, whose gates are measured
    #[arg(long, value_name = "STAGE", group = "what", value_parser = stage())]
    stage: Option<Stage>,
    /// The closing summary: what is to be found once the migration is complete
    #[arg(long = "final", group = "what")]
    closing: bool,
    /// The runbook's query, run on the dynamic view, and the plan by which PostgreSQL ran it
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
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    let checked = check(settings, &backend, &arguments).await;
    backend.close().await?;
    checked
}

/// Clap sees to it that one of them is asked for.
async fn check(settings: &Settings, backend: &Backend, arguments: &Arguments) -> anyhow::Result<Exit> {
    let Arguments { phase, stage, performance, format, .. } = arguments;
    match (phase, stage, performance) {
        (Some(phase), ..) => measured::check_phase(settings, backend, *phase, *format).await,
        (_, Some(stage), _) => measured::check_stage(settings, backend, *stage, *format).await,
        (_, _, true) => performance::check(settings, backend, *format).await,
        (_, _, false) => closing::check(backend, *format).await,
    }
}

/// How a check ends.
const fn exit(is_as_expected: bool) -> Exit {
    if is_as_expected { Exit::Done } else { Exit::Failed }
}
