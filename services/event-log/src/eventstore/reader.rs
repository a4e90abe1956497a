//! Reads: one stream, all streams, the head. Each event has a deadline, and a read ends early only with an
//! error.

use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use eventstore::{ReadAllOptions, ReadStreamOptions, StreamPosition};
use futures_util::{StreamExt, poll, stream};
use tokio::time::Instant;

use super::error::EventStoreError;
use super::record::Record;
use super::supervisor::{ClientHandle, Supervisor};
use crate::backoff::Backoff;
use crate::known_head::KnownHead;
use crate::port::{Filter, Position, ReadError, RecordedEvent, RecordedStream, Revision, StreamName};

/// How long to retry a read that cannot start: an election takes a few seconds.
pub const READ_PATIENCE: Duration = Duration::from_secs(10);

/// Retries transient errors with a backoff, for up to [`READ_PATIENCE`].
pub(super) async fn with_retries<T, F>(ask: impl Fn() -> F) -> Result<T, EventStoreError>
where
    F: Future<Output = Result<T, EventStoreError>>,
{
    let begun = Instant::now();
    let mut backoff = Backoff::new();
    loop {
        let wait = backoff.next_wait();
        match ask().await {
            Err(error) if error.is_transient() && begun.elapsed() + wait < READ_PATIENCE => {
                tokio::time::sleep(wait).await;
            }
            outcome => return outcome,
        }
    }
}

/// A read in progress.
pub(super) struct RecordReader {
    supervisor: Arc<Supervisor>,
    handle: ClientHandle,
    events: eventstore::ReadStream,
    last: Position,
}

impl RecordReader {
    /// All records after a position, up to the head at the end of the read.
    pub(super) async fn all_after(
        supervisor: &Arc<Supervisor>,
        after: Position,
    ) -> Result<Self, EventStoreError> {
        let from = match after {
            Position::START => StreamPosition::Start,
            after => StreamPosition::Position(eventstore::Position {
                commit: after.commit(),
                prepare: after.prepare(),
            }),
        };
        // The direction has to be set after the position, which would reset it.
        let options = ReadAllOptions::default().position(from).forwards();
        let handle = supervisor.client();
        let events = supervisor.run(&handle, async move |client| client.read_all(&options).await).await?;
        Ok(Self { supervisor: Arc::clone(supervisor), handle, events, last: after })
    }

    /// The next record, `None` at the end. The server repeats the record at the start position, which is
    /// skipped.
    pub(super) async fn next(&mut self) -> Result<Option<Record>, ReadError> {
        while let Some(resolved) = self.next_event().await.map_err(EventStoreError::into_read)? {
            if let Some(record) =
                Record::read(resolved, self.last)?.filter(|record| record.position > self.last)
            {
                self.last = record.position;
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// The next matching event, `None` once the read has passed `until`.
    async fn next_matching(
        &mut self,
        until: Position,
        filter: Filter,
    ) -> Result<Option<RecordedEvent>, ReadError> {
        while let Some(record) = self.next().await?.filter(|record| record.position <= until) {
            if let Some(event) = record.event.filter(|event| filter.matches(&event.stream)) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Events that have already arrived skip the deadline, which would cost as much as the event itself.
    async fn next_event(&mut self) -> Result<Option<eventstore::ResolvedEvent>, EventStoreError> {
        let mut next = pin!(self.events.next());
        match poll!(next.as_mut()) {
            Poll::Ready(Ok(Some(event))) => Ok(Some(event)),
            Poll::Ready(ended) => self.supervisor.observe(&self.handle, ready(ended)).await,
            Poll::Pending => self.supervisor.observe(&self.handle, next).await,
        }
    }
}

pub(super) async fn read_stream(
    supervisor: &Arc<Supervisor>,
    name: &StreamName,
    from: Revision,
) -> Result<RecordedStream, ReadError> {
    let opened = with_retries(|| stream_from(supervisor, name, from)).await;
    let Some(reading) = opened.map_err(EventStoreError::into_read)? else {
        return Ok(stream::empty().boxed());
    };
    // Boxed, because the large state moves with each event.
    let events = stream::try_unfold(Box::new(reading), |mut reading| async {
        let next = next_of_stream(&mut reading).await?;
        Ok(next.map(|event| (event, reading)))
    });
    Ok(events.boxed())
}

/// `None` if the stream does not exist.
async fn stream_from(
    supervisor: &Arc<Supervisor>,
    name: &StreamName,
    from: Revision,
) -> Result<Option<RecordReader>, EventStoreError> {
    let options = ReadStreamOptions::default().position(StreamPosition::Position(from.get())).forwards();
    let name = name.as_str().to_owned();
    let handle = supervisor.client();
    let opened = supervisor.run(&handle, async move |client| client.read_stream(name, &options).await).await;
    match opened {
        Ok(events) => Ok(Some(RecordReader {
            supervisor: Arc::clone(supervisor),
            handle,
            events,
            last: Position::START,
        })),
        Err(EventStoreError::Client(eventstore::Error::ResourceNotFound)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn next_of_stream(reading: &mut RecordReader) -> Result<Option<RecordedEvent>, ReadError> {
    loop {
        let resolved = match reading.next_event().await {
            Ok(Some(resolved)) => resolved,
            // The first message reports that a stream does not exist.
            Ok(None) | Err(EventStoreError::Client(eventstore::Error::ResourceNotFound)) => return Ok(None),
            Err(error) => return Err(error.into_read()),
        };
        if let Some(Record { position, event: Some(event) }) = Record::read(resolved, reading.last)? {
            reading.last = position;
            return Ok(Some(event));
        }
    }
}

/// Position of one event of a stream, `None` if it does not exist.
pub(super) async fn position_of(
    supervisor: &Supervisor,
    name: &StreamName,
    revision: Revision,
) -> Result<Option<Position>, EventStoreError> {
    let options = ReadStreamOptions::default()
        .position(StreamPosition::Position(revision.get()))
        .forwards()
        .max_count(1);
    let name = name.as_str().to_owned();
    let handle = supervisor.client();
    let first =
        async move |client: eventstore::Client| client.read_stream(name, &options).await?.next().await;
    let event = supervisor.run(&handle, first).await?;
    Ok(event.map(|event| position(&event)))
}

pub(super) async fn read_all(
    supervisor: &Arc<Supervisor>,
    own: &KnownHead,
    after: Position,
    filter: Filter,
) -> Result<RecordedStream, ReadError> {
    let until = with_retries(|| head(supervisor, own)).await.map_err(EventStoreError::into_read)?;
    if until <= after {
        return Ok(stream::empty().boxed());
    }
    let reading = with_retries(|| RecordReader::all_after(supervisor, after)).await;
    let reading = reading.map_err(EventStoreError::into_read)?;
    let events = stream::try_unfold(Box::new(reading), move |mut reading| async move {
        let next = reading.next_matching(until, filter).await?;
        Ok(next.map(|event| (event, reading)))
    });
    Ok(events.boxed())
}

/// Position of Daybook's last event. The search goes back to the last known one, past the server's own
/// records.
pub(super) async fn head(supervisor: &Supervisor, own: &KnownHead) -> Result<Position, EventStoreError> {
    let floor = own.get();
    let is_wanted = |record: &Record| record.event.is_some() || record.position <= floor;
    let found = last_record(supervisor, usize::MAX, is_wanted).await?.max(floor);
    own.announce(found);
    Ok(found)
}

/// Position of the server's last record. Cheaper than `head` if the server has written records of its own.
pub(super) async fn raw_head(supervisor: &Supervisor) -> Result<Position, EventStoreError> {
    last_record(supervisor, 1, |_| true).await
}

async fn last_record(
    supervisor: &Supervisor,
    most: usize,
    is_wanted: impl Fn(&Record) -> bool + Send + Copy,
) -> Result<Position, EventStoreError> {
    let options = ReadAllOptions::default().position(StreamPosition::End).backwards().max_count(most);
    let handle = supervisor.client();
    let search = async move |client: eventstore::Client| {
        let mut events = client.read_all(&options).await?;
        while let Some(resolved) = events.next().await? {
            let found = position(&resolved);
            if Record::read(resolved, found).ok().flatten().is_some_and(|record| is_wanted(&record)) {
                return Ok(found);
            }
        }
        Ok(Position::START)
    };
    supervisor.run(&handle, search).await
}

fn position(resolved: &eventstore::ResolvedEvent) -> Position {
    let at = resolved.get_original_event().position;
    Position::new(at.commit, at.prepare).unwrap_or_default()
}
