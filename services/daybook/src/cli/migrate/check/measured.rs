//! The gates before a stage, and the success criteria of a phase of the runbook: measured, and told in a table.

use chrono::Utc;
use daybook_domain::routing::{Finding, LogPlace, Stage};
use daybook_migration::{Criterion, RunbookPhase};
use daybook_projections::ViewError;
use serde::Serialize;

use super::exit;
use crate::exit::Exit;
use crate::output::{Align, Format, Table, counted};
use crate::settings::Settings;
use crate::wiring::Backend;

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

/// Measures the success criteria of a phase of the runbook.
pub(super) async fn check_phase(
    settings: &Settings,
    backend: &Backend,
    phase: RunbookPhase,
    format: Format,
) -> anyhow::Result<Exit> {
    let measured = kept_up(backend, backend.gates(settings).measure_phase(phase, Utc::now())).await?;
    tell(measured.position, None, Some(phase), measured.criteria, format)
}

/// Measures the gates before a stage.
pub(super) async fn check_stage(
    settings: &Settings,
    backend: &Backend,
    stage: Stage,
    format: Format,
) -> anyhow::Result<Exit> {
    let measured = kept_up(backend, backend.gates(settings).measure(stage, Utc::now())).await?;
    let criteria = measured.gates.into_iter().map(Criterion::from).collect();
    tell(measured.position, Some(stage), None, criteria, format)
}

/// The views come to the log's end only while somebody keeps them up, with or without a running service.
async fn kept_up<T>(
    backend: &Backend,
    measuring: impl Future<Output = Result<T, ViewError>>,
) -> anyhow::Result<T> {
    let engine = backend.start_engine();
    let measured = measuring.await;
    engine.stop().await;
    Ok(measured?)
}

fn tell(
    position: LogPlace,
    stage: Option<Stage>,
    phase: Option<RunbookPhase>,
    criteria: Vec<Criterion>,
    format: Format,
) -> anyhow::Result<Exit> {
    let is_met = criteria.iter().all(|criterion| criterion.finding == Finding::Met);
    let checked = Checked { is_met, position, stage, phase, criteria };
    format.print(&checked, || describe(&checked))?;
    Ok(exit(is_met))
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
