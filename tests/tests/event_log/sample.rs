//! Sample events, and helpers for all behaviours: appending, collecting, and waiting with a deadline.

use std::time::Duration;

use bytes::Bytes;
use chrono::{Days, NaiveDate};
use daybook_event_log::{
    AppendError, Appended, EventId, EventLog, EventType, Expected, Filter, NewEvent, Position, ReadError,
    RecordedEvent, RecordedStream, Revision, StreamName,
};
use futures_util::StreamExt;
use uuid::Uuid;

/// Maximum duration of any wait.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) const HAPPENED: EventType = EventType::named("SomethingHappened");

/// Returns the page of a day.
pub(crate) fn page(day: u64) -> StreamName {
    StreamName::page(NaiveDate::from_ymd_opt(2026, 12, 1).unwrap() + Days::new(day))
}

pub(crate) fn revision(number: u64) -> Revision {
    Revision::new(number).unwrap()
}

/// Creates an event with a new ID.
pub(crate) fn event() -> NewEvent {
    event_of_bytes(20)
}

/// Creates an event with a payload of this size.
pub(crate) fn event_of_bytes(bytes: usize) -> NewEvent {
    let payload = format!("\"{}\"", "x".repeat(bytes - 2));
    NewEvent {
        id: EventId(Uuid::new_v4()),
        event_type: HAPPENED,
        payload: payload.into(),
        metadata: Bytes::from_static(br#"{"by": "a test"}"#),
    }
}

pub(crate) fn events(count: usize) -> Vec<NewEvent> {
    (0..count).map(|_| event()).collect()
}

pub(crate) fn ids(events: &[NewEvent]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

pub(crate) fn recorded_ids(events: &[RecordedEvent]) -> Vec<EventId> {
    events.iter().map(|event| event.id).collect()
}

/// Waits for a future, and panics after the deadline.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("this takes too long")
}

/// Collects all events of a read.
pub(crate) async fn collect(events: Result<RecordedStream, ReadError>) -> Vec<RecordedEvent> {
    within(events.unwrap().map(Result::unwrap).collect()).await
}

/// Returns the next `count` events of a follower.
pub(crate) async fn next(follower: &mut RecordedStream, count: usize) -> Vec<RecordedEvent> {
    within(follower.take(count).map(Result::unwrap).collect()).await
}

pub(crate) async fn read_stream(log: &dyn EventLog, stream: &StreamName) -> Vec<RecordedEvent> {
    collect(log.read_stream(stream, Revision::FIRST).await).await
}

pub(crate) async fn read_all(log: &dyn EventLog) -> Vec<RecordedEvent> {
    collect(log.read_all(Position::START, &Filter::all()).await).await
}

/// Appends events at the current end of a stream.
pub(crate) async fn append(log: &dyn EventLog, stream: &StreamName, events: &[NewEvent]) -> Appended {
    let last = read_stream(log, stream).await.last().map(|event| event.revision);
    log.append(stream, Expected::after(last), events.to_vec()).await.unwrap()
}

/// Appends one event at the end of a contended stream. Retries until the event is stored, and returns the final answer.
pub(crate) async fn insist(log: &dyn EventLog, stream: &StreamName, event: NewEvent) -> Appended {
    let mut last = None;
    let appending = async {
        loop {
            match log.append(stream, Expected::after(last), vec![event.clone()]).await {
                Ok(appended) => return appended,
                Err(AppendError::RevisionConflict { actual, .. }) => last = actual,
                // The ID and the place are the same, so a retry reveals whether the last attempt succeeded.
                Err(AppendError::Unavailable(_) | AppendError::Unknown(_)) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    within(appending).await
}

/// Asserts that positions increase and that the revisions of each stream have no gaps.
pub(crate) fn assert_in_order(events: &[RecordedEvent]) {
    let rising = |pair: &[RecordedEvent]| pair[0].position < pair[1].position;
    assert!(events.windows(2).all(rising), "positions do not rise");
    let mut ends = std::collections::HashMap::new();
    for event in events {
        let expected = ends.get(&event.stream).map_or(Revision::FIRST, |last: &Revision| last.next());
        assert_eq!(event.revision, expected, "{}", event.stream);
        ends.insert(event.stream.clone(), event.revision);
    }
}
