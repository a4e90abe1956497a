//! `daybook projection list`: the generations of both views, their state and their leader.

use clap::Args;
use daybook_domain::ClinicZone;
#[cfg(feature = "migration")]
use daybook_migration::{RetirementRecord, retirements};
use daybook_projections::{GenerationState, GenerationStatus, Leader, generation, leader};
use serde::Serialize;

use crate::cli::leader::describe_leader;
use crate::exit::Exit;
#[cfg(feature = "migration")]
use crate::output::wrap;
use crate::output::{Align, Format, Table, counted, grouped, timestamp};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_backend};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Listing {
    /// The leader of the live generations, or the last one.
    leader: Option<Leader>,
    generations: Vec<GenerationStatus>,
    /// Retired views, the latest last.
    #[cfg(feature = "migration")]
    retirements: Vec<RetirementRecord>,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let listing = with_backend(settings, IfMissing::Refused, async |backend| read(backend).await).await?;
    arguments.format.print(&listing, || describe(&listing, settings.zone))?;
    Ok(Exit::Done)
}

async fn read(backend: &Backend) -> anyhow::Result<Listing> {
    let client = backend.pool.get().await?;
    Ok(Listing {
        leader: leader::current(&client).await?,
        generations: generation::list(&client).await?,
        #[cfg(feature = "migration")]
        retirements: retirements(&client).await?,
    })
}

fn describe(listing: &Listing, zone: ClinicZone) -> String {
    let text = table(&listing.generations, zone);
    #[cfg(feature = "migration")]
    let text = format!("{text}{}", describe_retirements(&listing.retirements, zone));
    format!("{text}\n{}", describe_leader(listing.leader.as_ref(), zone))
}

#[cfg(feature = "migration")]
fn describe_retirements(records: &[RetirementRecord], zone: ClinicZone) -> String {
    let in_force = records.iter().filter(|record| record.restored_at.is_none());
    in_force.map(|record| format!("{}\n", wrap(&describe_retirement(record, zone)))).collect()
}

#[cfg(feature = "migration")]
fn describe_retirement(record: &RetirementRecord, zone: ClinicZone) -> String {
    let RetirementRecord { generation, model, position, digest, actor, .. } = record;
    let when = timestamp(zone, record.retired_at);
    let rest = match record.dropped_at {
        Some(_) => format!("Way back: daybook projection restore {model}"),
        None => format!("Its tables are not dropped yet. Next: daybook projection retire {model}"),
    };
    format!(
        "{generation} was retired at position {position}, {when} by {actor}.\nReason: {}\nDigest: {digest}\n{rest}",
        record.reason
    )
}

fn table(generations: &[GenerationStatus], zone: ClinicZone) -> String {
    let mut table = Table::new(&[
        ("generation", Align::Left),
        ("state", Align::Left),
        ("position", Align::Right),
        ("parked", Align::Right),
        ("created", Align::Left),
        ("promoted", Align::Left),
        ("", Align::Left),
    ]);
    for status in generations {
        table.row([
            status.generation.to_string(),
            status.state.as_str().to_owned(),
            status.position.to_string(),
            grouped(status.parked),
            timestamp(zone, status.created_at),
            status.promoted_at.map(|at| timestamp(zone, at)).unwrap_or_default(),
            remark(status),
        ]);
    }
    if table.is_empty() {
        return "No view has been built yet. Next: daybook serve, or daybook projection rebuild all"
            .to_owned();
    }
    table.to_string()
}

/// The name of a past generation, the progress of one that is being built, or why one cannot be written.
fn remark(status: &GenerationStatus) -> String {
    if let Some(name) = &status.name {
        return name.to_string();
    }
    if let (GenerationState::Live, Some(failure)) = (status.state, &status.write_failure) {
        return format!("cannot be written: {}", failure.describe());
    }
    match (status.state, &status.phase, status.events) {
        (GenerationState::Building, Some(phase), Some(events)) => {
            format!("{}, {}", phase.replace('_', " "), counted(events, "event", "events"))
        }
        (..) => String::new(),
    }
}
