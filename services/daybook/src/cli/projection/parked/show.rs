//! `daybook projection parked show`: a parked event as it is stored, and its cause. Sealed details stay sealed.

use clap::Args;
use daybook_event_log::{Position, RecordedEvent};
use daybook_projections::parked::{self, ParkedEvent};

use crate::cli::events::{StoredEvent, describe_event};
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

/// What is report.
#[derive(serde::Serialize)]
struct ParkedReport<'a> {
    #[serde(flatten)]
    event: StoredEvent<'a>,
    parked: &'a ParkedEvent,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let (parked, event) =
        with_backend(settings, IfMissing::Refused, async |backend| find(backend, arguments.position).await)
            .await?;
    let report = ParkedReport { event: StoredEvent::new(&event)?, parked: &parked };
    arguments.format.print(&report, || {
        let cause = parked.cause.as_deref().unwrap_or("it waits for another event");
        format!(
            "{}\n    parked in {}: {cause}; blocked: {}\n\n\
             Next: daybook projection parked retry {}, or parked discard {}",
            describe_event(&event),
            parked.generation,
            parked.held_up,
            parked.held_up,
            arguments.position
        )
    })?;
    Ok(Exit::Done)
}

async fn find(backend: &Backend, position: Position) -> anyhow::Result<(ParkedEvent, RecordedEvent)> {
    let parked = parked::find(&backend.pool.get().await?, position).await?;
    let event = parked::read(&*backend.log, &parked).await?;
    Ok((parked, event))
}
