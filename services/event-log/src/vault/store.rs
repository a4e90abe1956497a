//! The table of keys. Keys go in wrapped and come out unwrapped; both happen here and nowhere else.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use daybook_domain::{KeyId, SubjectId};
use deadpool_postgres::{Object, Pool};
use futures_util::future::try_join;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::crypto::DataKey;
use super::error::VaultError;
use super::master::{KeyProvider, WrappedKey};
use crate::postgres::PostgresError;

/// Keys that one statement asks for or makes.
pub const MAX_STATEMENT_KEYS: usize = 4096;

/// Keys that are loaded for a replay, at most.
const MAX_LOADED_KEYS: usize = 4_000_000;

/// Longest time for one statement.
const STATEMENT_DEADLINE: Duration = Duration::from_secs(10);

/// The live key of a subject.
#[derive(Debug, Clone)]
pub(super) struct LiveKey {
    pub(super) subject: SubjectId,
    pub(super) id: KeyId,
    pub(super) key: DataKey,
}

/// The table, and who unwraps what is in it.
#[derive(Clone)]
pub(super) struct Store {
    pool: Pool,
    provider: Arc<dyn KeyProvider>,
}

const INSERT_SQL: &str = "\
    INSERT INTO privacy.keys (key_id, subject, wrapped_key) \
    SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) \
    ON CONFLICT (subject) WHERE destroyed_at IS NULL DO NOTHING";

const LIVE_SQL: &str = "\
    SELECT key_id, wrapped_key, subject FROM privacy.keys WHERE subject = ANY($1) AND destroyed_at IS NULL";

const KEYS_SQL: &str = "SELECT key_id, wrapped_key FROM privacy.keys WHERE key_id = ANY($1)";

const ALL_SQL: &str =
    "SELECT key_id, wrapped_key FROM privacy.keys WHERE key_id > $1 ORDER BY key_id LIMIT $2";

const LIVE_IDS_SQL: &str = "SELECT key_id FROM privacy.keys WHERE subject = $1 AND destroyed_at IS NULL";

const DESTROY_SQL: &str = "\
    UPDATE privacy.keys SET wrapped_key = NULL, destroyed_at = now() \
    WHERE key_id = ANY($1) AND destroyed_at IS NULL";

const DESTROY_OF_SQL: &str = "\
    UPDATE privacy.keys SET wrapped_key = NULL, destroyed_at = now() \
    WHERE subject = $1 AND destroyed_at IS NULL RETURNING key_id";

impl Store {
    pub(super) fn new(pool: Pool, provider: Arc<dyn KeyProvider>) -> Self {
        Self { pool, provider }
    }

    /// The live keys of subjects, made where there are none and on disk before they are given out.
    ///
    /// Whoever makes a key at the same moment finds that of the other. Subjects have to be sorted and differ: two
    /// statements that insert in one order cannot wait for each other.
    pub(super) async fn live_or_new(&self, subjects: &[SubjectId]) -> Result<Vec<LiveKey>, VaultError> {
        let mut keys = Vec::with_capacity(subjects.len());
        for _ in subjects {
            keys.push((KeyId(Uuid::now_v7()), DataKey::random().map_err(VaultError::Randomness)?));
        }
        let wrapped = self.provider.wrap(&keys).await.map_err(VaultError::Provider)?;
        let ids: Vec<Uuid> = keys.iter().map(|(id, _)| id.0).collect();
        let subjects: Vec<&[u8]> = subjects.iter().map(|subject| subject.as_bytes().as_slice()).collect();
        let wrapped: Vec<&[u8]> = wrapped.iter().map(|key| key.0.as_slice()).collect();
        let rows = within(async {
            let client = self.client().await?;
            let (insert, live) =
                try_join(client.prepare_cached(INSERT_SQL), client.prepare_cached(LIVE_SQL)).await?;
            let (new, wanted): ([&(dyn ToSql + Sync); 3], [&(dyn ToSql + Sync); 1]) =
                ([&ids, &subjects, &wrapped], [&subjects]);
            // Two transactions, sent without waiting: the second sees what others made first.
            let (_, rows) = try_join(client.execute(&insert, &new), client.query(&live, &wanted)).await?;
            Ok(rows)
        })
        .await?;
        self.read_live(&rows, &keys).await
    }

    /// What was made just now need not be unwrapped again.
    async fn read_live(&self, rows: &[Row], made: &[(KeyId, DataKey)]) -> Result<Vec<LiveKey>, VaultError> {
        let made: HashMap<KeyId, &DataKey> = made.iter().map(|(id, key)| (*id, key)).collect();
        let found: Vec<&Row> =
            rows.iter().filter(|row| !key_id(row).is_ok_and(|id| made.contains_key(&id))).collect();
        let unwrapped: HashMap<KeyId, Option<DataKey>> = self.unwrap(found).await?.into_iter().collect();
        let mut live = Vec::with_capacity(rows.len());
        for row in rows {
            let (id, subject) = (key_id(row)?, subject(row)?);
            let key =
                made.get(&id).map(|key| (*key).clone()).or_else(|| unwrapped.get(&id).cloned().flatten());
            live.extend(key.map(|key| LiveKey { subject, id, key }));
        }
        Ok(live)
    }

    /// Keys by id; those that were destroyed without their bytes, those that never were not at all.
    pub(super) async fn keys(&self, ids: &[KeyId]) -> Result<Vec<(KeyId, Option<DataKey>)>, VaultError> {
        let rows = self.query(KEYS_SQL, &[&uuids(ids)]).await?;
        self.unwrap(&rows).await
    }

    /// All keys, statement after statement.
    pub(super) async fn all(&self) -> Result<Vec<(KeyId, Option<DataKey>)>, VaultError> {
        let (mut keys, mut last) = (Vec::new(), Uuid::nil());
        while keys.len() <= MAX_LOADED_KEYS {
            let rows = self.query(ALL_SQL, &[&last, &(MAX_STATEMENT_KEYS as i64)]).await?;
            let page = self.unwrap(&rows).await?;
            let Some(id) = page.iter().map(|(id, _)| id.0).max() else {
                return Ok(keys);
            };
            last = id;
            keys.extend(page);
        }
        Err(VaultError::TooManyKeys { limit: MAX_LOADED_KEYS })
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
fn subject(row: &Row) -> Result<SubjectId, VaultError> {
    let bytes: &[u8] = row.try_get(2)?;
    Ok(SubjectId::from_bytes(bytes.try_into().unwrap_or_default()))
}
