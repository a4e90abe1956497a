//! `daybook projection parked list`: what is blocked in each generation, and by which event.

use clap::Args;
use daybook_domain::ClinicZone;
use daybook_projections::parked::{self, BlockedGroup};

use crate::exit::Exit;
use crate::output::{Align, Format, Table, grouped, timestamp};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_backend};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let listed = with_backend(settings, IfMissing::Refused, async |backend| read(backend).await).await?;
    arguments.format.print(&listed, || describe(&listed, settings.zone))?;
    Ok(Exit::Done)
}

async fn read(backend: &Backend) -> anyhow::Result<Vec<BlockedGroup>> {
    Ok(parked::list(&backend.pool.get().await?).await?)
}

fn describe(listed: &[BlockedGroup], zone: ClinicZone) -> String {
    if listed.is_empty() {
        return "Nothing is parked: every view has applied every event that it has reached.".to_owned();
    }
    let mut table = Table::new(&[
        ("generation", Align::Left),
        ("state", Align::Left),
        ("blocked", Align::Left),
        ("first event", Align::Right),
        ("stream", Align::Left),
        ("type", Align::Left),
        ("waiting", Align::Right),
        ("since", Align::Left),
        ("cause", Align::Left),
    ]);
    for group in listed {
        let first = &group.first;
        table.row([
            first.generation.to_string(),
            group.state.as_str().to_owned(),
            first.held_up.to_string(),
            first.position.to_string(),
            first.stream.to_string(),
            first.kind.to_string(),
            grouped(group.waiting),
            timestamp(zone, first.parked_at),
            first.cause.as_deref().unwrap_or("waits for another event").to_owned(),
        ]);
    }
    format!("{table}Next: daybook projection parked show POSITION")
}
