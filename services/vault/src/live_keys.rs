//! Looks up the live keys of subjects and creates missing ones. One task serves waiting requests in groups,
//! so that many concurrent bookings do not cost a lookup and a commit each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use daybook_domain::{KeyId, SubjectId};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::crypto::DataKey;
use crate::error::VaultError;
use crate::fresh_key::FreshKey;
use crate::store::Store;

/// Subjects that one statement serves.
pub const MAX_GROUP_SUBJECTS: usize = 512;

/// Groups served at the same time: while one waits for the database, the next is collected.
const CONCURRENT_GROUPS: usize = 2;

/// Requests that may wait. When the queue is full, callers wait for room.
const QUEUE_SUBJECTS: usize = 1024;

pub(crate) enum SubjectKey {
    Stored(KeyId, DataKey),
    /// A new key, to be stored together with the text it seals.
    Fresh(FreshKey),
}

type LookupResult = Result<SubjectKey, VaultError>;

/// A handle to the lookup task, which ends when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct KeyLookup {
    queue: mpsc::Sender<KeyRequest>,
}

struct KeyRequest {
    subject: SubjectId,
    /// Whether a new key is stored before the reply.
    persist: bool,
    reply: oneshot::Sender<LookupResult>,
}

impl KeyLookup {
    pub(crate) fn start(store: Store) -> Self {
        let (queue, requests) = mpsc::channel(QUEUE_SUBJECTS);
        tokio::spawn(run(store, requests));
        Self { queue }
    }

    /// A live key of a subject, created if there is none. Bounded, because each statement of the task has a
    /// deadline.
    pub(crate) async fn find(&self, subject: SubjectId, persist: bool) -> LookupResult {
        let (reply, answer) = oneshot::channel();
        self.queue.send(KeyRequest { subject, persist, reply }).await.map_err(|_| VaultError::Overloaded)?;
        answer.await.map_err(|_| VaultError::Overloaded)?
    }
}

async fn run(store: Store, mut queue: mpsc::Receiver<KeyRequest>) {
    let slots = Arc::new(Semaphore::new(CONCURRENT_GROUPS));
    while let Ok(permit) = Arc::clone(&slots).acquire_owned().await {
        let Some(first) = queue.recv().await else { break };
        // Callers that were just answered tend to ask again together. Yielding once makes groups larger.
        tokio::task::yield_now().await;
        let mut group = vec![first];
        while group.len() < MAX_GROUP_SUBJECTS {
            let Ok(request) = queue.try_recv() else { break };
            group.push(request);
        }
        group.retain(|request| !request.reply.is_closed());
        let store = store.clone();
        tokio::spawn(async move {
            serve(&store, group).await;
            drop(permit);
        });
    }
}

/// A caller that stopped waiting finds the key when it asks again.
async fn serve(store: &Store, group: Vec<KeyRequest>) {
    let missing = match store.live(&subjects_of(&group)).await {
        Ok(keys) => {
            let keys = keys.into_iter().map(|live| (live.subject, (live.id, live.key))).collect();
            reply_stored(group, &keys)
        }
        Err(error) => return reply_error(group, error),
    };
    let (to_store, to_reply): (Vec<_>, Vec<_>) = missing.into_iter().partition(|request| request.persist);
    reply_fresh(store, to_reply).await;
    reply_after_storing(store, to_store).await;
}

/// Creates one key per request, even if two requests name one subject: either append may fail.
async fn reply_fresh(store: &Store, group: Vec<KeyRequest>) {
    let subjects: Vec<SubjectId> = group.iter().map(|request| request.subject).collect();
    match store.generate(&subjects).await {
        Ok(keys) => group
            .into_iter()
            .zip(keys)
            .for_each(|(request, key)| drop(request.reply.send(Ok(SubjectKey::Fresh(key))))),
        Err(error) => reply_error(group, error),
    }
}

/// Creates and stores one key per subject.
async fn reply_after_storing(store: &Store, group: Vec<KeyRequest>) {
    match store.create(&subjects_of(&group)).await {
        Ok(keys) => {
            let keys = keys.into_iter().map(|key| (key.row().subject, key.into_live())).collect();
            reply_error(reply_stored(group, &keys), VaultError::Overloaded);
        }
        Err(error) => reply_error(group, error),
    }
}

fn subjects_of(group: &[KeyRequest]) -> Vec<SubjectId> {
    let subjects: HashSet<SubjectId> = group.iter().map(|request| request.subject).collect();
    subjects.into_iter().collect()
}

/// Replies to requests whose key is stored and returns the others.
fn reply_stored(group: Vec<KeyRequest>, keys: &HashMap<SubjectId, (KeyId, DataKey)>) -> Vec<KeyRequest> {
    let mut missing = Vec::new();
    for request in group {
        match keys.get(&request.subject) {
            Some((id, key)) => drop(request.reply.send(Ok(SubjectKey::Stored(*id, key.clone())))),
            None => missing.push(request),
        }
    }
    missing
}

fn reply_error(group: Vec<KeyRequest>, error: VaultError) {
    let error = Arc::new(error);
    for request in group {
        drop(request.reply.send(Err(VaultError::Shared(Arc::clone(&error)))));
    }
}
