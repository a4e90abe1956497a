//! Reads the log into histories: one task reads, and three threads work in a row. The first decodes, the second
//! decrypts, the third builds histories.
//!
//! It must never use more memory than it was given: days that do not fit are left to another pass.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::NaiveDate;
use daybook_event_log::{EventLog, Filter, PageRange, Position, RecordedEvent, StreamName};
use daybook_vault::{Decryptor, Vault};
use futures_util::TryStreamExt;
use futures_util::future::join3;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::PhaseClock;
use super::memory_budget::MemoryBudget;
use super::rebuild_interpreter::{FailureLog, RebuildInterpreter};
use crate::control::error::ViewError;
use crate::control::ids::SkippedPositions;
use crate::projection::change::{DecodedChange, DecodedEvent};
use crate::projection::histories::{Histories, Homes};

/// Events that are passed between threads at once.
const CHUNK_EVENTS: usize = 512;

/// Most chunks that wait for each thread.
const WAITING_CHUNKS: usize = 20;

/// The type of the event with which a reservation comes to another day, as stored.
const MOVED_IN: &str = "ReservationMovedIn";

/// The input of a replay.
#[derive(Debug, Clone)]
pub(super) struct ReplaySource {
    pub(super) log: Arc<dyn EventLog>,
    pub(super) vault: Vault,
    /// Position of the last event to apply.
    pub(super) to: Position,
    pub(super) memory: MemoryBudget,
    pub(super) discarded: SkippedPositions,
    /// Records events that cannot be applied; without it the first of them ends the replay.
    pub(super) failures: Option<FailureLog>,
    /// All keys, once a pass has loaded them.
    pub(super) keys: Option<Arc<Decryptor>>,
}

impl ReplaySource {
    /// The same input, but failing events are recorded and skipped.
    pub(super) fn recording_failures(self, failures: FailureLog) -> Self {
        Self { failures: Some(failures), ..self }
    }
}

/// Events on their way between threads.
struct Chunk<T> {
    events: Vec<T>,
    /// Streams of the events that this pass leaves out.
    skipped: Vec<StreamName>,
}

/// Reads a range of days and all other streams, from the start up to the end of the source.
pub(super) async fn read(
    source: &mut ReplaySource,
    pages: PageRange,
    homes: Option<Homes>,
    clock: &mut PhaseClock<'_>,
) -> Result<Histories, ViewError> {
    let events = source.log.read_all(Position::START, &Filter::all().with_pages(pages)).await?;
    let (recorded, to_decode) = mpsc::channel(WAITING_CHUNKS);
    let (decoded, to_decrypt) = mpsc::channel(WAITING_CHUNKS);
    let (decrypted, to_gather) = mpsc::channel(WAITING_CHUNKS);
    let selected = SelectedDays(Arc::new(Mutex::new(pages)));
    let decoding = spawn_blocking({
        let selected = selected.clone();
        move || decode_all(to_decode, &decoded, &selected)
    });
    let memory = source.memory.clone();
    let gathering = spawn_blocking(move || build_histories(to_gather, homes, &memory, &selected));
    let to = source.to;
    let interpreter = RebuildInterpreter::new(source.discarded.clone(), source.failures.clone());
    // Keys are stored before the events that need them, so the keys of all events up to the end exist by now.
    let decrypting = async {
        let keys = keys(source).await?;
        finished(spawn_blocking(move || decrypt_all(to_decrypt, &decrypted, &keys, interpreter))).await?
    };
    // A stage that fails returns the error; the others then end early without input or without a receiver.
    let (sent, decoded, decrypted) =
        join3(send_all(events, recorded, to, clock), finished(decoding), decrypting).await;
    let histories = finished(gathering).await;
    sent.and(decoded).and(decrypted).and(histories)
}

/// All keys, loaded once for all passes.
async fn keys(source: &mut ReplaySource) -> Result<Arc<Decryptor>, ViewError> {
    if let Some(keys) = &source.keys {
        return Ok(Arc::clone(keys));
    }
    let keys = Arc::new(source.vault.load_all_keys().await?);
    source.memory.hold_keys(keys.len());
    Ok(Arc::clone(source.keys.insert(keys)))
}

/// Waits for a thread.
///
/// # Errors
/// [`ViewError::Panicked`] if it panicked.
pub(super) async fn finished<T>(thread: JoinHandle<T>) -> Result<T, ViewError> {
    thread.await.map_err(|_panic| ViewError::Panicked)
}

/// Sends events up to a position and reports the progress.
async fn send_all(
    events: daybook_event_log::RecordedStream,
    sender: mpsc::Sender<Vec<RecordedEvent>>,
    to: Position,
    clock: &mut PhaseClock<'_>,
) -> Result<(), ViewError> {
    let mut chunks = events.try_chunks(CHUNK_EVENTS);
    while let Some(mut chunk) = chunks.try_next().await.map_err(|broken| ViewError::Log(broken.1))? {
        let is_last = chunk.last().is_some_and(|last| last.position > to);
        chunk.retain(|event| event.position <= to);
        let (count, last) = (chunk.len() as u64, chunk.last().map_or(to, |event| event.position));
        if sender.send(chunk).await.is_err() {
            // A thread has stopped and returns the error.
            return Ok(());
        }
        clock.read(count, (last.commit() as f64 / to.commit().max(1) as f64).min(1.0));
        if is_last {
            break;
        }
    }
    Ok(())
}

fn decode_all(
    mut chunks: mpsc::Receiver<Vec<RecordedEvent>>,
    decoded: &mpsc::Sender<Chunk<DecodedEvent>>,
    selected: &SelectedDays,
) {
    while let Some(recorded) = chunks.blocking_recv() {
        let bounds = selected.get().bounds();
        let mut chunk = Chunk { events: Vec::with_capacity(recorded.len()), skipped: Vec::new() };
        for recorded in recorded {
            // A move tells the days that are included that a row is no longer theirs.
            if bounds.matches(&recorded.stream) || &*recorded.event_type == MOVED_IN {
                chunk.events.push(DecodedEvent::read(&recorded));
            } else {
                chunk.skipped.push(recorded.stream);
            }
        }
        if decoded.blocking_send(chunk).is_err() {
            break;
        }
    }
}

fn decrypt_all(
    mut chunks: mpsc::Receiver<Chunk<DecodedEvent>>,
    decrypted: &mpsc::Sender<Chunk<DecodedChange>>,
    keys: &Decryptor,
    mut interpreter: RebuildInterpreter,
) -> Result<(), ViewError> {
    while let Some(Chunk { events, skipped }) = chunks.blocking_recv() {
        let events = interpreter.interpret_chunk(events, keys)?;
        // The gathering thread receives everything unless it panicked, which its join reports.
        if decrypted.blocking_send(Chunk { events, skipped }).is_err() {
            break;
        }
    }
    Ok(())
}

fn build_histories(
    mut chunks: mpsc::Receiver<Chunk<DecodedChange>>,
    homes: Option<Homes>,
    memory: &MemoryBudget,
    selected: &SelectedDays,
) -> Histories {
    let mut histories = homes.map(Histories::with_homes).unwrap_or_default();
    while let Some(chunk) = chunks.blocking_recv() {
        chunk.events.into_iter().for_each(|changes| histories.apply(changes));
        chunk.skipped.iter().for_each(|page| histories.skip(page));
        while histories.bytes() > memory.for_histories() {
            let Some(day) = histories.drop_later_half() else { break };
            selected.end_with(day);
        }
    }
    histories
}

/// The included days: the gathering thread shrinks them, the decoding thread follows.
#[derive(Clone)]
struct SelectedDays(Arc<Mutex<PageRange>>);

impl SelectedDays {
    fn get(&self) -> PageRange {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_with(&self, day: NaiveDate) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).until = Some(day);
    }
}
