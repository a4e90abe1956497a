//! What a log told of its events, beside what the model has.

use std::time::Duration;

use anyhow::{Context, ensure};
use daybook_event_log::{ReadError, RecordedEvent};
use futures_util::{Stream, TryStreamExt};

use super::plain::Event;
use crate::event_log::model::positions::Positions;

/// Longest time that a read may take, or a follower for what has to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Everything that comes until the end.
pub(super) async fn collect(
    events: impl Stream<Item = Result<RecordedEvent, ReadError>>,
) -> anyhow::Result<Vec<RecordedEvent>> {
    let all = tokio::time::timeout(PATIENCE, events.try_collect::<Vec<_>>()).await;
    Ok(all.context("what has to come does not come")??)
}

/// Fails where these are not the wanted events, or not at their positions.
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
