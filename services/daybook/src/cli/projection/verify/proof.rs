//! Proofs as files: written completely or not at all, and checked against an exported log without a database.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

use anyhow::Context;
use daybook_event_log::portable::Verified;
use daybook_projections::{Checked, CheckedView, Proof, check_proof};
use daybook_vault::Decryptor;
use serde::Serialize;

use super::report::name_days;
use crate::atomic_file::{AtomicFile, check_free};
use crate::cli::events::verify_export;
use crate::exit::Exit;
use crate::output::{Align, Format, ProgressBar, Table, counted, grouped, say};
use crate::settings::Settings;
use crate::wiring::{IfMissing, with_backend};

pub(super) fn write(file: &Path, proof: &Proof, force: bool) -> anyhow::Result<()> {
    let mut json = serde_json::to_vec_pretty(proof)?;
    json.push(b'\n');
    let part = AtomicFile::create(file)?;
    part.out().write_all(&json).with_context(|| format!("cannot write `{}`", file.display()))?;
    // Another process may have created the file meanwhile.
    check_free(file, force)?;
    part.keep()?;
    say(format!(
        "`{}` proves it for the first {} of the log.\nTo check it: daybook projection verify --check FILE --log EXPORT",
        file.display(),
        counted(proof.events, "event", "events"),
    ));
    Ok(())
}

#[derive(Serialize)]
struct ProofReport<'a> {
    agrees: bool,
    #[serde(flatten)]
    checked: &'a Checked,
}

/// Checks a proof against an exported log.
pub(super) async fn check(
    settings: &Settings,
    proof: &Path,
    log: &Path,
    with_keys: bool,
    format: Format,
) -> anyhow::Result<Exit> {
    let json = std::fs::read(proof).with_context(|| format!("cannot read `{}`", proof.display()))?;
    let read = Proof::read(&json).with_context(|| format!("`{}`", proof.display()))?;
    let exported = verify_export(log).await.with_context(|| format!("`{}`", log.display()))?;
    let keys = if with_keys { Some(load_keys(settings).await?) } else { None };
    let checked = fold(&read, exported, keys).await?;
    format.print(&ProofReport { agrees: checked.agrees(), checked: &checked }, || describe(&checked))?;
    Ok(if checked.agrees() { Exit::Done } else { Exit::Failed })
}

async fn load_keys(settings: &Settings) -> anyhow::Result<Decryptor> {
    with_backend(settings, IfMissing::Refused, async |backend| Ok(backend.vault.load_all_keys().await?)).await
}

async fn fold(
    proof: &Proof,
    exported: Verified<BufReader<File>>,
    keys: Option<Decryptor>,
) -> anyhow::Result<Checked> {
    let progress_bar = ProgressBar::new("events");
    let on_progress = |events: u64| {
        progress_bar.update("folding the log", events, Some(events as f64 / proof.events.max(1) as f64));
    };
    Ok(check_proof(proof, exported, keys, &on_progress).await?)
}

fn describe(checked: &Checked) -> String {
    let Checked { position, events, missing_events, views } = checked;
    let events = counted(*events, "event", "events");
    let mut lines = vec![if checked.agrees() {
        format!("The exported log matches the proof for its first {events}, up to position {position}.")
    } else {
        format!(
            "The exported log DIFFERS from the proof within its first {events}, up to position {position}."
        )
    }];
    if *missing_events > 0 {
        lines.push(format!(
            "The exported log is too short: {} missing.",
            counted(*missing_events, "event is", "events are")
        ));
    }
    let mut table =
        Table::new(&[("generation", Align::Left), ("reservations", Align::Right), ("days", Align::Right)]);
    for view in views {
        table.row([view.generation.to_string(), grouped(view.reservations), grouped(view.days_compared)]);
    }
    lines.push(table.to_string().trim_end().to_owned());
    lines.extend(views.iter().flat_map(describe_days));
    if views.iter().all(|view| view.details.is_none()) {
        lines.push("Patients' details were not checked; --with-keys checks them too.".to_owned());
    }
    lines.join("\n")
}

fn describe_days(view: &CheckedView) -> Vec<String> {
    let mut lines = Vec::new();
    let generation = view.generation;
    if !view.differing_days.is_empty() {
        lines.push(format!("Days on which {generation} differs: {}.", name_days(&view.differing_days)));
    }
    let Some(details) = &view.details else { return lines };
    if !details.differing_days.is_empty() {
        let days = name_days(&details.differing_days);
        lines.push(format!("Days on which {generation} differs in patients' details: {days}."));
    }
    if !details.untold_days.is_empty() {
        let days = name_days(&details.untold_days);
        lines.push(format!(
            "Days whose details cannot be checked, because patients were forgotten later ({generation}): {days}."
        ));
    }
    lines
}
