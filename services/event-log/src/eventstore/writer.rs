//! Appends, with a definite result: an append that got no answer is sent again with the same ids at the same
//! place, and the server answers it as it did the first time.

use std::time::Duration;

use eventstore::{AppendToStreamOptions, EventData, ExpectedRevision, WriteResult};
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::error::{AppendFailure, EventStoreError};
use super::reader;
use super::supervisor::{OPERATION_DEADLINE, Supervisor};
use crate::backoff::Backoff;
use crate::port::{
    AppendError, Appended, Expected, MAX_APPEND_BYTES, NewEvent, Position, Revision, StreamName,
};

/// How long an append without an answer is retried before it is reported as unknown.
pub const APPEND_DEADLINE: Duration = Duration::from_secs(15);

/// How long an append waits for a node that accepts it: an election takes a few seconds.
pub const RECONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// Appends, with retries until the result is known or the time is up.
pub(super) async fn append(
    supervisor: &Supervisor,
    stream: &StreamName,
    expected: Expected,
    events: &[NewEvent],
) -> Result<Appended, AppendError> {
    let begun = Instant::now();
    let mut backoff = Backoff::new();
    let mut may_stand = false;
    loop {
        let error = match append_once(supervisor, stream, expected, events).await {
            Ok(written) => return appended(supervisor, stream, events.len(), written).await,
            Err(error) => error,
        };
        let patience = match error.append_failure() {
            AppendFailure::Conflict(actual) => {
                return Err(AppendError::RevisionConflict { expected, actual });
            }
            AppendFailure::TooLarge => {
                let bytes = events.iter().map(NewEvent::size_bytes).sum();
                return Err(AppendError::TooLarge { bytes, limit: MAX_APPEND_BYTES });
            }
            AppendFailure::Refused => return Err(AppendError::Unavailable(Box::new(error))),
            AppendFailure::NotTaken if !may_stand => RECONNECT_PATIENCE,
            AppendFailure::NotTaken => APPEND_DEADLINE,
            AppendFailure::Unknown => {
                may_stand = true;
                APPEND_DEADLINE
            }
        };
        let wait = backoff.next_wait();
        if begun.elapsed() + wait > patience {
            let error = Box::new(error);
            return Err(if may_stand {
                AppendError::Unknown(error)
            } else {
                AppendError::Unavailable(error)
            });
        }
        tokio::time::sleep(wait).await;
    }
}

async fn append_once(
    supervisor: &Supervisor,
    stream: &StreamName,
    expected: Expected,
    events: &[NewEvent],
) -> Result<WriteResult, EventStoreError> {
    let revision = match expected {
        Expected::NoStream => ExpectedRevision::NoStream,
        Expected::Exact(revision) => ExpectedRevision::Exact(revision.get()),
    };
    let options = AppendToStreamOptions::default().expected_revision(revision).deadline(OPERATION_DEADLINE);
    let events =
        events.iter().map(event_data).collect::<Result<Vec<_>, _>>().map_err(EventStoreError::Event)?;
    let name = stream.as_str().to_owned();
    let handle = supervisor.client();
    supervisor.run(&handle, async move |client| client.append_to_stream(name, &options, events).await).await
}

/// The id makes the append idempotent. The payload's bytes stay unchanged and are marked as JSON.
fn event_data(event: &NewEvent) -> Result<EventData, serde_json::Error> {
    let payload: &RawValue = serde_json::from_slice(&event.payload)?;
    let data = EventData::json(event.event_type.as_str(), &payload)?;
    Ok(data.metadata(event.metadata.clone()).id(event.id.0))
}

/// Where an append was recorded. For several events, the position that the server reports need not be that of
/// the last one, so it is looked up.
async fn appended(
    supervisor: &Supervisor,
    stream: &StreamName,
    events: usize,
    written: WriteResult,
) -> Result<Appended, AppendError> {
    let unknown = |error: EventStoreError| AppendError::Unknown(Box::new(error));
    let revision = Revision::new(written.next_expected_version)
        .map_err(|error| AppendError::Unknown(Box::new(error)))?;
    let reported = Position::new(written.position.commit, written.position.prepare).unwrap_or_default();
    if events == 1 && reported != Position::START {
        return Ok(Appended { position: reported, revision });
    }
    let found = reader::with_retries(|| reader::position_of(supervisor, stream, revision)).await;
    match found.map_err(unknown)? {
        Some(position) => Ok(Appended { position, revision }),
        None => Err(unknown(EventStoreError::Deadline(OPERATION_DEADLINE))),
    }
}
