//! `daybook migrate check --final`: the runbook's closing summary.

use daybook_migration::runbook::{Closing, Finding, closing};
use daybook_projections::Generation;
use serde::Serialize;

use super::exit;
use crate::cli::leading::moment;
use crate::exit::Exit;
use crate::output::{Align, Format, Table, counted};
use crate::wiring::Backend;

/// What was counted, and what that comes to.
#[derive(Serialize)]
struct Shown<'a> {
    is_as_expected: bool,
    findings: Vec<Finding>,
    #[serde(flatten)]
    closing: &'a Closing,
}

pub(super) async fn check(backend: &Backend, format: Format) -> anyhow::Result<Exit> {
    let closing = closing(&mut backend.pool.get().await?).await?;
    let findings = closing.findings();
    let shown = Shown { is_as_expected: closing.is_as_expected(), findings, closing: &closing };
    format.print(&shown, || describe(&shown))?;
    Ok(exit(shown.is_as_expected))
}

fn describe(shown: &Shown<'_>) -> String {
    let mut table = Table::new(&[
        ("what", Align::Left),
        ("found", Align::Left),
        ("expected", Align::Left),
        ("", Align::Left),
    ]);
    for Finding { what, found, expected, is_as_expected } in &shown.findings {
        let mark = if *is_as_expected { "" } else { "NOT AS EXPECTED" };
        table.row([what, found.as_str(), expected, mark].map(str::to_owned));
    }
    format!("{}\n\n{table}", conclusion(shown))
}

fn conclusion(shown: &Shown<'_>) -> String {
    let Closing { generation, counted_at, .. } = shown.closing;
    let unexpected = shown.findings.iter().filter(|finding| !finding.is_as_expected).count();
    let counted_at = format!("counted in {generation}, {}", moment(*counted_at));
    match unexpected {
        0 => format!("The migration is complete: all is as expected ({counted_at})."),
        some => {
            let things = counted(some as u64, "thing is", "things are");
            format!(
                "The migration is not complete: {things} not as expected ({counted_at}).{}",
                remedies(shown.closing)
            )
        }
    }
}

/// The commands that lead on from here.
fn remedies(closing: &Closing) -> String {
    let is_retired = closing.reservations_at_retirement.is_some();
    let of_past = closing.enum_schemas.iter().filter(|schema| schema.parse::<Generation>().is_ok()).count();
    let is_elsewhere = closing.enum_schemas.len() > of_past;
    let remedies = [
        (
            !is_retired,
            "`daybook migrate advance` leads on, up to the cleanup; `daybook migrate plan` shows the step.",
        ),
        (
            is_retired && !closing.has_cleanup_index,
            "`daybook projection retire legacy` once more makes the index.",
        ),
        (
            is_retired && of_past > 0,
            "`daybook projection list` shows generations of the past, which have it; `daybook projection drop` takes them away.",
        ),
        (
            is_elsewhere,
            "A type ServiceType that is in no generation is somebody else's; Daybook leaves it alone.",
        ),
        (
            closing.without_period > 0,
            "Reservations without a period wait for somebody to look at their time: `daybook import review list` shows them.",
        ),
    ];
    let due = remedies.into_iter().filter(|(is_due, _)| *is_due);
    due.fold(String::new(), |text, (_, remedy)| text + "\n" + remedy)
}
