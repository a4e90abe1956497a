//! `append_esdb` and `follow_esdb`: events per second through the EventStoreDB adapter ÷ through a bare client of the
//! protocol, against the same in-process server.
//!
//! This measures the cost of the adapter and its client, and says nothing about a real server. The bare side must never
//! do less: it handles the same events with the same concurrency, and each is acknowledged or seen.

mod bare;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, ensure};
use bytes::Bytes;
use chrono::{Days, NaiveDate};
use daybook_event_log::eventstore::ConnectionString;
use daybook_event_log::{
    EventId, EventLog, EventStoreLog, EventType, Expected, Filter, NewEvent, Position, StreamName,
};
use daybook_log_server::{Options, Server};
use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use uuid::Uuid;

use super::Figure;
use super::report::{Aim, Measured, Round, Unit};

/// Concurrent writers.
const WRITERS: usize = 32;

/// Events per side that one round appends.
const APPENDS: usize = 8_000;

/// Events per side that one round follows.
const FOLLOWED: usize = 40_000;

/// Events per append when the history to follow is written.
const EVENTS_AT_ONCE: usize = 200;

const ROUNDS: usize = 5;

/// About the size of a booking's event.
const PAYLOAD_BYTES: usize = 600;

const HAPPENED: EventType = EventType::named("SomethingHappened");

pub(super) async fn measure_append() -> anyhow::Result<Measured> {
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let (server, log) = start_server().await?;
        let ours = append_all(&log).await?;
        let limit = APPENDS as f64 / bare::append_all(server.address(), WRITERS, &events(APPENDS)).await?;
        rounds.push(Round { ours, limit });
    }
    Ok(Measured {
        figure: Figure::AppendEsdb,
        what: [
            "events per second through the EventStoreDB adapter, 32 concurrent, one append per event to its writer's stream",
            "the same by a bare tonic client over one connection, to the same server",
        ],
        unit: Unit::PerSecond,
        aim: Aim::AtLeast(0.8),
        rounds,
        notes: vec!["the server is Daybook's own, in memory, in this process".to_owned()],
    })
}

pub(super) async fn measure_follow() -> anyhow::Result<Measured> {
    let (server, log) = start_server().await?;
    let mut expected = Expected::NoStream;
    for events in events(FOLLOWED).chunks(EVENTS_AT_ONCE) {
        expected = Expected::Exact(log.append(&stream(0), expected, events.to_vec()).await?.revision);
    }
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let ours = follow_all(&log).await?;
        let limit = FOLLOWED as f64 / bare::subscribe_to_all(server.address(), FOLLOWED).await?;
        rounds.push(Round { ours, limit });
    }
    Ok(Measured {
        figure: Figure::FollowEsdb,
        what: [
            "events per second received by a follower of the EventStoreDB adapter, from the start of the log",
            "the same by a subscription of a bare tonic client, to the same server",
        ],
        unit: Unit::PerSecond,
        aim: Aim::AtLeast(0.8),
        rounds,
        notes: vec!["the server is Daybook's own, in memory, in this process".to_owned()],
    })
}

async fn start_server() -> anyhow::Result<(Server, EventStoreLog)> {
    let server = Server::start(Options::default()).await?;
    let address = ConnectionString::parse(&format!("{}&discoveryInterval=1", server.url()))?;
    let log = EventStoreLog::connect(address).await?;
    Ok((server, log))
}

fn stream(number: usize) -> StreamName {
    let first = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap_or_default();
    StreamName::page(first + Days::new(number as u64))
}

fn events(count: usize) -> Vec<NewEvent> {
    let payload: Bytes = format!("{{\"text\":\"{}\"}}", "x".repeat(PAYLOAD_BYTES)).into();
    let event = |_| NewEvent {
        id: EventId(Uuid::now_v7()),
        event_type: HAPPENED,
        payload: payload.clone(),
        metadata: Bytes::from_static(
            br#"{"schema_version":1,"recorded_at":1796083200123456,"actor":"public"}"#,
        ),
    };
    (0..count).map(event).collect()
}

/// Returns events per second.
async fn append_all(log: &EventStoreLog) -> anyhow::Result<f64> {
    let (events, next) = (Arc::new(events(APPENDS)), Arc::new(AtomicUsize::new(0)));
    let since = Instant::now();
    let writers = (0..WRITERS).map(|writer| {
        let (log, events, next) = (log.clone(), Arc::clone(&events), Arc::clone(&next));
        tokio::spawn(async move {
            let mut expected = Expected::NoStream;
            while let Some(event) = events.get(next.fetch_add(1, Ordering::Relaxed)) {
                let appended = log.append(&stream(writer), expected, vec![event.clone()]).await?;
                expected = Expected::Exact(appended.revision);
            }
            Ok::<_, anyhow::Error>(())
        })
    });
    for outcome in try_join_all(writers).await.context("the task of a writer")? {
        outcome?;
    }
    Ok(APPENDS as f64 / since.elapsed().as_secs_f64())
}

/// Returns events per second.
async fn follow_all(log: &EventStoreLog) -> anyhow::Result<f64> {
    let since = Instant::now();
    let mut follower = log.follow(Position::START, &Filter::all()).await?;
    for _ in 0..FOLLOWED {
        ensure!(follower.try_next().await?.is_some(), "the follower ended early");
    }
    Ok(FOLLOWED as f64 / since.elapsed().as_secs_f64())
}
