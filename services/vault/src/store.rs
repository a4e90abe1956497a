//! The table `privacy.keys`. It holds wrapped keys only: this module wraps and unwraps them.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use daybook_domain::{KeyId, SubjectId};
use deadpool_postgres::{Object, Pool};
use futures_util::TryStreamExt;
use tokio::sync::mpsc;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::crypto::DataKey;
use crate::decryptor::Decryptor;
use crate::error::VaultError;
use crate::fresh_key::FreshKey;
use crate::master::{KeyProvider, WrappedKey};
use daybook_event_log::NewKey;
use daybook_event_log::postgres::PostgresError;
use daybook_event_log::postgres::binary::{BinaryCopy, BrokenCopy, Chunk};

/// Keys that one statement reads or creates.
pub const MAX_STATEMENT_KEYS: usize = 4096;

/// Keys that a replay may load.
const MAX_LOADED_KEYS: usize = 4_000_000;

/// Batches of keys, about one statement's worth each, that may wait to be unwrapped.
const WAITING_STATEMENTS: usize = 8;

/// Time limit for one statement, or for the next rows of a copy.
const STATEMENT_DEADLINE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone)]
pub(crate) struct LiveKey {
    pub(crate) subject: SubjectId,
    pub(crate) id: KeyId,
    pub(crate) key: DataKey,
}

impl From<FreshKey> for LiveKey {
    fn from(key: FreshKey) -> Self {
        let subject = key.row().subject;
        let (id, key) = key.into_live();
        Self { subject, id, key }
    }
}

#[derive(Clone)]
pub(crate) struct Store {
    pool: Pool,
    provider: Arc<dyn KeyProvider>,
}

const INSERT_SQL: &str = "\
    INSERT INTO privacy.keys (key_id, subject, wrapped_key) \
    SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bytea[])";

const LIVE_SQL: &str = "\
    SELECT key_id, wrapped_key, subject FROM privacy.keys WHERE subject = ANY($1) AND destroyed_at IS NULL";

const KEYS_SQL: &str = "SELECT key_id, wrapped_key FROM privacy.keys WHERE key_id = ANY($1)";

const COUNT_SQL: &str = "SELECT count(*) FROM privacy.keys";

const ALL_SQL: &str = "COPY (SELECT key_id, wrapped_key FROM privacy.keys) TO STDOUT (FORMAT binary)";

const LIVE_IDS_SQL: &str = "SELECT key_id FROM privacy.keys WHERE subject = $1 AND destroyed_at IS NULL";

const DESTROY_SQL: &str = "\
    UPDATE privacy.keys SET wrapped_key = NULL, destroyed_at = now() \
    WHERE key_id = ANY($1) AND destroyed_at IS NULL";

const DESTROY_LIVE_SQL: &str = "\
    UPDATE privacy.keys SET wrapped_key = NULL, destroyed_at = now() \
    WHERE subject = $1 AND destroyed_at IS NULL RETURNING key_id";

/// A row of the table. A destroyed key has no bytes.
type StoredKey = (KeyId, Option<Bytes>);

impl Store {
    pub(crate) fn new(pool: Pool, provider: Arc<dyn KeyProvider>) -> Self {
        Self { pool, provider }
    }

    pub(crate) async fn live(&self, subjects: &[SubjectId]) -> Result<Vec<LiveKey>, VaultError> {
        if subjects.is_empty() {
            return Ok(Vec::new());
        }
        let subjects: Vec<&[u8]> = subjects.iter().map(|subject| subject.as_bytes().as_slice()).collect();
        let rows = self.query(LIVE_SQL, &[&subjects]).await?;
        let stored = rows.iter().map(stored).collect::<Result<_, _>>()?;
        let mut keys: HashMap<KeyId, Option<DataKey>> = self.unwrap(stored).await?.into_iter().collect();
        let mut live = Vec::with_capacity(rows.len());
        for row in &rows {
            let (id, subject) = (key_id(row)?, subject(row, 2)?);
            live.extend(keys.remove(&id).flatten().map(|key| LiveKey { subject, id, key }));
        }
        Ok(live)
    }

    /// Creates a key for each subject, in their order. The caller stores them.
    pub(crate) async fn generate(&self, subjects: &[SubjectId]) -> Result<Vec<FreshKey>, VaultError> {
        let mut keys = Vec::with_capacity(subjects.len());
        for _ in subjects {
            keys.push((KeyId(Uuid::now_v7()), DataKey::random().map_err(VaultError::Randomness)?));
        }
        let wrapped = self.provider.wrap(&keys).await.map_err(VaultError::Provider)?;
        let keys = subjects.iter().zip(keys).zip(wrapped);
        let fresh = keys.map(|((subject, (id, key)), wrapped)| {
            FreshKey::new(NewKey { id, subject: *subject, wrapped: wrapped.0 }, key)
        });
        Ok(fresh.collect())
    }

    /// Creates and stores a key for each subject, in their order.
    pub(crate) async fn create(&self, subjects: &[SubjectId]) -> Result<Vec<FreshKey>, VaultError> {
        if subjects.is_empty() {
            return Ok(Vec::new());
        }
        let keys = self.generate(subjects).await?;
        let ids: Vec<Uuid> = keys.iter().map(|key| key.row().id.0).collect();
        let owners: Vec<&[u8]> = keys.iter().map(|key| key.row().subject.as_bytes().as_slice()).collect();
        let wrapped: Vec<&[u8]> = keys.iter().map(|key| &*key.row().wrapped).collect();
        self.query(INSERT_SQL, &[&ids, &owners, &wrapped]).await?;
        Ok(keys)
    }

    /// Keys by id. Destroyed keys come without bytes, unknown ones not at all.
    pub(crate) async fn keys(&self, ids: &[KeyId]) -> Result<Vec<(KeyId, Option<DataKey>)>, VaultError> {
        let rows = self.query(KEYS_SQL, &[&uuids(ids)]).await?;
        self.unwrap(rows.iter().map(stored).collect::<Result<_, _>>()?).await
    }

    /// All keys, by one COPY. A separate task unwraps keys while the database sends more.
    pub(crate) async fn load_all(&self) -> Result<Decryptor, VaultError> {
        let client = within(self.client()).await?;
        let count: i64 = within(async { Ok(client.query_one(COUNT_SQL, &[]).await?.try_get(0)?) }).await?;
        let decryptor = Decryptor::with_capacity((count as usize).min(MAX_LOADED_KEYS));
        let rows = within(async { Ok(client.copy_out(ALL_SQL).await?) }).await?;
        let mut rows = pin!(rows.try_ready_chunks(MAX_STATEMENT_KEYS));
        let mut copy = BinaryCopy::new(2);
        let (arrived, wrapped) = mpsc::channel(WAITING_STATEMENTS);
        let decryptor = AbortOnDropHandle::new(tokio::spawn(self.clone().fill(decryptor, wrapped)));
        while let Some(chunks) =
            within(async { rows.try_next().await.map_err(|error| error.1.into()) }).await?
        {
            let stored =
                read_stored(&mut copy, &chunks).map_err(|broken| VaultError::Store(broken.into()))?;
            if arrived.send(stored).await.is_err() {
                // The task has ended. Awaiting it below returns its error.
                break;
            }
        }
        drop(arrived);
        decryptor.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }

    async fn fill(
        self,
        mut decryptor: Decryptor,
        mut wrapped: mpsc::Receiver<Vec<StoredKey>>,
    ) -> Result<Decryptor, VaultError> {
        while let Some(stored) = wrapped.recv().await {
            for (id, key) in self.unwrap(stored).await? {
                decryptor.insert(id, key);
            }
            if decryptor.len() > MAX_LOADED_KEYS {
                return Err(VaultError::TooManyKeys { limit: MAX_LOADED_KEYS });
            }
        }
        Ok(decryptor)
    }

    pub(crate) async fn live_ids(&self, subject: SubjectId) -> Result<Vec<KeyId>, VaultError> {
        let rows = self.query(LIVE_IDS_SQL, &[&subject.as_bytes().as_slice()]).await?;
        rows.iter().map(key_id).collect()
    }

    pub(crate) async fn destroy(&self, ids: &[KeyId]) -> Result<(), VaultError> {
        self.query(DESTROY_SQL, &[&uuids(ids)]).await.map(|_| ())
    }

    pub(crate) async fn destroy_live(&self, subject: SubjectId) -> Result<Vec<KeyId>, VaultError> {
        let rows = self.query(DESTROY_LIVE_SQL, &[&subject.as_bytes().as_slice()]).await?;
        rows.iter().map(key_id).collect()
    }

    /// Destroyed keys pass through without bytes.
    async fn unwrap(&self, stored: Vec<StoredKey>) -> Result<Vec<(KeyId, Option<DataKey>)>, VaultError> {
        let (mut keys, mut wrapped) = (Vec::with_capacity(stored.len()), Vec::with_capacity(stored.len()));
        for (id, bytes) in stored {
            match bytes {
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

fn stored(row: &Row) -> Result<StoredKey, VaultError> {
    let bytes: Option<&[u8]> = row.try_get(1)?;
    Ok((key_id(row)?, bytes.map(Bytes::copy_from_slice)))
}

fn read_stored(copy: &mut BinaryCopy, chunks: &[Bytes]) -> Result<Vec<StoredKey>, BrokenCopy> {
    let mut stored = Vec::with_capacity(chunks.len());
    for chunk in chunks {
        let mut rows = Chunk::new(chunk);
        while copy.next_row(&mut rows)? {
            let id = KeyId(Uuid::from_bytes(rows.fixed()?));
            stored.push((id, rows.nullable()?.map(|bytes| chunk.slice_ref(bytes))));
        }
    }
    Ok(stored)
}

fn key_id(row: &Row) -> Result<KeyId, VaultError> {
    Ok(KeyId(row.try_get(0)?))
}

/// A check constraint guarantees that a subject has 16 bytes.
fn subject(row: &Row, column: usize) -> Result<SubjectId, VaultError> {
    let bytes: &[u8] = row.try_get(column)?;
    Ok(SubjectId::from_bytes(bytes.try_into().unwrap_or_default()))
}
