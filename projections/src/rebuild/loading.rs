//! Loads histories into tables: COPY without keys and indexes, then those, for all views at once.

use std::sync::Arc;

use bytes::Bytes;
use daybook_event_log::Position;
use deadpool_postgres::{Client, Pool};
use futures_util::future::{join, join_all, try_join_all};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::replay::finished;
use crate::control::error::ViewError;
use crate::control::generation;
use crate::control::ids::Generation;
use crate::projection::day_digests::{self, DayDigests};
use crate::projection::histories::Histories;
use crate::projection::row::ReservationRow;
use crate::projection::row::dynamic::DynamicRow;
use crate::projection::row::legacy::LegacyRow;
use crate::store::copy::CopyBuffer;
use crate::store::rows;
use crate::store::tables::{self, Indexes};

/// Most parts of a view's rows that wait for the database.
const WAITING_PARTS: usize = 4;

/// Indexes of a view that are built at once. One of them takes as long as the others together, and the other view's are
/// built at the same time.
const INDEXES_AT_ONCE: usize = 2;

/// Creates the tables of the generations.
pub(super) async fn create(pool: &Pool, generations: &[Generation]) -> Result<(), ViewError> {
    let client = pool.get().await?;
    for generation in generations {
        tables::create(&client, *generation).await?;
    }
    Ok(())
}

/// Loads the histories of a pass into the tables of the generations.
pub(super) async fn load(
    pool: &Pool,
    generations: &[Generation],
    histories: &Arc<Histories>,
) -> Result<(), ViewError> {
    let legacy = load_one::<LegacyRow>(pool, generations, histories);
    let dynamic = load_one::<DynamicRow>(pool, generations, histories);
    // Both to their end, because the tables may be created again if one fails.
    let (legacy, dynamic) = join(legacy, dynamic).await;
    legacy.and(dynamic)
}

async fn load_one<R: ReservationRow>(
    pool: &Pool,
    generations: &[Generation],
    histories: &Arc<Histories>,
) -> Result<(), ViewError> {
    let target = generations.iter().copied().find(|generation| generation.model == R::MODEL);
    let Some(generation) = target else { return Ok(()) };
    let mut client = pool.get().await?;
    let closures: Vec<_> = histories.closures().collect();
    rows::load_beside(&client, generation, histories.reference(), &closures).await?;
    let days = load_reservations::<R>(&client, generation, Arc::clone(histories)).await?;
    let transaction = client.transaction().await?;
    rows::add_digests(&transaction, generation, &days).await?;
    Ok(transaction.commit().await?)
}

/// One thread builds rows and sums their digests while the database loads them.
async fn load_reservations<R: ReservationRow>(
    client: &Client,
    generation: Generation,
    histories: Arc<Histories>,
) -> Result<DayDigests, ViewError> {
    let (sender, parts) = mpsc::channel(WAITING_PARTS);
    let writing = spawn_blocking(move || write_out::<R>(&histories, &sender));
    rows::copy_in::<R>(client, generation, parts).await?;
    finished(writing).await
}

/// Writes histories as rows of a view for [`rows::copy_in`], and returns their day digests. Blocks. Stops early if the
/// receiver is gone: the COPY has failed then and returns the error.
pub(super) fn write_out<R: ReservationRow>(histories: &Histories, parts: &mpsc::Sender<Bytes>) -> DayDigests {
    let mut days = DayDigests::new();
    let mut buffer = CopyBuffer::new(R::COLUMNS.len() as i16);
    for row in histories.rows::<R>() {
        buffer.append(&row);
        day_digests::add(&mut days, &row, histories.reference());
        if buffer.ready().is_some_and(|part| parts.blocking_send(part).is_err()) {
            return days;
        }
    }
    // As above.
    drop(parts.blocking_send(buffer.finish()));
    days
}

/// Frees the memory of histories on another thread, which takes a while because they consist of many small texts.
pub(super) fn release(histories: Arc<Histories>) -> JoinHandle<()> {
    spawn_blocking(move || drop(histories))
}

/// Sets the checkpoints of the generations to the end of all passes.
pub(super) async fn stand_at(
    pool: &Pool,
    generations: &[Generation],
    position: Position,
) -> Result<(), ViewError> {
    let client = pool.get().await?;
    for generation in generations {
        if !generation::advance(&client, *generation, Position::START, position, None).await? {
            return Err(ViewError::Overtaken { generation: *generation });
        }
    }
    Ok(())
}

/// Creates the keys and indexes of the generations and collects statistics.
pub(super) async fn index(
    pool: &Pool,
    generations: &[Generation],
    indexes: Indexes,
) -> Result<(), ViewError> {
    let indexing = generations.iter().map(|generation| index_one(pool, *generation, indexes));
    join_all(indexing).await.into_iter().collect()
}

async fn index_one(pool: &Pool, generation: Generation, indexes: Indexes) -> Result<(), ViewError> {
    let mut connections = try_join_all((0..INDEXES_AT_ONCE).map(|_| pool.get())).await?;
    tables::index_beside_each_other(&mut connections, generation, indexes).await?;
    drop(connections);
    let client = pool.get().await?;
    tables::add_keys(&client, generation).await?;
    tables::analyze(&client, generation).await
}
