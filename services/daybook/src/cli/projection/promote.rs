//! `daybook projection promote`: a kept generation serves again, without a rebuild.

use clap::Args;
use daybook_projections::{Generation, Progress};

use super::report::{describe, show_progress};
use crate::exit::Exit;
use crate::output::{Confirmation, Format, ProgressBar};
use crate::settings::Settings;
use crate::wiring::{IfMissing, with_engine};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Kept generation, such as legacy_3; `daybook projection list` shows them
    generation: Generation,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let generation = arguments.generation;
    let what = format!(
        "This brings {generation} up to date, compares it with the other view and promotes it. The {} generation that is live now \
         is kept.",
        generation.model
    );
    arguments.confirmation.require(what).await?;
    let report = with_engine(settings, IfMissing::Refused, async |backend| {
        let progress_bar = ProgressBar::new("events");
        let progress = |progress: Progress| show_progress(&progress_bar, progress);
        Ok(backend.rebuild().promote_again(generation, &progress).await?)
    })
    .await?;
    arguments.format.print(&report, || describe(&report))?;
    Ok(Exit::Done)
}
