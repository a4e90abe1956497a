//! `daybook projection list`: the generations of both views, and where each stands.

use chrono::{DateTime, SubsecRound, Utc};
use clap::Args;
use daybook_projections::{Standing, generation};

use crate::exit::Exit;
use crate::output::{Align, Format, Table};
use crate::settings::Settings;
use crate::wiring::{Backend, Beginning};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let backend = Backend::open(settings, Beginning::Refused).await?;
    let standings = generation::list(&backend.pool.get().await?).await?;
    backend.close().await?;
    arguments.format.print(&standings, || describe(&standings))?;
    Ok(Exit::Done)
}

fn describe(standings: &[Standing]) -> String {
    let mut table = Table::new(&[
        ("generation", Align::Left),
        ("state", Align::Left),
        ("position", Align::Right),
        ("begun", Align::Left),
        ("promoted", Align::Left),
    ]);
    for standing in standings {
        table.row([
            standing.generation.to_string(),
            standing.state.as_str().to_owned(),
            standing.position.to_string(),
            moment(standing.created_at),
            standing.promoted_at.map(moment).unwrap_or_default(),
        ]);
    }
    if table.is_empty() {
        return "No view has been built yet; `daybook serve` or `daybook projection rebuild all` does so."
            .to_owned();
    }
    table.to_string()
}

fn moment(at: DateTime<Utc>) -> String {
    at.trunc_subsecs(0).format("%Y-%m-%d %H:%M:%SZ").to_string()
}
