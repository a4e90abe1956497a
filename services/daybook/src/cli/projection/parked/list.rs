//! `daybook projection parked list`: what is held up in each generation, and by which event.

use clap::Args;
use daybook_projections::parked::{self, BlockedGroup};

use crate::cli::leading::moment;
use crate::exit::Exit;
use crate::output::{Align, Format, Table, grouped};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_backend};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let listed = with_backend(settings, IfMissing::Refused, async |backend| look(backend).await).await?;
    arguments.format.print(&listed, || describe(&listed))?;
    Ok(Exit::Done)
}

async fn look(backend: &Backend) -> anyhow::Result<Vec<BlockedGroup>> {
    Ok(parked::list(&backend.pool.get().await?).await?)
}

fn describe(listed: &[BlockedGroup]) -> String {
    if listed.is_empty() {
        return "Nothing is parked: every view has taken in every event that it has come to.".to_owned();
    }
    let mut table = Table::new(&[
        ("generation", Align::Left),
        ("state", Align::Left),
        ("held up", Align::Left),
        ("first event", Align::Right),
        ("stream", Align::Left),
        ("type", Align::Left),
        ("waiting", Align::Right),
        ("since", Align::Left),
        ("cause", Align::Left),
    ]);
    for holdup in listed {
        let first = &holdup.first;
        table.row([
            first.generation.to_string(),
            holdup.state.as_str().to_owned(),
            first.held_up.to_string(),
            first.position.to_string(),
            first.stream.to_string(),
            first.kind.to_string(),
            grouped(holdup.waiting),
            moment(first.parked_at),
            first.cause.as_deref().unwrap_or("waits behind another event").to_owned(),
        ]);
    }
    table.to_string()
}
