//! `daybook migrate check --stage` and `--phase`: the gates before a stage, or the success criteria of a phase, measured.

use chrono::Utc;
use daybook_domain::routing::{Finding, LogPlace, Stage};
use daybook_migration::{Criterion, RunbookPhase};
use serde::Serialize;

use super::exit;
use crate::cli::migrate::criteria;
use crate::exit::Exit;
use crate::output::Format;
use crate::settings::Settings;
use crate::wiring::Backend;

#[derive(Debug, Serialize)]
struct CheckReport {
    /// Whether all criteria are met.
    is_met: bool,
    /// Position of the log at which the views were measured.
    position: LogPlace,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<Stage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<RunbookPhase>,
    criteria: Vec<Criterion>,
}

/// Measures the success criteria of a phase of the runbook.
pub(super) async fn check_phase(
    settings: &Settings,
    backend: &Backend,
    phase: RunbookPhase,
    format: Format,
) -> anyhow::Result<Exit> {
    let gates = backend.gates(settings);
    let measured = backend.with_engine(gates.measure_phase(phase, Utc::now())).await?;
    report(measured.position, None, Some(phase), measured.criteria, format)
}

/// Measures the gates before a stage.
pub(super) async fn check_stage(
    settings: &Settings,
    backend: &Backend,
    stage: Stage,
    format: Format,
) -> anyhow::Result<Exit> {
    let gates = backend.gates(settings);
    let measured = backend.with_engine(gates.measure(stage, Utc::now())).await?;
    let criteria = measured.gates.into_iter().map(Criterion::from).collect();
    report(measured.position, Some(stage), None, criteria, format)
}

fn report(
    position: LogPlace,
    stage: Option<Stage>,
    phase: Option<RunbookPhase>,
    criteria: Vec<Criterion>,
    format: Format,
) -> anyhow::Result<Exit> {
    let is_met = criteria.iter().all(|criterion| criterion.finding == Finding::Met);
    let report = CheckReport { is_met, position, stage, phase, criteria };
    format.print(&report, || describe(&report))?;
    Ok(exit(is_met))
}

fn describe(report: &CheckReport) -> String {
    let at = report.position.commit;
    let (noun, scope) = match report.stage {
        Some(stage) => (("gate", "gates"), format!(" before {stage}")),
        None => (("criterion", "criteria"), " of the phase".to_owned()),
    };
    let text = criteria::describe(&report.criteria, noun, &scope);
    let next = match report.stage {
        Some(stage) if report.is_met => format!("Next: daybook migrate advance --to {stage}"),
        Some(stage) => format!("Next: daybook migrate plan --to {stage}"),
        None => String::new(),
    };
    format!("{text}Measured at position {at} of the log.\n{next}")
}
