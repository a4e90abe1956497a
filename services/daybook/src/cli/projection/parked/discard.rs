//! `daybook projection parked discard`: every view leaves out an event that can never be applied.

use anyhow::Context;
use clap::Args;
use daybook_domain::value;
use daybook_event_log::Position;
use daybook_projections::DiscardReport;
use daybook_projections::parked::{Discard, RetryReport};

use super::outcome::describe;
use crate::cli::projection::report::show_progress;
use crate::error::UsageError;
use crate::exit::Exit;
use crate::output::{Confirmation, Format, ProgressBar, say};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, operator, with_engine};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Position of the event
    position: Position,
    /// Reason; it is recorded with the decision. Write no patient's name here
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let Arguments { position, reason, confirmation, format } = arguments;
    UsageError::check_text("--reason", &reason, value::ROUTING_REASON)?;
    let what = format!(
        "This leaves the event at position {position} out of every view and every decision for good, including views that \
         are built later. Events that wait for it are applied. A live view that has applied it is rebuilt without it. The event \
         stays in the log, but no view will show its contents."
    );
    confirmation.require(what).await?;
    // A view that is rebuilt waits for the live ones.
    let discarded =
        with_engine(settings, IfMissing::Refused, async |backend| discard(backend, position, reason).await)
            .await?;
    format.print(&discarded, || {
        format!("The event at position {position} is discarded.\n{}", describe(&discarded))
    })?;
    Ok(Exit::Done)
}

async fn discard(backend: &Backend, position: Position, reason: String) -> anyhow::Result<Vec<RetryReport>> {
    let discard = Discard { actor: operator(), reason };
    let progress_bar = ProgressBar::new("events");
    let progress = |progress| show_progress(&progress_bar, progress);
    let DiscardReport { mended, applied_in, rebuilt } =
        backend.rebuild().discard(position, &discard, &progress).await?;
    drop(progress_bar);
    for generation in &applied_in {
        say(format_args!(
            "{generation} had applied the event, so the {} view is rebuilt without it.",
            generation.model
        ));
    }
    rebuilt.transpose().with_context(|| {
        let names: Vec<String> = applied_in.iter().map(ToString::to_string).collect();
        format!(
            "the event is discarded, but still contained in {}; run `daybook projection rebuild`",
            names.join(" and ")
        )
    })?;
    Ok(mended)
}
