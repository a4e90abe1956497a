//! `daybook projection parked show`: one parked event as it is stored, and why it is parked. What is sealed stays sealed.

use clap::Args;
use daybook_event_log::{Position, RecordedEvent};
use daybook_projections::parked::{self, ParkedEvent};

use crate::cli::events::{Stored, describe_event};
use crate::exit::Exit;
use crate::output::Format;
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_backend};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Position of the event
    position: Position,
    #[command(flatten)]
    format: Format,
}

/// What is shown.
#[derive(serde::Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    event: Stored<'a>,
    parked: &'a ParkedEvent,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let (parked, event) =
        with_backend(settings, IfMissing::Refused, async |backend| find(backend, arguments.position).await)
            .await?;
    let shown = Shown { event: Stored::new(&event)?, parked: &parked };
    arguments.format.print(&shown, || {
        let cause = parked.cause.as_deref().unwrap_or("it waits behind another event");
        format!(
            "{}\n    parked in {}: {cause}; held up: {}",
            describe_event(&event),
            parked.generation,
            parked.held_up
        )
    })?;
    Ok(Exit::Done)
}

async fn find(backend: &Backend, position: Position) -> anyhow::Result<(ParkedEvent, RecordedEvent)> {
    let parked = parked::find(&backend.pool.get().await?, position).await?;
    let event = parked::read(&*backend.log, &parked).await?;
    Ok((parked, event))
}
