//! `daybook migrate check --performance`: the query of the runbook, its execution plan and its duration.

use chrono::Utc;
use daybook_migration::runbook::{Performance, SMALL_TABLE, performance};
use serde::Serialize;

use super::exit;
use crate::exit::Exit;
use crate::output::{Format, counted, grouped};
use crate::settings::Settings;
use crate::wiring::Backend;

#[derive(Serialize)]
struct PerformanceReport<'a> {
    is_as_expected: bool,
    #[serde(flatten)]
    performance: &'a Performance,
}

pub(super) async fn check(settings: &Settings, backend: &Backend, format: Format) -> anyhow::Result<Exit> {
    let today = settings.zone.local(Utc::now()).date();
    let performance = performance(&backend.pool.get().await?, today).await?;
    let report =
        PerformanceReport { is_as_expected: performance.is_as_expected(), performance: &performance };
    format.print(&report, || describe(&performance))?;
    Ok(exit(report.is_as_expected))
}

fn describe(performance: &Performance) -> String {
    let Performance { query, plan, rows, planning_ms, execution_ms, reservations, .. } = performance;
    let took = format!(
        "{} of {} in {execution_ms:.3} ms, planned in {planning_ms:.3} ms.",
        counted(*rows, "row", "rows"),
        grouped(*reservations)
    );
    format!("{query}\n\n{}\n\n{took} {}", plan.join("\n"), conclude(performance))
}

fn conclude(performance: &Performance) -> String {
    match performance.indexes.as_slice() {
        [] if performance.is_as_expected() => {
            format!("No index was used; below {} reservations that is expected.", grouped(SMALL_TABLE))
        }
        [] => {
            "NO INDEX WAS USED. Next: daybook projection rebuild dynamic, which creates all indexes and new statistics."
                .to_owned()
        }
        indexes => format!("Indexes used: {}.", indexes.join(", ")),
    }
}
