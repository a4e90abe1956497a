//! `daybook projection drop`: takes a generation away that nobody needs any more.

use clap::Args;
use daybook_projections::Generation;

use crate::exit::Exit;
use crate::output::{Confirmation, Format};
use crate::settings::Settings;
use crate::wiring::{IfMissing, with_backend};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Which generation, such as dynamic_3: one of the past, one that was kept, or one that failed
    generation: Generation,
    #[command(flatten)]
    consent: Confirmation,
    #[command(flatten)]
    format: Format,
}

/// What was dropped.
#[derive(serde::Serialize)]
struct Dropped {
    dropped: Generation,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let generation = arguments.generation;
    let what = format!(
        "This drops the tables of {generation}. The log is left alone: a rebuild makes the same again."
    );
    arguments.consent.to(what).await?;
    let dropped = with_backend(settings, IfMissing::Refused, async |backend| {
        Ok(backend.rebuild().drop_generation(generation).await?)
    })
    .await;
    dropped?;
    arguments.format.print(&Dropped { dropped: generation }, || format!("{generation} is gone."))?;
    Ok(Exit::Done)
}
