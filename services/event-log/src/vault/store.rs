//! The table of keys. Keys go in wrapped and come out unwrapped; both happen here and nowhere else.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use daybook_domain::{KeyId, SubjectId};
use deadpool_postgres::{Object, Pool};
use futures_util::TryStreamExt;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::crypto::DataKey;
use super::error::VaultError;
use super::fresh_key::FreshKey;
use super::master::{KeyProvider, WrappedKey};
use crate::port::NewKey;
use crate::postgres::PostgresError;

/// Keys that one statement asks for or makes.
pub const MAX_STATEMENT_KEYS: usize = 4096;

/// Keys that are loaded for a replay, at most.
const MAX_LOADED_KEYS: usize = 4_000_000;

/// Longest time for one statement, or for the next rows of a long one.
const STATEMENT_DEADLINE: Duration = Duration::from_secs(10);

/// A live key of a subject.
#[derive(Debug, Clone)]
pub(super) struct LiveKey {
    pub(super) subject: SubjectId,
    pub(super) id: KeyId,
    pub(super) key: DataKey,
}

impl From<FreshKey> for LiveKey {
    fn from(key: FreshKey) -> Self {
        let subject = key.row().subject;
        let (id, key) = key.into_live();
        Self { subject, id, key }
    }
}

/// The table, and who unwraps what is in it.
#[derive(Clone)]
pub(super) struct Store {
    pool: Pool,
    provider: Arc<dyn KeyProvider>,
}

const INSERT_SQL: &str = "\
    INSERT INTO privacy.keys (key_id, subject, wrapped_key) \
    SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[])";

const LIVE_SQL: &str = "\
    SELECT key_id, wrapped_key, subject FROM privacy.keys WHERE subject = ANY($1) AND destroyed_at IS NULL";

const KEYS_SQL: &str = "SELECT key_id, wrapped_key FROM privacy.keys WHERE key_id = ANY($1)";

const ALL_SQL: &str = "SELECT key_id, wrapped_key FROM privacy.keys";

const LIVE_IDS_SQL: &str = "SELECT key_id FROM privacy.keys WHERE subject = $1 AND destroyed_at IS NULL";

const DESTROY_SQL: &str = "\
    UPDATE privacy.keys SET wrapped_key = NULL, destroyed_at = now() \
    WHERE key_id = ANY($1) AND destroyed_at IS NULL";

const DESTROY_OF_SQL: &str = "\
    UPDATE privacy.keys SET wrapped_key = NULL, destroyed_at = now() \
    WHERE subject = $1 AND destroyed_at IS NULL RETURNING key_id";

/// For statements that are sent as a stream.
const NO_PARAMETERS: [&(dyn ToSql + Sync); 0] = [];

impl Store {
    pub(super) fn new(pool: Pool, provider: Arc<dyn KeyProvider>) -> Self {
        Self { pool, provider }
    }

    /// A live key of each subject that has one.
    pub(super) async fn live(&self, subjects: &[SubjectId]) -> Result<Vec<LiveKey>, VaultError> {
        if subjects.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: Vec<&[u8]> = subjects.iter().map(|subject| subject.as_bytes().as_slice()).collect();
        let rows = self.query(LIVE_SQL, &[&wanted]).await?;
        let mut keys: HashMap<KeyId, Option<DataKey>> = self.unwrap(&rows).await?.into_iter().collect();
        let mut live = Vec::with_capacity(rows.len());
        for row in &rows {
            let (id, subject) = (key_id(row)?, subject(row, 2)?);
            live.extend(keys.remove(&id).flatten().map(|key| LiveKey { subject, id, key }));
        }
        Ok(live)
    }

    /// Makes a key for each subject, in their order. Keeping them is left to the caller.
    pub(super) async fn draft(&self, subjects: &[SubjectId]) -> Result<Vec<FreshKey>, VaultError> {
        let mut keys = Vec::with_capacity(subjects.len());
        for _ in subjects {
            keys.push((KeyId(Uuid::now_v7()), DataKey::random().map_err(VaultError::Randomness)?));
        }
        let wrapped = self.provider.wrap(&keys).await.map_err(VaultError::Provider)?;
        let keys = subjects.iter().zip(keys).zip(wrapped);
        let fresh = keys.map(|((subject, (id, key)), wrapped)| {
            FreshKey::new(NewKey { id, subject: *subject, wrapped: wrapped.0.into() }, key)
        });
        Ok(fresh.collect())
    }

    /// Makes a key for each subject, in their order, and gives them once they are on disk.
    pub(super) async fn make(&self, subjects: &[SubjectId]) -> Result<Vec<FreshKey>, VaultError> {
        if subjects.is_empty() {
            return Ok(Vec::new());
        }
        let keys = self.draft(subjects).await?;
        let ids: Vec<Uuid> = keys.iter().map(|key| key.row().id.0).collect();
        let owners: Vec<&[u8]> = keys.iter().map(|key| key.row().subject.as_bytes().as_slice()).collect();
        let wrapped: Vec<&[u8]> = keys.iter().map(|key| &*key.row().wrapped).collect();
        self.query(INSERT_SQL, &[&ids, &owners, &wrapped]).await?;
        Ok(keys)
    }

    /// Keys by id; those that were destroyed without their bytes, those that never were not at all.
    pub(super) async fn keys(&self, ids: &[KeyId]) -> Result<Vec<(KeyId, Option<DataKey>)>, VaultError> {
        let rows = self.query(KEYS_SQL, &[&uuids(ids)]).await?;
        self.unwrap(&rows).await
    }

    /// All keys by one statement. Those that have come are unwrapped while the database sends on.
    pub(super) async fn all(&self) -> Result<Vec<(KeyId, Option<DataKey>)>, VaultError> {
        let client = within(self.client()).await?;
        let rows = within(async { Ok(client.query_raw(ALL_SQL, NO_PARAMETERS).await?) }).await?;
        let mut rows = pin!(rows.try_ready_chunks(MAX_STATEMENT_KEYS));
        let mut keys = Vec::new();
        while let Some(chunk) =
            within(async { rows.try_next().await.map_err(|error| error.1.into()) }).await?
        {
            keys.extend(self.unwrap(&chunk).await?);
            if keys.len() > MAX_LOADED_KEYS {
                return Err(VaultError::TooManyKeys { limit: MAX_LOADED_KEYS });
            }
        }
        Ok(keys)
    }

    pub(super) async fn live_ids(&self, subject: SubjectId) -> Result<Vec<KeyId>, VaultError> {
        let rows = self.query(LIVE_IDS_SQL, &[&subject.as_bytes().as_slice()]).await?;
        rows.iter().map(key_id).collect()
    }

    pub(super) async fn destroy(&self, ids: &[KeyId]) -> Result<(), VaultError> {
        self.query(DESTROY_SQL, &[&uuids(ids)]).await.map(|_| ())
    }

    pub(super) async fn destroy_of(&self, subject: SubjectId) -> Result<Vec<KeyId>, VaultError> {
        let rows = self.query(DESTROY_OF_SQL, &[&subject.as_bytes().as_slice()]).await?;
        rows.iter().map(key_id).collect()
    }

    async fn unwrap<'r>(
        &self,
        rows: impl IntoIterator<Item = &'r Row>,
    ) -> Result<Vec<(KeyId, Option<DataKey>)>, VaultError> {
        let (mut keys, mut wrapped) = (Vec::new(), Vec::new());
        for row in rows {
            let id = key_id(row)?;
            match row.try_get::<_, Option<Vec<u8>>>(1)? {
                Some(bytes) => wrapped.push((id, WrappedKey(bytes))),
                None => keys.push((id, None)),
            }
        }
        let unwrapped = self.provider.unwrap(&wrapped).await.map_err(VaultError::Provider)?;
        keys.extend(wrapped.iter().map(|(id, _)| *id).zip(unwrapped.into_iter().map(Some)));
        Ok(keys)
    }

    async fn client(&self) -> Result<Object, PostgresError> {
        self.pool.get().await.map_err(PostgresError::from)
    }

    async fn query(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, VaultError> {
        within(async {
            let client = self.client().await?;
            let statement = client.prepare_cached(sql).await?;
            Ok(client.query(&statement, parameters).await?)
        })
        .await
    }
}

async fn within<T>(answer: impl Future<Output = Result<T, PostgresError>>) -> Result<T, VaultError> {
    let late = |_| VaultError::Store(PostgresError::Deadline(STATEMENT_DEADLINE));
    tokio::time::timeout(STATEMENT_DEADLINE, answer).await.map_err(late)?.map_err(VaultError::Store)
}

fn uuids(ids: &[KeyId]) -> Vec<Uuid> {
    ids.iter().map(|id| id.0).collect()
}

fn key_id(row: &Row) -> Result<KeyId, VaultError> {
    Ok(KeyId(row.try_get(0)?))
}

/// A check of the table says that a subject has its 16 bytes.
fn subject(row: &Row, column: usize) -> Result<SubjectId, VaultError> {
    let bytes: &[u8] = row.try_get(column)?;
    Ok(SubjectId::from_bytes(bytes.try_into().unwrap_or_default()))
}
