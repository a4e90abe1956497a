//! Events without meaning, and what the behaviours have in common: appending, collecting, waiting with a deadline.

use std::time::Duration;

use bytes::Bytes;
use chrono::{Days, NaiveDate};
use daybook_event_log::{
    AppendError, Appended, EventId, EventLog, EventType, Expected, Filter, NewEvent, Position, ReadError,
    RecordedEvent, RecordedStream, Revision, StreamName,
};
use futures_util::StreamExt;
use uuid::Uuid;

/// Longest time that anything here may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) const HAPPENED: EventType = EventType::named("SomethingHappened");

/// The page of the so-manieth day.
pub(crate) fn page(day: u64) -> StreamName {
    StreamName::page(NaiveDate::from_ymd_opt(2026, 12, 1).unwrap() + Days::new(day))
}

pub(crate) fn revision(number: u64) -> Revision {
    Revision::new(number).unwrap()
}

/// An event with a new id.
pub(crate) fn event() -> NewEvent {
    event_of_bytes(20)
}

/// An event whose payload has so many bytes.
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

/// Waits for something that has to happen.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("this takes too long")
}

/// Everything a read gives.
pub(crate) async fn collect(events: Result<RecordedStream, ReadError>) -> Vec<RecordedEvent> {
    within(events.unwrap().map(Result::unwrap).collect()).await
}

/// The next so many events of a follower.
pub(crate) async fn next(follower: &mut RecordedStream, count: usize) -> Vec<RecordedEvent> {
    within(follower.take(count).map(Result::unwrap).collect()).await
}

pub(crate) async fn read_stream(log: &dyn EventLog, stream: &StreamName) -> Vec<RecordedEvent> {
    collect(log.read_stream(stream, Revision::FIRST).await).await
}

pub(crate) async fn read_all(log: &dyn EventLog) -> Vec<RecordedEvent> {
    collect(log.read_all(Position::START, &Filter::all()).await).await
}

/// Appends events to a stream that ends where the log says.
pub(crate) async fn append(log: &dyn EventLog, stream: &StreamName, events: &[NewEvent]) -> Appended {
    let last = read_stream(log, stream).await.last().map(|event| event.revision);
    log.append(stream, Expected::after(last), events.to_vec()).await.unwrap()
}

/// Appends one event after what others append meanwhile, again and again until it stands. Gives what it was told.
pub(crate) async fn insist(log: &dyn EventLog, stream: &StreamName, event: NewEvent) -> Appended {
    let mut last = None;
    let appending = async {
        loop {
            match log.append(stream, Expected::after(last), vec![event.clone()]).await {
                Ok(appended) => return appended,
                Err(AppendError::RevisionConflict { actual, .. }) => last = actual,
                // Same id, same place: whether the last attempt stands comes out by trying again.
                Err(AppendError::Unavailable(_) | AppendError::Unknown(_)) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    within(appending).await
}

/// Positions rise, and the revisions of each stream have no gap.
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
