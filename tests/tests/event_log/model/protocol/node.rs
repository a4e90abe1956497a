//! A thin wrapper around the client that translates its answers into the model's types.
//!
//! It must never retry a request: the test checks the server's first answer.

use anyhow::{Context, bail, ensure};
use daybook_event_log::Position;
use eventstore::{
    AppendToStreamOptions, Client, CurrentRevision, DeleteStreamOptions, Error, EventData, ExpectedRevision,
    ReadAllOptions, ReadStream, ReadStreamOptions, RecordedEvent, StreamPosition, TombstoneStreamOptions,
};
use serde_json::value::RawValue;
use tonic::Code;

use super::operation::Way;
use super::plain::{Absence, Answer, NewEvent};

pub(super) struct Node(Client);

impl Node {
    pub(super) fn connect(url: &str) -> anyhow::Result<Self> {
        // The client waits for this interval before its first connection.
        Ok(Self(Client::new(format!("{url}&discoveryInterval=1").parse()?)?))
    }

    pub(super) fn client(&self) -> &Client {
        &self.0
    }

    /// Appends events. The returned position is that of the last event.
    pub(super) async fn append(
        &self,
        stream: &str,
        expected: ExpectedRevision,
        events: &[NewEvent],
    ) -> anyhow::Result<(Answer, Option<Position>)> {
        let options = AppendToStreamOptions::default().expected_revision(expected);
        let events = events.iter().map(event_data).collect::<anyhow::Result<Vec<_>>>()?;
        match self.0.append_to_stream(stream, &options, events).await {
            Ok(written) => {
                let answer = Answer::Appended { revision: written.next_expected_version };
                Ok((answer, Some(position(written.position)?)))
            }
            Err(Error::WrongExpectedVersion { expected: told, current }) => {
                ensure!(told == expected, "{expected:?} was expected, and {told:?} is said to have been");
                let current = match current {
                    CurrentRevision::Current(revision) => Some(revision),
                    CurrentRevision::NoStream => None,
                };
                Ok((Answer::Conflict { current }, None))
            }
            Err(Error::ResourceDeleted) => Ok((Answer::Gone, None)),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a stream. Returns `None` on a conflict, because the client's error does not contain the current
    /// revision.
    pub(super) async fn delete(
        &self,
        stream: &str,
        expected: ExpectedRevision,
    ) -> anyhow::Result<(Option<Answer>, Option<Position>)> {
        let options = DeleteStreamOptions::default().expected_revision(expected);
        deletion(self.0.delete_stream(stream, &options).await)
    }

    /// Tombstones a stream. Returns `None` on a conflict, as [`Self::delete`] does.
    pub(super) async fn tombstone(
        &self,
        stream: &str,
        expected: ExpectedRevision,
    ) -> anyhow::Result<(Option<Answer>, Option<Position>)> {
        let options = TombstoneStreamOptions::default().expected_revision(expected);
        deletion(self.0.tombstone_stream(stream, &options).await)
    }

    pub(super) async fn read_stream(
        &self,
        stream: &str,
        way: Way,
        from: Option<u64>,
        count: usize,
    ) -> anyhow::Result<Result<Vec<RecordedEvent>, Absence>> {
        let options = ReadStreamOptions::default().max_count(count);
        let options = match way {
            Way::Forwards => options.position(place(way, from)).forwards(),
            Way::Backwards => options.position(place(way, from)).backwards(),
        };
        let read = async { collect(self.0.read_stream(stream, &options).await?).await };
        match read.await {
            Ok(events) => Ok(Ok(events)),
            Err(Error::ResourceNotFound) => Ok(Err(Absence::NotFound)),
            Err(Error::ResourceDeleted) => Ok(Err(Absence::Gone)),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn read_all(
        &self,
        way: Way,
        from: Option<Position>,
        count: usize,
    ) -> anyhow::Result<Vec<RecordedEvent>> {
        let options = ReadAllOptions::default().max_count(count);
        let options = match way {
            Way::Forwards => options.position(place(way, from.map(wire))).forwards(),
            Way::Backwards => options.position(place(way, from.map(wire))).backwards(),
        };
        Ok(collect(self.0.read_all(&options).await?).await?)
    }
}

pub(super) fn position(told: eventstore::Position) -> anyhow::Result<Position> {
    Position::new(told.commit, told.prepare).context("a position that is none")
}

pub(super) fn wire(position: Position) -> eventstore::Position {
    eventstore::Position { commit: position.commit(), prepare: position.prepare() }
}

fn place<T>(way: Way, from: Option<T>) -> StreamPosition<T> {
    match (from, way) {
        (Some(from), _) => StreamPosition::Position(from),
        (None, Way::Forwards) => StreamPosition::Start,
        (None, Way::Backwards) => StreamPosition::End,
    }
}

fn deletion(
    told: eventstore::Result<Option<eventstore::Position>>,
) -> anyhow::Result<(Option<Answer>, Option<Position>)> {
    match told {
        Ok(Some(told)) => Ok((Some(Answer::Deleted), Some(position(told)?))),
        Ok(None) => bail!("deleted at no position"),
        Err(Error::ResourceDeleted) => Ok((Some(Answer::Gone), None)),
        Err(Error::Grpc { code: Code::FailedPrecondition, .. }) => Ok((None, None)),
        Err(error) => Err(error.into()),
    }
}

async fn collect(mut events: ReadStream) -> eventstore::Result<Vec<RecordedEvent>> {
    let mut all = Vec::new();
    while let Some(event) = events.next().await? {
        // These tests create no link events.
        all.extend(event.event);
    }
    Ok(all)
}

fn event_data(event: &NewEvent) -> anyhow::Result<EventData> {
    let data = if event.said.is_json {
        EventData::json(event.kind, &serde_json::from_slice::<&RawValue>(&event.said.data)?)?
    } else {
        EventData::binary(event.kind, event.said.data.clone())
    };
    Ok(data.id(event.said.id).metadata(event.said.metadata.clone()))
}
