//! Decodes events of the log, and leaves out those that an operator has discarded, as every view does.
//!
//! The discarded events are kept in memory and read again every second, so usual events cost no query. A cached state
//! remembers which events it left out, and is folded again once that has changed.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::sync::{Arc, PoisonError, RwLock};

use daybook_domain::Event;
use daybook_event_log::{Category, Metadata, Position, RecordedEvent, StreamName, decode};
use futures_util::future::BoxFuture;

use crate::error::{CommandError, Source};

/// The operator's decisions on events that are left out for good.
pub trait Discards: Debug + Send + Sync + 'static {
    /// All discarded events.
    fn list(&self) -> BoxFuture<'_, Result<Vec<(StreamName, Position)>, Source>>;
}

/// The discarded events of one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LeftOut(Arc<BTreeSet<Position>>);

impl LeftOut {
    pub(crate) fn contains(&self, position: Position) -> bool {
        self.0.contains(&position)
    }
}

/// Decodes events. Clones share the decisions.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventDecoder(Option<Arc<KnownDiscards>>);

/// The decisions, as they were read last.
#[derive(Debug)]
struct KnownDiscards {
    discards: Arc<dyn Discards>,
    by_stream: RwLock<HashMap<StreamName, LeftOut>>,
}

impl EventDecoder {
    /// Knows no decision before [`Self::refresh`].
    pub(crate) fn new(discards: Arc<dyn Discards>) -> Self {
        Self(Some(Arc::new(KnownDiscards { discards, by_stream: RwLock::default() })))
    }

    /// Whether anything can be discarded.
    pub(crate) const fn has_discards(&self) -> bool {
        self.0.is_some()
    }

    /// Reads the decisions again.
    pub(crate) async fn refresh(&self) -> Result<(), CommandError> {
        let Some(known) = &self.0 else { return Ok(()) };
        let mut by_stream = HashMap::<StreamName, BTreeSet<Position>>::new();
        for (stream, position) in known.discards.list().await.map_err(CommandError::Unavailable)? {
            by_stream.entry(stream).or_default().insert(position);
        }
        let by_stream = by_stream.into_iter().map(|(stream, events)| (stream, LeftOut(Arc::new(events))));
        *known.by_stream.write().unwrap_or_else(PoisonError::into_inner) = by_stream.collect();
        Ok(())
    }

    /// The discarded events of a stream that a fold leaves out even if they can be decoded.
    ///
    /// An erasure or a revocation always counts: without it, a forgotten patient or a revoked token could come back.
    pub(crate) fn left_out(&self, stream: &StreamName) -> LeftOut {
        match stream.category() {
            Category::Daybook | Category::Catalog | Category::Hours => self.discarded(stream),
            Category::Routing | Category::Privacy | Category::Access | Category::Idempotency => {
                LeftOut::default()
            }
        }
    }

    fn discarded(&self, stream: &StreamName) -> LeftOut {
        let Some(known) = &self.0 else { return LeftOut::default() };
        let by_stream = known.by_stream.read().unwrap_or_else(PoisonError::into_inner);
        by_stream.get(stream).cloned().unwrap_or_default()
    }

    /// The event with its metadata; `None` if it is discarded.
    pub(crate) async fn decode(
        &self,
        recorded: &RecordedEvent,
    ) -> Result<Option<(Event, Metadata)>, CommandError> {
        let (stream, position) = (&recorded.stream, recorded.position);
        let error = match decode(recorded) {
            Ok(decoded) => return Ok(Some(decoded).filter(|_| !self.left_out(stream).contains(position))),
            Err(error) => error,
        };
        if !self.discarded(stream).contains(position) {
            // It may have been discarded just now.
            self.refresh().await?;
        }
        if self.discarded(stream).contains(position) {
            Ok(None)
        } else {
            Err(CommandError::Codec { position, source: Arc::new(error) })
        }
    }
}
