//! `daybook projection drop`: drops a generation that does not serve.

use clap::Args;
use daybook_projections::Generation;

use crate::exit::Exit;
use crate::output::{Confirmation, Format};
use crate::settings::Settings;
use crate::wiring::{IfMissing, with_backend};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Generation in state past, kept or failed, such as dynamic_3
    generation: Generation,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    format: Format,
}

#[derive(serde::Serialize)]
struct Dropped {
    dropped: Generation,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let generation = arguments.generation;
    let what = format!(
        "This drops the tables of {generation}. The log does not change: a rebuild can create the same generation again."
    );
    arguments.confirmation.require(what).await?;
    with_backend(settings, IfMissing::Refused, async |backend| {
        Ok(backend.rebuild().drop_generation(generation).await?)
    })
    .await?;
    arguments.format.print(&Dropped { dropped: generation }, || format!("{generation} is dropped."))?;
    Ok(Exit::Done)
}
