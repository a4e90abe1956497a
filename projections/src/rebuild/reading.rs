//! The log into folds: one task reads, and three threads work on what it hands them, one after the other. The first
//! decodes, the second opens what is sealed, the third folds for all views that are rebuilt.

use std::sync::Arc;

use daybook_domain::ReadModel;
use daybook_event_log::vault::{Opener, Vault};
use daybook_event_log::{EventLog, Filter, Position, Recorded};
use futures_util::TryStreamExt;
use futures_util::future::join3;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::PhaseClock;
use crate::ViewError;
use crate::effect::{Batch, Decoded, Interpreter};
use crate::fold::{Fold, Reference};
use crate::row::dynamic::DynamicRow;
use crate::row::legacy::LegacyRow;

/// Events that are handed from thread to thread at once.
const CHUNK_EVENTS: usize = 2048;

/// Chunks that wait for each of the threads, at most.
const WAITING_CHUNKS: usize = 4;

/// What the log adds up to.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) legacy: Option<Fold<LegacyRow>>,
    pub(super) dynamic: Option<Fold<DynamicRow>>,
    pub(super) position: Position,
}

impl Read {
    fn new(models: &[ReadModel]) -> Self {
        let wanted = |model| models.contains(model);
        Self {
            legacy: wanted(&ReadModel::Legacy).then(|| Fold::whole(Reference::default())),
            dynamic: wanted(&ReadModel::Dynamic).then(|| Fold::whole(Reference::default())),
            position: Position::START,
        }
    }

    fn take_in(&mut self, batch: &Batch) {
        if let Some(fold) = &mut self.legacy {
            batch.effects.iter().for_each(|effect| fold.apply(effect));
        }
        if let Some(fold) = &mut self.dynamic {
            batch.effects.iter().for_each(|effect| fold.apply(effect));
        }
        self.position = batch.last;
    }
}

/// Reads the whole log as it stands now.
pub(super) async fn read(
    log: &Arc<dyn EventLog>,
    vault: &Vault,
    models: &[ReadModel],
    clock: &mut PhaseClock<'_>,
) -> Result<Read, ViewError> {
    let head = log.head().await?;
    let events = log.read_all(Position::START, &Filter::all()).await?;
    let (recorded, to_decode) = mpsc::channel(WAITING_CHUNKS);
    let (decoded, to_open) = mpsc::channel(WAITING_CHUNKS);
    let (opened, to_fold) = mpsc::channel(WAITING_CHUNKS);
    let read = Read::new(models);
    let decoding = spawn_blocking(move || decode_all(to_decode, &decoded));
    // Keys are on disk no later than the events that need them, so those of all events of this snapshot are there by now.
    let opening = async {
        let opener = vault.load_all_keys().await?;
        finished(spawn_blocking(move || open_all(to_open, &opened, &opener))).await
    };
    let folding = spawn_blocking(move || fold_all(read, to_fold));
    // Whoever fails says why; the others end early for want of work or of somebody who takes it.
    let (sent, decoded, opened) =
        join3(send_all(events, recorded, head, clock), finished(decoding), opening).await;
    let folded = finished(folding).await;
    sent.and(decoded).and(opened).map(|()| folded)
}

/// What a thread came to. A panic goes on here.
async fn finished<T>(thread: JoinHandle<T>) -> T {
    thread.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

async fn send_all(
    events: daybook_event_log::RecordedStream,
    sender: mpsc::Sender<Vec<Recorded>>,
    head: Position,
    clock: &mut PhaseClock<'_>,
) -> Result<(), ViewError> {
    let mut chunks = events.try_chunks(CHUNK_EVENTS);
    while let Some(chunk) = chunks.try_next().await.map_err(|broken| ViewError::Log(broken.1))? {
        let (count, last) = (chunk.len() as u64, chunk.last().map_or(head, |event| event.position));
        if sender.send(chunk).await.is_err() {
            // The decoding thread has stopped: it says why.
            return Ok(());
        }
        clock.read(count, (last.commit() as f64 / head.commit().max(1) as f64).min(1.0));
    }
    Ok(())
}

fn decode_all(
    mut chunks: mpsc::Receiver<Vec<Recorded>>,
    decoded: &mpsc::Sender<Vec<Decoded>>,
) -> Result<(), ViewError> {
    while let Some(chunk) = chunks.blocking_recv() {
        let mut events = Vec::with_capacity(chunk.len());
        for recorded in &chunk {
            events.push(Decoded::read(recorded)?);
        }
        if decoded.blocking_send(events).is_err() {
            break;
        }
    }
    Ok(())
}

fn open_all(
    mut chunks: mpsc::Receiver<Vec<Decoded>>,
    opened: &mpsc::Sender<Batch>,
    opener: &Opener,
) -> Result<(), ViewError> {
    let mut interpreter = Interpreter::default();
    while let Some(chunk) = chunks.blocking_recv() {
        // The folding thread takes all there is; where it has panicked, that is told when it is waited for.
        if opened.blocking_send(interpreter.interpret_all(chunk, opener)?).is_err() {
            break;
        }
    }
    Ok(())
}

fn fold_all(mut read: Read, mut chunks: mpsc::Receiver<Batch>) -> Read {
    while let Some(chunk) = chunks.blocking_recv() {
        read.take_in(&chunk);
    }
    read
}
