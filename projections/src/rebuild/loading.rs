//! Folds into tables: COPY without keys and indexes, then those, for all views at once.

use daybook_event_log::Position;
use deadpool_postgres::{Client, Pool};
use futures_util::future::{try_join, try_join_all};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::reading::Read;
use crate::ViewError;
use crate::fold::Fold;
use crate::generation::{self, Generation};
use crate::row::ReservationRow;
use crate::row::dynamic::DynamicRow;
use crate::row::legacy::LegacyRow;
use crate::store::{self, DayDigests};
use crate::tables;

/// Parts of a view's rows that wait for the database, at most.
const WAITING_PARTS: usize = 4;

/// Makes the tables of the generations.
pub(super) async fn create(pool: &Pool, generations: &[Generation]) -> Result<(), ViewError> {
    let client = pool.get().await?;
    for generation in generations {
        tables::create(&client, *generation).await?;
    }
    Ok(())
}

/// Fills the tables of the generations.
pub(super) async fn load(pool: &Pool, generations: &[Generation], read: Read) -> Result<(), ViewError> {
    let target = |model| generations.iter().copied().find(|generation| generation.model == model);
    let legacy = load_one(pool, target(LegacyRow::MODEL), read.legacy, read.position);
    let dynamic = load_one(pool, target(DynamicRow::MODEL), read.dynamic, read.position);
    try_join(legacy, dynamic).await?;
    Ok(())
}

async fn load_one<R: ReservationRow>(
    pool: &Pool,
    target: Option<Generation>,
    fold: Option<Fold<R>>,
    position: Position,
) -> Result<(), ViewError> {
    let (Some(generation), Some(fold)) = (target, fold) else { return Ok(()) };
    let client = pool.get().await?;
    store::load_beside(&client, generation, &fold).await?;
    let days = load_reservations(&client, generation, fold).await?;
    store::write_digests(&client, generation, &days).await?;
    if generation::advance(&client, generation, Position::START, position, None).await? {
        Ok(())
    } else {
        Err(ViewError::Overtaken { generation })
    }
}

/// One thread writes the rows out and sums up their days while the database takes them in.
async fn load_reservations<R: ReservationRow>(
    client: &Client,
    generation: Generation,
    fold: Fold<R>,
) -> Result<DayDigests, ViewError> {
    let (sender, parts) = mpsc::channel(WAITING_PARTS);
    let writing = spawn_blocking(move || (store::write_out(&fold, &sender), fold));
    store::copy_in::<R>(client, generation, parts).await?;
    let (days, fold) = writing.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
    // To give back the memory of that many small texts takes as long as a look at each; nobody has to wait for it.
    drop(spawn_blocking(move || drop(fold)));
    Ok(days)
}

/// Makes keys and indexes of the generations, and gathers statistics.
pub(super) async fn index(pool: &Pool, generations: &[Generation]) -> Result<(), ViewError> {
    try_join_all(generations.iter().map(|generation| index_one(pool, *generation))).await?;
    Ok(())
}

async fn index_one(pool: &Pool, generation: Generation) -> Result<(), ViewError> {
    let client = pool.get().await?;
    tables::index(&client, generation).await?;
    tables::analyze(&client, generation).await
}
