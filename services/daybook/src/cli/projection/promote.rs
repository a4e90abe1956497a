//! `daybook projection promote`: a generation that served before and was kept serves again, without a rebuild.

use clap::Args;
use daybook_projections::{Generation, Progress};

use super::report::{describe, tell};
use crate::exit::Exit;
use crate::output::{Confirmation, Format, ProgressBar};
use crate::settings::Settings;
use crate::wiring::{IfMissing, with_engine};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Which generation, such as legacy_3; `daybook projection list` shows which are kept
    generation: Generation,
    #[command(flatten)]
    consent: Confirmation,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let generation = arguments.generation;
    let what = format!(
        "{generation} takes in what was appended since it served, is compared with the other view, and takes the place of the \
         {} generation that serves now, which is kept.",
        generation.model
    );
    arguments.consent.to(what).await?;
    let report = with_engine(settings, IfMissing::Refused, async |backend| {
        let meter = ProgressBar::new("events");
        let progress = |progress: Progress| tell(&meter, progress);
        Ok(backend.rebuild().promote_again(generation, &progress).await?)
    })
    .await?;
    arguments.format.print(&report, || describe(&report))?;
    Ok(Exit::Done)
}
