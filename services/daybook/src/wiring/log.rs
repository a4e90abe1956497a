//! The event log, wherever it is, and the check that the database's views belong to it.
//!
//! It must never show a connection string: it may hold a password.

use std::sync::Arc;

use anyhow::Context;
use daybook_event_log::postgres::{Options, PostgresLog};
use daybook_event_log::{EventLog, EventStoreLog, Position, Revision, StreamName};
use daybook_projections::{Generation, generation};
use deadpool_postgres::Pool;
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use tokio_postgres::Config;
use uuid::Uuid;

use crate::settings::{EventStore, Settings};

/// Which log it is, among all that there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogIdentity {
    /// Where it is kept: `postgres` or `eventstore`.
    pub kind: String,
    /// The id of its first event of the catalog.
    pub first_event: Uuid,
}

/// Which log it is; none while it is empty.
pub(super) async fn identify(
    settings: &Settings,
    log: &Arc<dyn EventLog>,
) -> anyhow::Result<Option<LogIdentity>> {
    let kind = name(&settings.event_store).to_owned();
    Ok(first_event(log).await?.map(|first_event| LogIdentity { kind, first_event }))
}

/// Opens the log that the settings name, if the views of the database are of it.
pub(super) async fn open(
    settings: &Settings,
    config: &Config,
    pool: &Pool,
) -> anyhow::Result<Arc<dyn EventLog>> {
    let log = connect(settings, config).await?;
    check_views(&settings.event_store, &log, pool).await?;
    Ok(log)
}

/// Opens the log that the settings name.
pub(super) async fn connect(settings: &Settings, config: &Config) -> anyhow::Result<Arc<dyn EventLog>> {
    Ok(match &settings.event_store {
        EventStore::Database => {
            let log = PostgresLog::connect(config.clone(), Options::default()).await;
            Arc::new(log.context("the event log could not be opened")?)
        }
        EventStore::EventStoreDb(address) => {
            let log = EventStoreLog::connect((**address).clone()).await;
            Arc::new(log.context(
                "the event log could not be opened: is the EventStoreDB that --event-store-url (EVENT_STORE_URL) names up?",
            )?)
        }
    })
}

/// The views of this database were built from another log.
#[derive(Debug, thiserror::Error)]
#[error(
    "the views in this database were built from another event log, and positions of one log mean nothing in another: set \
     --event-store-url (EVENT_STORE_URL) back to that log, or give this one a database of its own by --database-url \
     (DATABASE_URL)"
)]
struct OtherLog;

/// Refuses to go on with views of another log: their checkpoints would pass over events or take them in twice.
async fn check_views(kind: &EventStore, log: &Arc<dyn EventLog>, pool: &Pool) -> anyhow::Result<()> {
    let client = pool.get().await?;
    let known = client.query_opt("SELECT kind, first_event FROM control.log", &[]).await?;
    let here = (name(kind), first_event(log).await?);
    match (known, here) {
        (Some(row), (kind, first)) => {
            let is_same = row.try_get::<_, &str>(0)? == kind && row.try_get::<_, Option<Uuid>>(1)? == first;
            if is_same { Ok(()) } else { Err(OtherLog.into()) }
        }
        (None, (kind, Some(first))) => {
            let sql = "INSERT INTO control.log (kind, first_event) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            client.execute(sql, &[&kind, &first]).await?;
            Ok(())
        }
        (None, (_, None)) => {
            let live = generation::live(&client).await?;
            let is_new = live.iter().all(|standing| standing.position == Position::START);
            if is_new { Ok(()) } else { Err(OtherLog.into()) }
        }
    }
}

/// A view has taken in what the log does not have.
#[derive(Debug, thiserror::Error)]
#[error(
    "the {view} view holds events up to position {held}, and the event log ends at {head}: was the log restored from a backup \
     that is older than the views? If a newer log is at hand, restore that. If not, `daybook projection rebuild all` builds the \
     views from the log as it is"
)]
struct ViewsAhead {
    view: Generation,
    held: Position,
    head: Position,
}

/// Refuses to go on with views that are ahead of their log: what is appended next would be passed over.
pub(super) async fn check_not_overtaken(log: &Arc<dyn EventLog>, pool: &Pool) -> anyhow::Result<()> {
    // Views first: they only ever take in what the log has by then.
    let live = generation::live(&pool.get().await?).await?;
    let head = log.head().await?;
    match live.into_iter().find(|standing| standing.position > head) {
        Some(ahead) => Err(ViewsAhead { view: ahead.generation, held: ahead.position, head }.into()),
        None => Ok(()),
    }
}

pub(super) const fn name(kind: &EventStore) -> &'static str {
    match kind {
        EventStore::Database => "postgres",
        EventStore::EventStoreDb(_) => "eventstore",
    }
}

/// The id of the first event of the catalog, with which every log begins; none in an empty log.
pub(super) async fn first_event(log: &Arc<dyn EventLog>) -> anyhow::Result<Option<Uuid>> {
    let mut events = log.read_stream(&StreamName::catalog(), Revision::FIRST).await?;
    Ok(events.try_next().await?.map(|event| event.id.0))
}
