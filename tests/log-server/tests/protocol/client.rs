//! A plain client, and helpers for its requests and replies.
//!
//! The client never retries, and never waits longer than `PATIENCE`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use daybook_log_server::protocol::streams::append_req::options::ExpectedStreamRevision;
use daybook_log_server::protocol::streams::append_req::{Options as AppendOptions, ProposedMessage};
use daybook_log_server::protocol::streams::append_resp::success::{CurrentRevisionOption, PositionOption};
use daybook_log_server::protocol::streams::read_req::Options as ReadOptions;
use daybook_log_server::protocol::streams::read_req::options::filter_options::{Expression, Filter, Window};
use daybook_log_server::protocol::streams::read_req::options::{
    AllOptions, ControlOption, CountOption, FilterOption, FilterOptions, Position, ReadDirection,
    StreamOption, StreamOptions, SubscriptionOptions, all_options::AllOption, stream_options::RevisionOption,
};
use daybook_log_server::protocol::streams::read_resp::{Content, ReadEvent};
use daybook_log_server::protocol::streams::streams_client::StreamsClient;
use daybook_log_server::protocol::streams::{AppendReq, ReadReq, ReadResp, append_req, append_resp};
use daybook_log_server::protocol::{Empty, StreamIdentifier, Uuid as WireUuid, uuid::Value};
use futures_util::stream;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};
use uuid::Uuid;

/// The maximum time for any operation.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const ANY: ExpectedStreamRevision = ExpectedStreamRevision::Any(Empty {});
pub(crate) const NO_STREAM: ExpectedStreamRevision = ExpectedStreamRevision::NoStream(Empty {});
pub(crate) const STREAM_EXISTS: ExpectedStreamRevision = ExpectedStreamRevision::StreamExists(Empty {});

pub(crate) fn exact(revision: u64) -> ExpectedStreamRevision {
    ExpectedStreamRevision::Revision(revision)
}

/// The outcome of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    At { revision: u64, commit: u64 },
    Conflict,
}

pub(crate) struct Client {
    pub(crate) streams: StreamsClient<Channel>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { streams: StreamsClient::new(channel(address).await) }
    }

    pub(crate) async fn append(
        &mut self,
        stream: &str,
        expected: ExpectedStreamRevision,
        ids: &[Uuid],
    ) -> Result<Outcome, Status> {
        let events = ids.iter().map(|id| proposed(*id, "Something", "{}")).collect();
        self.append_events(stream, expected, events).await
    }

    pub(crate) async fn append_events(
        &mut self,
        stream: &str,
        expected: ExpectedStreamRevision,
        events: Vec<ProposedMessage>,
    ) -> Result<Outcome, Status> {
        let options = AppendOptions {
            stream_identifier: Some(identifier(stream)),
            expected_stream_revision: Some(expected),
        };
        let events = events.into_iter().map(append_req::Content::ProposedMessage);
        let contents = std::iter::once(append_req::Content::Options(options)).chain(events);
        let requests: Vec<_> = contents.map(|content| AppendReq { content: Some(content) }).collect();
        let response = timeout(PATIENCE, self.streams.append(stream::iter(requests))).await;
        match response.expect("an answer in time")?.into_inner().result.expect("a result") {
            append_resp::Result::Success(success) => Ok(at(success)),
            append_resp::Result::WrongExpectedVersion(_) => Ok(Outcome::Conflict),
        }
    }

    /// Returns all replies to a read of one stream.
    pub(crate) async fn read(
        &mut self,
        stream: &str,
        from: RevisionOption,
        direction: ReadDirection,
        count: u64,
    ) -> Result<Vec<Content>, Status> {
        let options = one_stream(stream, from, direction, CountOption::Count(count));
        self.read_to_end(options).await
    }

    pub(crate) async fn read_all(
        &mut self,
        from: AllOption,
        direction: ReadDirection,
        count: u64,
    ) -> Result<Vec<Content>, Status> {
        let options = all_streams(from, direction, CountOption::Count(count), no_filter());
        self.read_to_end(options).await
    }

    async fn read_to_end(&mut self, options: ReadOptions) -> Result<Vec<Content>, Status> {
        let mut replies = self.start(options).await?;
        let mut contents = Vec::new();
        while let Some(reply) = timeout(PATIENCE, replies.message()).await.expect("an end in time")? {
            contents.push(reply.content.expect("content"));
        }
        Ok(contents)
    }

    pub(crate) async fn subscribe(
        &mut self,
        from: AllOption,
        filter: FilterOption,
    ) -> Result<Streaming<ReadResp>, Status> {
        let count = CountOption::Subscription(SubscriptionOptions {});
        self.start(all_streams(from, ReadDirection::Forwards, count, filter)).await
    }

    pub(crate) async fn subscribe_to(
        &mut self,
        stream: &str,
        from: RevisionOption,
    ) -> Result<Streaming<ReadResp>, Status> {
        let count = CountOption::Subscription(SubscriptionOptions {});
        self.start(one_stream(stream, from, ReadDirection::Forwards, count)).await
    }

    pub(crate) async fn start(&mut self, options: ReadOptions) -> Result<Streaming<ReadResp>, Status> {
        let request = Request::new(ReadReq { options: Some(options) });
        timeout(PATIENCE, self.streams.read(request))
            .await
            .expect("an answer in time")
            .map(tonic::Response::into_inner)
    }
}

pub(crate) async fn channel(address: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect().await.expect("the server listens")
}

fn at(success: append_resp::Success) -> Outcome {
    let Some(CurrentRevisionOption::CurrentRevision(revision)) = success.current_revision_option else {
        panic!("no revision");
    };
    let Some(PositionOption::Position(position)) = success.position_option else { panic!("no position") };
    assert_eq!(position.commit_position, position.prepare_position);
    Outcome::At { revision, commit: position.commit_position }
}

pub(crate) fn proposed(id: Uuid, event_type: &str, data: &str) -> ProposedMessage {
    let metadata = [("type", event_type), ("content-type", "application/json")];
    ProposedMessage {
        id: Some(WireUuid { value: Some(Value::String(id.to_string())) }),
        metadata: metadata.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        custom_metadata: b"{\"of\":\"the writer\"}".as_slice().into(),
        data: data.to_owned().into(),
    }
}

pub(crate) fn identifier(stream: &str) -> StreamIdentifier {
    StreamIdentifier { stream_name: stream.to_owned().into() }
}

fn one_stream(
    stream: &str,
    from: RevisionOption,
    direction: ReadDirection,
    count: CountOption,
) -> ReadOptions {
    let stream = StreamOptions { stream_identifier: Some(identifier(stream)), revision_option: Some(from) };
    options(StreamOption::Stream(stream), direction, count, no_filter())
}

pub(crate) fn all_streams(
    from: AllOption,
    direction: ReadDirection,
    count: CountOption,
    filter: FilterOption,
) -> ReadOptions {
    options(StreamOption::All(AllOptions { all_option: Some(from) }), direction, count, filter)
}

fn options(
    stream: StreamOption,
    direction: ReadDirection,
    count: CountOption,
    filter: FilterOption,
) -> ReadOptions {
    ReadOptions {
        stream_option: Some(stream),
        read_direction: direction.into(),
        resolve_links: false,
        count_option: Some(count),
        filter_option: Some(filter),
        uuid_option: None,
        control_option: Some(ControlOption { compatibility: 1 }),
    }
}

pub(crate) fn no_filter() -> FilterOption {
    FilterOption::NoFilter(Empty {})
}

/// Filters for streams with this prefix, with a checkpoint after each window.
pub(crate) fn streams_with(prefix: &str, window: u32) -> FilterOption {
    let expression = Expression { regex: String::new(), prefix: vec![prefix.to_owned()] };
    filtered(Filter::StreamIdentifier(expression), window)
}

pub(crate) fn filtered(filter: Filter, window: u32) -> FilterOption {
    FilterOption::Filter(FilterOptions {
        filter: Some(filter),
        window: Some(Window::Max(window)),
        checkpoint_interval_multiplier: 1,
    })
}

pub(crate) fn position(commit: u64) -> AllOption {
    AllOption::Position(Position { commit_position: commit, prepare_position: commit })
}

pub(crate) fn beginning() -> AllOption {
    AllOption::Start(Empty {})
}

/// Returns the next message of a subscription.
pub(crate) async fn next(subscription: &mut Streaming<ReadResp>) -> Content {
    let reply = timeout(PATIENCE, subscription.message()).await.expect("a reply in time");
    reply.expect("no error").expect("no end").content.expect("content")
}

/// Returns the messages of a subscription before `caught_up`.
pub(crate) async fn until_caught_up(subscription: &mut Streaming<ReadResp>) -> Vec<Content> {
    let mut contents = Vec::new();
    loop {
        let content = next(subscription).await;
        if matches!(content, Content::CaughtUp(_)) {
            return contents;
        }
        contents.push(content);
    }
}

/// Returns the stream and revision of each event, in order.
pub(crate) fn places(contents: &[Content]) -> Vec<(String, u64)> {
    events(contents).into_iter().map(|event| (event.0, event.1)).collect()
}

/// Returns the position of each event, in order.
pub(crate) fn commits(contents: &[Content]) -> Vec<u64> {
    events(contents).into_iter().map(|event| event.2).collect()
}

/// Returns the stream, revision, position and server metadata of each event.
pub(crate) fn events(contents: &[Content]) -> Vec<(String, u64, u64, HashMap<String, String>)> {
    contents.iter().filter_map(event).collect()
}

fn event(content: &Content) -> Option<(String, u64, u64, HashMap<String, String>)> {
    let Content::Event(ReadEvent { event: Some(event), .. }) = content else { return None };
    let name = event.stream_identifier.clone().expect("a name").stream_name;
    let name = String::from_utf8(name.into()).expect("UTF-8");
    Some((name, event.stream_revision, event.commit_position, event.metadata.clone()))
}

pub(crate) fn ids(count: usize) -> Vec<Uuid> {
    (0..count).map(|_| Uuid::new_v4()).collect()
}

/// Returns a trailer of an error.
pub(crate) fn trailer<'a>(status: &'a Status, key: &str) -> Option<&'a str> {
    status.metadata().get(key).and_then(|value| value.to_str().ok())
}
