//! `daybook projection verify`: both views reduced to the same facts and compared, at one position.

use std::fmt::Write as _;

use clap::Args;
use daybook_projections::{Verdict, verify};

use crate::exit::Exit;
use crate::output::{Align, Format, Table, counted, grouped};
use crate::settings::Settings;
use crate::wiring::{Backend, Beginning};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let backend = Backend::open(settings, Beginning::Refused).await?;
    // The views meet at one position only while somebody keeps them up, with or without a running service.
    let engine = backend.start_engine();
    let compared = verify(&*backend.log, &backend.vault, &backend.pool).await;
    engine.stop().await;
    backend.close().await?;
    let verdict = compared?;
    arguments.format.print(&Shown::from(&verdict), || describe(&verdict))?;
    Ok(if verdict.agrees() { Exit::Done } else { Exit::Failed })
}

/// The verdict with its conclusion.
#[derive(serde::Serialize)]
struct Shown<'a> {
    agrees: bool,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

impl<'a> From<&'a Verdict> for Shown<'a> {
    fn from(verdict: &'a Verdict) -> Self {
        Self { agrees: verdict.agrees(), verdict }
    }
}

fn describe(verdict: &Verdict) -> String {
    let mut text = String::new();
    let mut put = |line: &str| {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{}", line.trim_end());
    };
    put(&conclusion(verdict));
    put(&digests(verdict).to_string());
    for (kind, rows) in &verdict.declared {
        put(&format!(
            "Declared, no difference: {}, {}.",
            kind.replace('_', " "),
            counted(*rows, "row", "rows")
        ));
    }
    if !verdict.kept_digests_agree {
        put("The digests that are kept with the rows do not agree with the recount: rebuild the views.");
    }
    let shown = differences(verdict);
    if !shown.is_empty() {
        put(&shown.to_string());
    }
    text
}

fn conclusion(verdict: &Verdict) -> String {
    let position = verdict.position;
    if verdict.agrees() {
        return format!("Both views say the same at position {position}.");
    }
    let differing = counted(verdict.differing, "reservation differs", "reservations differ");
    let listed =
        if verdict.differing > verdict.differences.len() as u64 { ", the first of them below" } else { "" };
    format!("The views DIFFER at position {position}: {differing}{listed}.")
}

fn digests(verdict: &Verdict) -> Table {
    let mut table =
        Table::new(&[("view", Align::Left), ("reservations", Align::Right), ("digest", Align::Left)]);
    for (generation, digest) in &verdict.digests {
        let rows = verdict.reservations.get(generation).copied().unwrap_or_default();
        table.row([generation.clone(), grouped(rows), digest.to_string()]);
    }
    table
}

fn differences(verdict: &Verdict) -> Table {
    let mut table = Table::new(&[
        ("reservation", Align::Left),
        ("field", Align::Left),
        ("legacy", Align::Left),
        ("dynamic", Align::Left),
    ]);
    for difference in &verdict.differences {
        for (field, legacy, dynamic) in &difference.fields {
            table.row([difference.reservation.clone(), (*field).to_owned(), legacy.clone(), dynamic.clone()]);
        }
    }
    table
}
