//! `daybook migrate check --final`: whether the migration is complete.

use daybook_domain::ClinicZone;
use daybook_migration::runbook::{Closing, Finding, closing};
use daybook_projections::Generation;
use serde::Serialize;

use super::exit;
use crate::exit::Exit;
use crate::output::{Align, Format, Table, counted, timestamp, wrap};
use crate::settings::Settings;
use crate::wiring::Backend;

#[derive(Serialize)]
struct ClosingReport<'a> {
    is_as_expected: bool,
    findings: Vec<Finding>,
    #[serde(flatten)]
    closing: &'a Closing,
}

pub(super) async fn check(settings: &Settings, backend: &Backend, format: Format) -> anyhow::Result<Exit> {
    let closing = closing(&mut backend.pool.get().await?).await?;
    let findings = closing.findings();
    let report = ClosingReport { is_as_expected: closing.is_as_expected(), findings, closing: &closing };
    format.print(&report, || describe(&report, settings.zone))?;
    Ok(exit(report.is_as_expected))
}

fn describe(report: &ClosingReport<'_>, zone: ClinicZone) -> String {
    let mut table = Table::new(&[
        ("check", Align::Left),
        ("found", Align::Left),
        ("expected", Align::Left),
        ("", Align::Left),
    ]);
    let unexpected = report.findings.iter().filter(|finding| !finding.is_as_expected);
    let expected = report.findings.iter().filter(|finding| finding.is_as_expected);
    for Finding { what, found, expected, is_as_expected } in unexpected.chain(expected) {
        let mark = if *is_as_expected { "" } else { "NOT AS EXPECTED" };
        table.row([what, found.as_str(), expected, mark].map(str::to_owned));
    }
    format!("{}\n\n{table}", wrap(&conclusion(report, zone)))
}

fn conclusion(report: &ClosingReport<'_>, zone: ClinicZone) -> String {
    let Closing { generation, counted_at, .. } = report.closing;
    let unexpected = report.findings.iter().filter(|finding| !finding.is_as_expected).count();
    let counted_at = format!("counted in {generation}, {}", timestamp(zone, *counted_at));
    match unexpected {
        0 => format!("The migration is complete: everything is as expected ({counted_at})."),
        some => {
            let checks = counted(some as u64, "check is", "checks are");
            format!(
                "The migration is not complete: {checks} not as expected ({counted_at}).{}",
                remedies(report.closing)
            )
        }
    }
}

/// The next commands.
fn remedies(closing: &Closing) -> String {
    let is_retired = closing.reservations_at_retirement.is_some();
    let of_past = closing.enum_schemas.iter().filter(|schema| schema.parse::<Generation>().is_ok()).count();
    let is_elsewhere = closing.enum_schemas.len() > of_past;
    let remedies = [
        (!is_retired, "Next: daybook migrate plan, then daybook migrate advance, up to the cleanup."),
        (
            is_retired && !closing.has_cleanup_index,
            "The index is missing. Run `daybook projection retire legacy` again to create it.",
        ),
        (
            is_retired && of_past > 0,
            "Past generations still have the enum. `daybook projection list` shows them, `daybook projection drop` drops them.",
        ),
        (
            is_elsewhere,
            "A type ServiceType outside all generations does not belong to Daybook, which leaves it alone.",
        ),
        (
            closing.without_period > 0,
            "Reservations without a period need a decision on their time: `daybook import review list` shows them.",
        ),
    ];
    let due = remedies.into_iter().filter(|(is_due, _)| *is_due);
    due.fold(String::new(), |text, (_, remedy)| text + "\n" + remedy)
}
