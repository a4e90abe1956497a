//! Collects the events that a log returns, and compares them with the model's.

use std::time::Duration;

use anyhow::{Context, ensure};
use daybook_event_log::{ReadError, RecordedEvent};
use futures_util::{Stream, TryStreamExt};

use super::plain::Event;
use crate::event_log::model::positions::Positions;

/// Maximum duration of a read, and maximum wait of a follower.
const PATIENCE: Duration = Duration::from_secs(10);

/// Collects all events until the end of the stream.
pub(super) async fn collect(
    events: impl Stream<Item = Result<RecordedEvent, ReadError>>,
) -> anyhow::Result<Vec<RecordedEvent>> {
    let all = tokio::time::timeout(PATIENCE, events.try_collect::<Vec<_>>()).await;
    Ok(all.context("what has to come does not come")??)
}

/// Compares the events and checks their positions. Fails if anything differs.
pub(super) fn compare(
    told: &[RecordedEvent],
    wanted: &[(usize, &Event)],
    positions: &mut Positions,
) -> anyhow::Result<()> {
    let events: Vec<Event> = told.iter().map(Event::from).collect();
    let is_alike = events.iter().eq(wanted.iter().map(|(_, event)| *event));
    ensure!(is_alike, "told:\n{}wanted:\n{}", lines(&events), lines(wanted.iter().map(|(_, event)| *event)));
    told.iter().zip(wanted).try_for_each(|(told, (index, _))| positions.see(*index, told.position))
}

fn lines<'a>(events: impl IntoIterator<Item = &'a Event>) -> String {
    events.into_iter().map(|event| format!("  {event:?}\n")).collect()
}
