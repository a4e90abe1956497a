//! The log into histories: one task reads, and three threads work on what it hands them, one after the other. The first
//! decodes, the second opens what is sealed, the third gathers what happened to each reservation.
//!
//! It must never hold more than it was given memory for: pages that would be too much are left for another pass.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::NaiveDate;
use daybook_event_log::{EventLog, Filter, PageRange, Position, RecordedEvent, StreamName};
use daybook_vault::{Decryptor, Vault};
use futures_util::TryStreamExt;
use futures_util::future::join3;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::PhaseClock;
use super::intake::{Found, RebuildInterpreter};
use super::memory::Memory;
use crate::control::error::ViewError;
use crate::control::ids::LeftOut;
use crate::projection::change::{Decoded, DecodedChange};
use crate::projection::histories::Histories;

/// Events that are handed from thread to thread at once.
const CHUNK_EVENTS: usize = 512;

/// Chunks that wait for each of the threads, at most.
const WAITING_CHUNKS: usize = 20;

/// Where a replay reads, and with what.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) log: Arc<dyn EventLog>,
    pub(super) vault: Vault,
    /// Position of the last event that is taken in.
    pub(super) to: Position,
    pub(super) memory: Memory,
    /// Events that every view leaves out.
    pub(super) discarded: LeftOut,
    /// Where events are noted that cannot be taken in; none where the first of them ends it.
    pub(super) found: Option<Found>,
    /// All keys, once a pass has loaded them.
    pub(super) keys: Option<Arc<Decryptor>>,
}

impl Source {
    /// The same, but what cannot be taken in is noted and passed over.
    pub(super) fn noting(self, found: Found) -> Self {
        Self { found: Some(found), ..self }
    }
}

/// Events on their way from thread to thread.
struct Chunk<T> {
    events: Vec<T>,
    /// Pages of the events that nobody wants in this pass.
    passed_over: Vec<StreamName>,
}

/// Reads the pages of a range, and every other stream, from the beginning up to where the source ends.
pub(super) async fn read(
    source: &mut Source,
    pages: PageRange,
    clock: &mut PhaseClock<'_>,
) -> Result<Histories, ViewError> {
    let events = source.log.read_all(Position::START, &Filter::all().with_pages(pages)).await?;
    let (recorded, to_decode) = mpsc::channel(WAITING_CHUNKS);
    let (decoded, to_open) = mpsc::channel(WAITING_CHUNKS);
    let (opened, to_gather) = mpsc::channel(WAITING_CHUNKS);
    let wanted = Wanted(Arc::new(Mutex::new(pages)));
    let decoding = spawn_blocking({
        let wanted = wanted.clone();
        move || decode_all(to_decode, &decoded, &wanted)
    });
    let memory = source.memory.clone();
    let gathering = spawn_blocking(move || gather_all(to_gather, &memory, &wanted));
    let to = source.to;
    let intake = RebuildInterpreter::new(source.discarded.clone(), source.found.clone());
    // Keys are on disk no later than the events that need them, so those of all events up to the end are there by now.
    let opening = async {
        let keys = keys(source).await?;
        finished(spawn_blocking(move || open_all(to_open, &opened, &keys, intake))).await
    };
    // Whoever fails says why; the others end early for want of work or of somebody who takes it.
    let (sent, (), opened) = join3(send_all(events, recorded, to, clock), finished(decoding), opening).await;
    let gathered = finished(gathering).await;
    sent.and(opened).map(|()| gathered)
}

/// All keys, loaded once for all passes.
async fn keys(source: &mut Source) -> Result<Arc<Decryptor>, ViewError> {
    if let Some(keys) = &source.keys {
        return Ok(Arc::clone(keys));
    }
    let keys = Arc::new(source.vault.load_all_keys().await?);
    source.memory.hold_keys(keys.len());
    Ok(Arc::clone(source.keys.insert(keys)))
}

/// What a thread came to. A panic goes on here.
pub(super) async fn finished<T>(thread: JoinHandle<T>) -> T {
    thread.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// Hands events on up to a position, and says how far that is.
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
            // A thread has stopped: it says why.
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
    decoded: &mpsc::Sender<Chunk<Decoded>>,
    wanted: &Wanted,
) {
    while let Some(recorded) = chunks.blocking_recv() {
        let bounds = wanted.get().bounds();
        let mut chunk = Chunk { events: Vec::with_capacity(recorded.len()), passed_over: Vec::new() };
        for recorded in recorded {
            if bounds.matches(&recorded.stream) {
                chunk.events.push(Decoded::read(&recorded));
            } else {
                chunk.passed_over.push(recorded.stream);
            }
        }
        if decoded.blocking_send(chunk).is_err() {
            break;
        }
    }
}

fn open_all(
    mut chunks: mpsc::Receiver<Chunk<Decoded>>,
    opened: &mpsc::Sender<Chunk<DecodedChange>>,
    keys: &Decryptor,
    mut intake: RebuildInterpreter,
) -> Result<(), ViewError> {
    while let Some(Chunk { events, passed_over }) = chunks.blocking_recv() {
        let events = intake.take_in(events, keys)?;
        // The gathering thread takes all there is; where it has panicked, that is told when it is waited for.
        if opened.blocking_send(Chunk { events, passed_over }).is_err() {
            break;
        }
    }
    Ok(())
}

fn gather_all(
    mut chunks: mpsc::Receiver<Chunk<DecodedChange>>,
    memory: &Memory,
    wanted: &Wanted,
) -> Histories {
    let mut histories = Histories::default();
    while let Some(chunk) = chunks.blocking_recv() {
        chunk.events.into_iter().for_each(|told| histories.take_in(told));
        chunk.passed_over.iter().for_each(|page| histories.pass_over(page));
        while histories.bytes() > memory.for_histories() {
            let Some(day) = histories.cut() else { break };
            wanted.end_with(day);
        }
    }
    histories
}

/// Which pages are wanted, as the gathering thread finds out and the decoding thread has to know.
#[derive(Clone)]
struct Wanted(Arc<Mutex<PageRange>>);

impl Wanted {
    fn get(&self) -> PageRange {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_with(&self, day: NaiveDate) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).until = Some(day);
    }
}
