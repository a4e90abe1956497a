//! Histories into tables: COPY without keys and indexes, then those, for all views at once.

use std::sync::Arc;

use bytes::Bytes;
use daybook_event_log::Position;
use deadpool_postgres::{Client, Pool};
use futures_util::future::{try_join, try_join_all};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::reading::finished;
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

/// Parts of a view's rows that wait for the database, at most.
const WAITING_PARTS: usize = 4;

/// Indexes of a view that are made at once. One of them takes as long as the others together; that of the other view is
/// beside them.
const INDEXES_AT_ONCE: usize = 2;

/// Makes the tables of the generations.
pub(super) async fn create(pool: &Pool, generations: &[Generation]) -> Result<(), ViewError> {
    let client = pool.get().await?;
    for generation in generations {
        tables::create(&client, *generation).await?;
    }
    Ok(())
}

/// Adds what a pass gathered to the tables of the generations.
pub(super) async fn load(
    pool: &Pool,
    generations: &[Generation],
    histories: &Arc<Histories>,
) -> Result<(), ViewError> {
    let legacy = load_one::<LegacyRow>(pool, generations, histories);
    let dynamic = load_one::<DynamicRow>(pool, generations, histories);
    try_join(legacy, dynamic).await?;
    Ok(())
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

/// One thread makes the rows, writes them out and sums up their days while the database takes them in.
async fn load_reservations<R: ReservationRow>(
    client: &Client,
    generation: Generation,
    histories: Arc<Histories>,
) -> Result<DayDigests, ViewError> {
    let (sender, parts) = mpsc::channel(WAITING_PARTS);
    let writing = spawn_blocking(move || write_out::<R>(&histories, &sender));
    rows::copy_in::<R>(client, generation, parts).await?;
    Ok(finished(writing).await)
}

/// Writes out what was gathered as rows of a view, for [`rows::copy_in`], and sums up their days. To be called where one may
/// block. Ends early where nobody takes the rows any more: the copy has failed then, and says why.
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

/// Gives back the memory of histories. That takes as long as a look at each of their many small texts.
pub(super) fn release(histories: Arc<Histories>) -> JoinHandle<()> {
    spawn_blocking(move || drop(histories))
}

/// Lets the generations stand where all passes ended.
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

/// Makes keys and indexes of the generations, and gathers statistics.
pub(super) async fn index(
    pool: &Pool,
    generations: &[Generation],
    indexes: Indexes,
) -> Result<(), ViewError> {
    try_join_all(generations.iter().map(|generation| index_one(pool, *generation, indexes))).await?;
    Ok(())
}

async fn index_one(pool: &Pool, generation: Generation, indexes: Indexes) -> Result<(), ViewError> {
    let mut connections = try_join_all((0..INDEXES_AT_ONCE).map(|_| pool.get())).await?;
    tables::index_beside_each_other(&mut connections, generation, indexes).await?;
    drop(connections);
    let client = pool.get().await?;
    tables::add_keys(&client, generation).await?;
    tables::analyze(&client, generation).await
}
