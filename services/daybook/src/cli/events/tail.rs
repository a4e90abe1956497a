//! `daybook events tail`: the end of the log, and with `--follow` every event appended later.

use std::collections::VecDeque;

use clap::Args;
use daybook_event_log::{EventLog, Filter, Position, RecordedEvent};
use futures_util::TryStreamExt;

use super::event_text::print_event;
use crate::exit::Exit;
use crate::output::Format;
use crate::settings::Settings;
use crate::wiring::{IfMissing, with_backend};

/// Limit of `--last`, whose events are kept in memory.
const MAX_LAST: u64 = 10_000;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Show all events after this position
    #[arg(long, value_name = "POSITION", conflicts_with = "last")]
    from: Option<Position>,
    /// Without --from: number of last events to show
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u64).range(0..=MAX_LAST))]
    last: u64,
    /// Keep showing appended events until interrupted
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: &Arguments) -> anyhow::Result<Exit> {
    with_backend(settings, IfMissing::Refused, async |backend| print_log(&*backend.log, arguments).await)
        .await?;
    Ok(Exit::Done)
}

async fn print_log(log: &dyn EventLog, arguments: &Arguments) -> anyhow::Result<()> {
    let after = match arguments.from {
        Some(position) => position,
        None => print_last(log, arguments).await?,
    };
    if arguments.from.is_none() && !arguments.follow {
        return Ok(());
    }
    let all = Filter::all();
    let mut events =
        if arguments.follow { log.follow(after, &all).await? } else { log.read_all(after, &all).await? };
    while let Some(event) = events.try_next().await? {
        print_event(&event, arguments.format)?;
    }
    Ok(())
}

/// Prints the last events and returns the head of the log. A log can only be read forwards, so this reads all of it.
async fn print_last(log: &dyn EventLog, arguments: &Arguments) -> anyhow::Result<Position> {
    let wanted = usize::try_from(arguments.last)?;
    let mut last: VecDeque<RecordedEvent> = VecDeque::with_capacity(wanted);
    let mut end = Position::START;
    let mut events = log.read_all(Position::START, &Filter::all()).await?;
    while let Some(event) = events.try_next().await? {
        end = event.position;
        if wanted > 0 {
            if last.len() == wanted {
                last.pop_front();
            }
            last.push_back(event);
        }
    }
    for event in &last {
        print_event(event, arguments.format)?;
    }
    Ok(end)
}
