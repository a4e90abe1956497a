//! `daybook events show`: the events of one stream, from the first.

use clap::Args;
use daybook_event_log::{Revision, StreamName};
use futures_util::TryStreamExt;

use super::event_text::print_event;
use crate::exit::Exit;
use crate::output::{Format, say};
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing, with_backend};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Name of the stream
    #[arg(value_parser = |text: &str| StreamName::parse(text))]
    stream: StreamName,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<Exit> {
    let shown =
        with_backend(settings, IfMissing::Refused, async |backend| show(backend, &arguments).await).await;
    if shown? == 0 {
        say(format_args!("daybook: the stream {} has no events", arguments.stream));
        return Ok(Exit::Failed);
    }
    Ok(Exit::Done)
}

/// Prints the events and returns their number.
async fn show(backend: &Backend, arguments: &Arguments) -> anyhow::Result<u64> {
    let mut events = backend.log.read_stream(&arguments.stream, Revision::FIRST).await?;
    let mut count = 0;
    while let Some(event) = events.try_next().await? {
        print_event(&event, arguments.format)?;
        count += 1;
    }
    Ok(count)
}
