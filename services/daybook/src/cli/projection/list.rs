//! `daybook projection list`: the generations of both views, where each stands, and who keeps the live ones up.

use clap::Args;
#[cfg(feature = "migration")]
use daybook_migration::{RetirementRecord, retirements};
use daybook_projections::{GenerationState, GenerationStatus, Leader, generation, leader};
use serde::Serialize;

use crate::cli::leading::{self, moment};
use crate::exit::Exit;
use crate::output::{Align, Format, Table, counted, grouped};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    format: Format,
}

/// What is listed.
#[derive(Serialize)]
struct Listing {
    /// Who keeps the live generations up, or did last.
    leader: Option<Leader>,
    generations: Vec<GenerationStatus>,
    /// Views that were retired, the last one last.
    #[cfg(feature = "migration")]
    retirements: Vec<RetirementRecord>,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let backend = Backend::open(settings, IfMissing::Refused).await?;
    let listing = look(&backend).await;
    backend.close().await?;
    let listing = listing?;
    arguments.format.print(&listing, || describe(&listing))?;
    Ok(Exit::Done)
}

async fn look(backend: &Backend) -> anyhow::Result<Listing> {
    let client = backend.pool.get().await?;
    Ok(Listing {
        leader: leader::current(&client).await?,
        generations: generation::list(&client).await?,
        #[cfg(feature = "migration")]
        retirements: retirements(&client).await?,
    })
}

fn describe(listing: &Listing) -> String {
    let text = table(&listing.generations);
    #[cfg(feature = "migration")]
    let text = format!("{text}{}", describe_retirements(&listing.retirements));
    format!("{text}\n{}", leading::describe(listing.leader.as_ref()))
}

#[cfg(feature = "migration")]
fn describe_retirements(records: &[RetirementRecord]) -> String {
    let in_force = records.iter().filter(|record| record.restored_at.is_none());
    in_force.map(|record| format!("{}\n", describe_retirement(record))).collect()
}

#[cfg(feature = "migration")]
fn describe_retirement(record: &RetirementRecord) -> String {
    let RetirementRecord { generation, model, position, digest, actor, .. } = record;
    let when = moment(record.retired_at);
    let rest = match record.dropped_at {
        Some(_) => format!("`daybook projection restore {model}` brings it back"),
        None => {
            format!("its tables are not dropped yet, which `daybook projection retire {model}` completes")
        }
    };
    format!(
        "{generation} was retired at position {position} ({digest}), {when} by {actor}: {}; {rest}.",
        record.reason
    )
}

fn table(standings: &[GenerationStatus]) -> String {
    let mut table = Table::new(&[
        ("generation", Align::Left),
        ("state", Align::Left),
        ("position", Align::Right),
        ("parked", Align::Right),
        ("begun", Align::Left),
        ("promoted", Align::Left),
        ("", Align::Left),
    ]);
    for standing in standings {
        table.row([
            standing.generation.to_string(),
            standing.state.as_str().to_owned(),
            standing.position.to_string(),
            grouped(standing.parked),
            moment(standing.created_at),
            standing.promoted_at.map(moment).unwrap_or_default(),
            remark(standing),
        ]);
    }
    if table.is_empty() {
        return "No view has been built yet; `daybook serve` or `daybook projection rebuild all` does so."
            .to_owned();
    }
    table.to_string()
}

/// A name, or how far it is being built.
fn remark(standing: &GenerationStatus) -> String {
    if let Some(name) = &standing.name {
        return name.to_string();
    }
    match (standing.state, &standing.phase, standing.events) {
        (GenerationState::Building, Some(phase), Some(events)) => {
            format!("{}, {}", phase.replace('_', " "), counted(events, "event", "events"))
        }
        (..) => String::new(),
    }
}
