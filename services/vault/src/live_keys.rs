//! Finding the live keys of subjects, and making keys for those who have none: all that wait are served together, since a
//! booking must not cost a lookup, let alone a commit, of its own when many book at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use daybook_domain::{KeyId, SubjectId};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::crypto::DataKey;
use crate::error::VaultError;
use crate::fresh_key::FreshKey;
use crate::store::Store;

/// Subjects that are served by one statement.
pub const MAX_GROUP_SUBJECTS: usize = 512;

/// Groups that are served at the same time: while the keys of one are looked for or written, the next is served.
const GROUPS_UNDER_WAY: usize = 2;

/// Subjects that may wait. Who finds the queue full waits for a place in it.
const QUEUE_SUBJECTS: usize = 1024;

/// A live key of a subject, or one that may become it.
pub(crate) enum Found {
    /// A key that is on disk.
    Kept(KeyId, DataKey),
    /// A key that is not: it has to be kept together with what it seals.
    Fresh(FreshKey),
}

type Answer = Result<Found, VaultError>;

/// The way to the task that finds keys, which ends with the last clone.
#[derive(Clone)]
pub(crate) struct Finder {
    queue: mpsc::Sender<Wanted>,
}

struct Wanted {
    subject: SubjectId,
    /// Whether a new key is to be kept before it is given out.
    keep: bool,
    reply: oneshot::Sender<Answer>,
}

impl Finder {
    pub(crate) fn start(store: Store) -> Self {
        let (queue, wanted) = mpsc::channel(QUEUE_SUBJECTS);
        tokio::spawn(run(store, wanted));
        Self { queue }
    }

    /// A live key of a subject, made where there is none. Each statement of the task has a deadline, so this has too.
    pub(crate) async fn find(&self, subject: SubjectId, keep: bool) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Wanted { subject, keep, reply }).await.map_err(|_| VaultError::Overloaded)?;
        answer.await.map_err(|_| VaultError::Overloaded)?
    }
}

async fn run(store: Store, mut queue: mpsc::Receiver<Wanted>) {
    let under_way = Arc::new(Semaphore::new(GROUPS_UNDER_WAY));
    while let Ok(turn) = Arc::clone(&under_way).acquire_owned().await {
        let Some(first) = queue.recv().await else { break };
        // Who was just answered comes back in company: to wait for them once makes groups larger and statements fewer.
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

/// Answers a group. Whoever no longer waits finds the key when asking again.
async fn serve(store: &Store, group: Vec<Wanted>) {
    let left = match store.live(&subjects_of(&group)).await {
        Ok(keys) => {
            let keys = keys.into_iter().map(|live| (live.subject, (live.id, live.key))).collect();
            answer_kept(group, &keys)
        }
        Err(error) => return refuse(group, error),
    };
    let (to_keep, to_give): (Vec<_>, Vec<_>) = left.into_iter().partition(|wanted| wanted.keep);
    give(store, to_give).await;
    keep(store, to_keep).await;
}

/// Makes a key for each who will keep it, also where two have one subject: only one of them may get to keep theirs.
async fn give(store: &Store, group: Vec<Wanted>) {
    let subjects: Vec<SubjectId> = group.iter().map(|wanted| wanted.subject).collect();
    match store.draft(&subjects).await {
        Ok(keys) => group
            .into_iter()
            .zip(keys)
            .for_each(|(wanted, key)| drop(wanted.reply.send(Ok(Found::Fresh(key))))),
        Err(error) => refuse(group, error),
    }
}

/// Makes one key for each subject and keeps it.
async fn keep(store: &Store, group: Vec<Wanted>) {
    match store.make(&subjects_of(&group)).await {
        Ok(keys) => {
            let keys = keys.into_iter().map(|key| (key.row().subject, key.into_live())).collect();
            refuse(answer_kept(group, &keys), VaultError::Overloaded);
        }
        Err(error) => refuse(group, error),
    }
}

fn subjects_of(group: &[Wanted]) -> Vec<SubjectId> {
    let subjects: HashSet<SubjectId> = group.iter().map(|wanted| wanted.subject).collect();
    subjects.into_iter().collect()
}

/// Answers all whose key is there, and gives the others.
fn answer_kept(group: Vec<Wanted>, keys: &HashMap<SubjectId, (KeyId, DataKey)>) -> Vec<Wanted> {
    let mut left = Vec::new();
    for wanted in group {
        match keys.get(&wanted.subject) {
            Some((id, key)) => drop(wanted.reply.send(Ok(Found::Kept(*id, key.clone())))),
            None => left.push(wanted),
        }
    }
    left
}

fn refuse(group: Vec<Wanted>, error: VaultError) {
    let error = Arc::new(error);
    for wanted in group {
        drop(wanted.reply.send(Err(VaultError::Shared(Arc::clone(&error)))));
    }
}
