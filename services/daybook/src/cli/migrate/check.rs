//! `daybook migrate check`: what has to hold before a stage, or at the end of a phase of the runbook, measured.
//!
//! It changes nothing; what is found holds no word of a patient.

use std::sync::Arc;

use chrono::Utc;
use clap::{ArgGroup, Args};
use daybook_domain::routing::{Finding, LogPlace, Stage};
use daybook_projections::{Criterion, GateSettings, Gates, RunbookPhase};
use serde::Serialize;

use crate::exit::Exit;
use crate::output::{Align, Format, Table, counted};
use crate::settings::Settings;
use crate::wiring::{Backend, Beginning};

#[derive(Args)]
#[command(group = ArgGroup::new("what").required(true))]
pub(in crate::cli) struct Arguments {
    /// A phase of the runbook: 1 additive, 2 data migration, 3 switchover, 4 cleanup
    #[arg(long, value_name = "NUMBER", group = "what", value_parser = parse_phase)]
    phase: Option<RunbookPhase>,
    /// A stage: legacy, shadow, canary-5, canary-25, canary-50, dynamic, retired
    #[arg(long, value_name = "STAGE", group = "what", value_parser = parse_stage)]
    stage: Option<Stage>,
    #[command(flatten)]
    format: Format,
}

fn parse_phase(text: &str) -> Result<RunbookPhase, String> {
    let number = text.parse().unwrap_or_default();
    RunbookPhase::numbered(number).map_err(|unknown| unknown.to_string())
}

fn parse_stage(text: &str) -> Result<Stage, String> {
    let names = Stage::ALL.map(Stage::as_str).join(", ");
    Stage::parse(text).ok_or_else(|| format!("the stages are {names}"))
}

/// What was measured, with its conclusion.
#[derive(Debug, Serialize)]
struct Checked {
    /// Whether everything holds.
    is_met: bool,
    /// Up to where the views that were measured hold the log.
    position: LogPlace,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<Stage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<RunbookPhase>,
    criteria: Vec<Criterion>,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { phase, stage, format } = arguments;
    let backend = Backend::open(settings, Beginning::Refused).await?;
    // The views come to the log's end only while somebody keeps them up, with or without a running service.
    let engine = backend.start_engine();
    let gates = Gates::new(Arc::clone(&backend.log), backend.pool.clone(), GateSettings::default());
    let measured = measure(&gates, phase, stage).await;
    engine.stop().await;
    drop(gates);
    backend.close().await?;
    let (position, criteria) = measured?;
    let is_met = criteria.iter().all(|criterion| criterion.finding == Finding::Met);
    let checked = Checked { is_met, position, stage, phase, criteria };
    format.print(&checked, || describe(&checked))?;
    Ok(if is_met { Exit::Done } else { Exit::Failed })
}

async fn measure(
    gates: &Gates,
    phase: Option<RunbookPhase>,
    stage: Option<Stage>,
) -> anyhow::Result<(LogPlace, Vec<Criterion>)> {
    let now = Utc::now();
    if let Some(phase) = phase {
        let measured = gates.measure_phase(phase, now).await?;
        return Ok((measured.position, measured.criteria));
    }
    let measured = gates.measure(stage.unwrap_or_default(), now).await?;
    Ok((measured.position, measured.gates.into_iter().map(Criterion::from).collect()))
}

fn describe(checked: &Checked) -> String {
    let mut table = Table::new(&[
        ("", Align::Left),
        (if checked.stage.is_some() { "gate" } else { "criterion" }, Align::Left),
        ("found", Align::Left),
    ]);
    for Criterion { name, finding, found, asked } in &checked.criteria {
        table.row([mark(*finding).to_owned(), (*name).to_owned(), found.to_string()]);
        if *finding != Finding::Met {
            table.row([String::new(), String::new(), format!("asked: {asked}")]);
        }
    }
    format!("{}\n{table}", conclude(checked))
}

/// In a sentence.
fn conclude(checked: &Checked) -> String {
    let all = checked.criteria.len() as u64;
    let open = checked.criteria.iter().filter(|criterion| criterion.finding != Finding::Met).count() as u64;
    let what = checked.stage.map_or_else(
        || format!("Of {} of the phase", counted(all, "criterion", "criteria")),
        |stage| format!("Of {} before {stage}", counted(all, "gate", "gates")),
    );
    let how = if open == 0 { "all are".to_owned() } else { counted(open, "is NOT", "are NOT") };
    format!("{what}, {how} met at position {}.", checked.position.commit)
}

/// Met, not met, and what there is too little of to tell.
const fn mark(finding: Finding) -> &'static str {
    match finding {
        Finding::Met => "✓",
        Finding::NotMet => "✗",
        Finding::Inconclusive => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn criterion(name: &'static str, finding: Finding) -> Criterion {
        Criterion { name, finding, found: "49 h in canary-25".into(), asked: "2 d in canary-25".into() }
    }

    #[test]
    fn what_is_not_met_is_marked_and_told_with_what_is_asked() {
        let criteria = vec![
            criterion("soak", Finding::Met),
            criterion("lag", Finding::NotMet),
            criterion("errors", Finding::Inconclusive),
        ];
        let position = LogPlace { commit: 12, prepare: 12 };
        let mut checked =
            Checked { is_met: false, position, stage: Some(Stage::Canary50), phase: None, criteria };
        let text = "\
Of 3 gates before canary-50, 2 are NOT met at position 12.
   gate    found
✓  soak    49 h in canary-25
✗  lag     49 h in canary-25
           asked: 2 d in canary-25
?  errors  49 h in canary-25
           asked: 2 d in canary-25
";
        assert_eq!(describe(&checked), text);
        checked.criteria.truncate(1);
        assert!(describe(&checked).starts_with("Of 1 gate before canary-50, all are met at position 12.\n"));
    }
}
