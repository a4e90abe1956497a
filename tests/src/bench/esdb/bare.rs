//! The bare client: one connection and the generated messages, without anything around them.
//!
//! It must never check, retry or supervise, because that is the cost being measured.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, bail};
use daybook_event_log::NewEvent;
use daybook_log_server::protocol::streams::append_req::options::ExpectedStreamRevision;
use daybook_log_server::protocol::streams::append_req::{
    Content as AppendContent, Options as AppendOptions, ProposedMessage,
};
use daybook_log_server::protocol::streams::append_resp::Result as Appended;
use daybook_log_server::protocol::streams::append_resp::success::CurrentRevisionOption;
use daybook_log_server::protocol::streams::read_req::Options as ReadOptions;
use daybook_log_server::protocol::streams::read_req::options::{
    AllOptions, CountOption, FilterOption, ReadDirection, StreamOption, SubscriptionOptions, UuidOption,
    all_options::AllOption, uuid_option,
};
use daybook_log_server::protocol::streams::read_resp::Content;
use daybook_log_server::protocol::streams::streams_client::StreamsClient;
use daybook_log_server::protocol::streams::{AppendReq, ReadReq};
use daybook_log_server::protocol::{Empty, StreamIdentifier, Uuid as WireUuid, uuid::Value};
use futures_util::future::try_join_all;
use futures_util::stream;
use tonic::transport::{Channel, Endpoint};

async fn connect(address: SocketAddr) -> anyhow::Result<StreamsClient<Channel>> {
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
    Ok(StreamsClient::new(channel))
}

/// Appends events one by one from concurrent writers. Returns the seconds.
pub(super) async fn append_all(
    address: SocketAddr,
    writers: usize,
    events: &[NewEvent],
) -> anyhow::Result<f64> {
    let client = connect(address).await?;
    let (events, next) = (Arc::new(events.to_vec()), Arc::new(AtomicUsize::new(0)));
    let since = Instant::now();
    let writers = (0..writers).map(|writer| {
        let (mut client, events, next) = (client.clone(), Arc::clone(&events), Arc::clone(&next));
        tokio::spawn(async move {
            let mut expected = ExpectedStreamRevision::NoStream(Empty {});
            while let Some(event) = events.get(next.fetch_add(1, Ordering::Relaxed)) {
                expected = append(&mut client, writer, expected, event).await?;
            }
            Ok::<_, anyhow::Error>(())
        })
    });
    for outcome in try_join_all(writers).await.context("the task of a writer")? {
        outcome?;
    }
    Ok(since.elapsed().as_secs_f64())
}

async fn append(
    client: &mut StreamsClient<Channel>,
    writer: usize,
    expected: ExpectedStreamRevision,
    event: &NewEvent,
) -> anyhow::Result<ExpectedStreamRevision> {
    let options = AppendOptions {
        stream_identifier: Some(StreamIdentifier { stream_name: format!("bare-{writer}").into() }),
        expected_stream_revision: Some(expected),
    };
    let contents = [AppendContent::Options(options), AppendContent::ProposedMessage(proposed_message(event))];
    let requests = contents.map(|content| AppendReq { content: Some(content) });
    let response = client.append(stream::iter(requests)).await?.into_inner();
    let Some(Appended::Success(success)) = response.result else { bail!("the server refused an append") };
    let Some(CurrentRevisionOption::CurrentRevision(revision)) = success.current_revision_option else {
        bail!("the server returned no revision")
    };
    Ok(ExpectedStreamRevision::Revision(revision))
}

fn proposed_message(event: &NewEvent) -> ProposedMessage {
    ProposedMessage {
        id: Some(WireUuid { value: Some(Value::String(event.id.0.to_string())) }),
        metadata: HashMap::from([
            ("type".to_owned(), event.event_type.as_str().to_owned()),
            ("content-type".to_owned(), "application/json".to_owned()),
        ]),
        custom_metadata: event.metadata.clone(),
        data: event.payload.clone(),
    }
}

/// Subscribes from the start until `events` events have arrived, not counting the server's own. Returns the seconds.
pub(super) async fn subscribe_to_all(address: SocketAddr, events: usize) -> anyhow::Result<f64> {
    let mut client = connect(address).await?;
    let options = ReadOptions {
        stream_option: Some(StreamOption::All(AllOptions { all_option: Some(AllOption::Start(Empty {})) })),
        read_direction: ReadDirection::Forwards.into(),
        count_option: Some(CountOption::Subscription(SubscriptionOptions {})),
        filter_option: Some(FilterOption::NoFilter(Empty {})),
        uuid_option: Some(UuidOption { content: Some(uuid_option::Content::String(Empty {})) }),
        ..ReadOptions::default()
    };
    let since = Instant::now();
    let mut replies = client.read(ReadReq { options: Some(options) }).await?.into_inner();
    let mut seen = 0;
    while seen < events {
        let reply = replies.message().await?.context("the subscription ended early")?;
        if let Some(Content::Event(event)) = reply.content {
            let name = event.event.and_then(|event| event.stream_identifier).map(|id| id.stream_name);
            seen += usize::from(name.is_some_and(|name| !name.starts_with(b"$")));
        }
    }
    Ok(since.elapsed().as_secs_f64())
}
