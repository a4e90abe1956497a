//! Making keys for new subjects, all that wait in one statement: a new patient's booking must not cost a commit of its
//! own for the key when many book at once.

use std::collections::HashMap;
use std::sync::Arc;

use daybook_domain::{KeyId, SubjectId};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::crypto::DataKey;
use super::error::VaultError;
use super::store::{LiveKey, Store};

/// Subjects whose keys are made by one statement.
pub const MAX_GROUP_SUBJECTS: usize = 512;

/// Groups that are served at the same time: while the keys of one are written to disk, those of the next are made.
const GROUPS_UNDER_WAY: usize = 2;

/// Subjects that may wait. Who finds the queue full waits for a place in it.
const QUEUE_SUBJECTS: usize = 1024;

type Answer = Result<(KeyId, DataKey), VaultError>;

/// The way to the task that makes keys, which ends with the last clone.
#[derive(Clone)]
pub(super) struct Creator {
    queue: mpsc::Sender<Wanted>,
}

struct Wanted {
    subject: SubjectId,
    reply: oneshot::Sender<Answer>,
}

impl Creator {
    pub(super) fn start(store: Store) -> Self {
        let (queue, wanted) = mpsc::channel(QUEUE_SUBJECTS);
        tokio::spawn(run(store, wanted));
        Self { queue }
    }

    /// The live key of a subject, made where there is none. Each statement of the task has a deadline, so this has too.
    pub(super) async fn live_key(&self, subject: SubjectId) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Wanted { subject, reply }).await.map_err(|_| VaultError::Overloaded)?;
        answer.await.map_err(|_| VaultError::Overloaded)?
    }
}

async fn run(store: Store, mut queue: mpsc::Receiver<Wanted>) {
    let under_way = Arc::new(Semaphore::new(GROUPS_UNDER_WAY));
    while let Ok(turn) = Arc::clone(&under_way).acquire_owned().await {
        let Some(first) = queue.recv().await else { break };
        // Who was just answered comes back in company: to wait for them once makes groups larger and commits fewer.
        tokio::task::yield_now().await;
        let mut group = vec![first];
        while group.len() < MAX_GROUP_SUBJECTS {
            let Ok(wanted) = queue.try_recv() else { break };
            group.push(wanted);
        }
        group.retain(|wanted| !wanted.reply.is_closed());
        let store = store.clone();
        tokio::spawn(async move {
            serve(&store, group).await;
            drop(turn);
        });
    }
}

/// Makes keys first and looks for keys second: most who ask have none, since a key that was used lately is at hand.
async fn serve(store: &Store, group: Vec<Wanted>) {
    let made = store.make(&subjects_of(&group)).await;
    let left = answer(group, made);
    if left.is_empty() {
        return;
    }
    let found = store.live(&subjects_of(&left)).await;
    for Wanted { subject, reply } in answer(left, found) {
        drop(reply.send(Err(VaultError::Forgotten(subject))));
    }
}

/// In the order in which keys are made, so that two groups do not wait for each other.
fn subjects_of(group: &[Wanted]) -> Vec<SubjectId> {
    let mut subjects: Vec<SubjectId> = group.iter().map(|wanted| wanted.subject).collect();
    subjects.sort_unstable();
    subjects.dedup();
    subjects
}

/// Answers all whose key is there, or all where asking failed. Gives the others. Whoever no longer waits finds the key when
/// asking again.
fn answer(group: Vec<Wanted>, keys: Result<Vec<LiveKey>, VaultError>) -> Vec<Wanted> {
    let keys: HashMap<SubjectId, (KeyId, DataKey)> = match keys {
        Ok(keys) => keys.into_iter().map(|live| (live.subject, (live.id, live.key))).collect(),
        Err(error) => {
            let error = Arc::new(error);
            for wanted in group {
                drop(wanted.reply.send(Err(VaultError::Shared(Arc::clone(&error)))));
            }
            return Vec::new();
        }
    };
    let mut left = Vec::new();
    for wanted in group {
        match keys.get(&wanted.subject) {
            Some(key) => drop(wanted.reply.send(Ok(key.clone()))),
            None => left.push(wanted),
        }
    }
    left
}
