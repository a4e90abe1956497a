//! Making keys for new subjects, all that wait in one statement: a new patient's booking must not cost a commit of its
//! own for the key when many book at once.

use std::collections::HashMap;
use std::sync::Arc;

use daybook_domain::{KeyId, SubjectId};
use tokio::sync::{mpsc, oneshot};

use super::crypto::DataKey;
use super::error::VaultError;
use super::store::{LiveKey, Store};

/// Subjects whose keys are made by one statement.
pub const MAX_GROUP_SUBJECTS: usize = 512;

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
    let mut group = Vec::with_capacity(MAX_GROUP_SUBJECTS);
    while queue.recv_many(&mut group, MAX_GROUP_SUBJECTS).await > 0 {
        // Who was just answered comes back in company: to wait for them once makes groups larger and commits fewer.
        tokio::task::yield_now().await;
        while group.len() < MAX_GROUP_SUBJECTS {
            let Ok(wanted) = queue.try_recv() else { break };
            group.push(wanted);
        }
        group.retain(|wanted| !wanted.reply.is_closed());
        let mut subjects: Vec<SubjectId> = group.iter().map(|wanted| wanted.subject).collect();
        subjects.sort_unstable();
        subjects.dedup();
        let keys = if subjects.is_empty() { Ok(Vec::new()) } else { store.live_or_new(&subjects).await };
        answer(group.drain(..), keys);
    }
}

fn answer(group: impl Iterator<Item = Wanted>, keys: Result<Vec<LiveKey>, VaultError>) {
    let by_subject = |keys: Vec<LiveKey>| keys.into_iter().map(|live| (live.subject, (live.id, live.key)));
    let keys = keys.map(|keys| by_subject(keys).collect::<HashMap<_, _>>()).map_err(Arc::new);
    for Wanted { subject, reply } in group {
        let answer = match &keys {
            Ok(keys) => keys.get(&subject).cloned().ok_or(VaultError::Forgotten(subject)),
            Err(error) => Err(VaultError::Shared(Arc::clone(error))),
        };
        // Whoever no longer waits finds the key when asking again.
        drop(reply.send(answer));
    }
}
