//! Opens the event log and checks that the views in the database belong to it.
//!
//! It must never show a connection string, which may contain a password.

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

/// The identity of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogIdentity {
    /// Its store: `postgres` or `eventstore`.
    pub kind: String,
    /// The id of its first event of the catalog.
    pub first_event: Uuid,
}

/// The identity of the log; none while it is empty.
pub(super) async fn identify(
    settings: &Settings,
    log: &Arc<dyn EventLog>,
) -> anyhow::Result<Option<LogIdentity>> {
    let kind = name(&settings.event_store).to_owned();
    Ok(first_event(log).await?.map(|first_event| LogIdentity { kind, first_event }))
}

/// Opens the configured log, if the views in the database were built from it.
pub(super) async fn open(
    settings: &Settings,
    config: &Config,
    pool: &Pool,
) -> anyhow::Result<Arc<dyn EventLog>> {
    let log = connect(settings, config).await?;
    check_views(&settings.event_store, &log, pool).await?;
    Ok(log)
}

/// Opens the configured log.
pub(super) async fn connect(settings: &Settings, config: &Config) -> anyhow::Result<Arc<dyn EventLog>> {
    Ok(match &settings.event_store {
        EventStore::Database => {
            let log = PostgresLog::connect(config.clone(), Options::default()).await;
            Arc::new(log.context("the event log could not be opened")?)
        }
        EventStore::EventStoreDb(address) => {
            let log = EventStoreLog::connect((**address).clone()).await;
            Arc::new(log.context(
                "the event log could not be opened; check that the EventStoreDB of --event-store-url (EVENT_STORE_URL) is running",
            )?)
        }
    })
}

/// The views were built from a different log.
#[derive(Debug, thiserror::Error)]
#[error(
    "the views in this database were built from a different event log. Set --event-store-url (EVENT_STORE_URL) back to that \
     log, or use another database for this log with --database-url (DATABASE_URL)"
)]
struct OtherLog;

/// Refuses views of a different log: their checkpoints would skip events or apply them twice.
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
            let is_new = live.iter().all(|status| status.position == Position::START);
            if is_new { Ok(()) } else { Err(OtherLog.into()) }
        }
    }
}

/// A view has applied events that the log does not have.
#[derive(Debug, thiserror::Error)]
#[error(
    "the view {view} is at position {held}, but the event log ends at {head}, probably because an older backup of the log was \
     restored. If you have a newer log, restore it. If not, run `daybook projection rebuild all` to rebuild the views from this \
     log"
)]
struct ViewsAhead {
    view: Generation,
    held: Position,
    head: Position,
}

/// Refuses views that are ahead of the log: they would skip the events appended next.
pub(super) async fn check_views_not_ahead(log: &Arc<dyn EventLog>, pool: &Pool) -> anyhow::Result<()> {
    // Read the views first: they can only have applied events that the log has by then.
    let live = generation::live(&pool.get().await?).await?;
    let head = log.head().await?;
    match live.into_iter().find(|status| status.position > head) {
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
