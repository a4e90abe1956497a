//! `daybook migrate check --performance`: the runbook's query, its plan, and how long it took.

use chrono::Utc;
use daybook_migration::runbook::{Performance, SMALL_TABLE, performance};
use serde::Serialize;

use super::exit;
use crate::exit::Exit;
use crate::output::{Format, counted, grouped};
use crate::settings::Settings;
use crate::wiring::Backend;

/// How the query was run, and whether that is well.
#[derive(Serialize)]
struct Shown<'a> {
    is_as_expected: bool,
    #[serde(flatten)]
    performance: &'a Performance,
}

pub(super) async fn check(settings: &Settings, backend: &Backend, format: Format) -> anyhow::Result<Exit> {
    let today = settings.zone.local(Utc::now()).date();
    let performance = performance(&backend.pool.get().await?, today).await?;
    let shown = Shown { is_as_expected: performance.is_as_expected(), performance: &performance };
    format.print(&shown, || describe(&performance))?;
    Ok(exit(shown.is_as_expected))
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
            format!("No index was used, and none is worth it below {} reservations.", grouped(SMALL_TABLE))
        }
        [] => {
            "NO INDEX WAS USED: `daybook projection rebuild dynamic` makes all of them, and new statistics."
                .to_owned()
        }
        indexes => format!("Used: {}.", indexes.join(", ")),
    }
}
