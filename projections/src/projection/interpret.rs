//! Interprets recorded events, a batch at a time. The keys of a batch are fetched at once.

use std::panic::{AssertUnwindSafe, catch_unwind};

use daybook_domain::KeyId;
use daybook_event_log::{Category, EventLog, Filter, Position, RecordedEvent, RecordedStream};
use daybook_vault::Vault;
use futures_util::TryStreamExt;

use crate::control::error::{EventFault, ViewError};
use crate::control::ids::{BlockingKey, SkippedPositions};
use crate::projection::change::{DecodedEvent, Interpreter, ViewChange};
use crate::projection::reference::Reference;
use crate::projection::storable;

/// An event and its change, or why it cannot be applied.
#[derive(Debug)]
pub(crate) struct InterpretedEvent<'a> {
    pub(crate) recorded: &'a RecordedEvent,
    /// What it blocks if it cannot be applied.
    pub(crate) blocking_key: Option<BlockingKey>,
    pub(crate) outcome: Result<ViewChange, EventFault>,
}

/// Interprets events in the order of the log and checks that views can hold their values. Discarded events change
/// nothing.
///
/// Fails only if the keys cannot be read, which is no event's fault.
pub(crate) async fn interpret<'a>(
    interpreter: &mut Interpreter,
    vault: &Vault,
    recorded: impl IntoIterator<Item = &'a RecordedEvent>,
    discarded: &SkippedPositions,
) -> Result<Vec<InterpretedEvent<'a>>, ViewError> {
    let read = |recorded| (recorded, DecodedEvent::read_unless(recorded, discarded));
    let decoded: Vec<(&RecordedEvent, DecodedEvent)> = recorded.into_iter().map(read).collect();
    let keys: Vec<KeyId> = decoded.iter().filter_map(|(_, decoded)| decoded.key()).collect();
    let decryptor = vault.prefetch(&keys).await?;
    let mut interpreted = Vec::with_capacity(decoded.len());
    for (recorded, decoded) in decoded {
        let blocking_key = decoded.blocking_key();
        let interpreted_one = || interpreter.interpret(decoded, &decryptor);
        let outcome = match catch_unwind(AssertUnwindSafe(interpreted_one)) {
            Ok(Ok(change)) => storable::check(&change).map(|()| change),
            Ok(Err(ViewError::Event { source, .. })) if source.is_permanent() => Err(source),
            Ok(Err(error)) => return Err(error),
            Err(_panic) => Err(EventFault::Panicked),
        };
        interpreted.push(InterpretedEvent { recorded, blocking_key, outcome });
    }
    Ok(interpreted)
}

/// Interprets events that are not expected to fail.
pub(crate) async fn interpret_sound(
    interpreter: &mut Interpreter,
    vault: &Vault,
    recorded: &[RecordedEvent],
) -> Result<Vec<ViewChange>, ViewError> {
    let interpreted = interpret(interpreter, vault, recorded, &SkippedPositions::new()).await?;
    let sound = |interpreted: InterpretedEvent<'_>| {
        interpreted.outcome.map_err(|fault| ViewError::from_event(interpreted.recorded, fault))
    };
    interpreted.into_iter().map(sound).collect()
}

/// The events of a stream up to a position.
pub(crate) async fn read_until(
    mut events: RecordedStream,
    until: Position,
) -> Result<Vec<RecordedEvent>, ViewError> {
    let mut read = Vec::new();
    while let Some(event) = events.try_next().await?.filter(|event| event.position <= until) {
        read.push(event);
    }
    Ok(read)
}

/// The state with which to continue after a position, without some of the events: an interpreter that knows what was
/// forgotten, and the reference data. Values are not checked: a view has applied these events.
pub(crate) async fn resume(
    log: &dyn EventLog,
    vault: &Vault,
    at: Position,
    skipped: &SkippedPositions,
) -> Result<(Interpreter, Reference), ViewError> {
    let filter = Filter::categories([Category::Catalog, Category::Hours, Category::Privacy]);
    let mut events = log.read_all(Position::START, &filter).await?;
    let (mut interpreter, mut reference) = (Interpreter::default(), Reference::default());
    let decryptor = vault.prefetch(&[]).await?;
    while let Some(event) = events.try_next().await? {
        if event.position > at {
            break;
        }
        match interpreter.interpret(DecodedEvent::read_unless(&event, skipped), &decryptor)? {
            ViewChange::Catalog { event, meta } => reference.evolve_catalog(&event, &meta),
            ViewChange::Hours { event, meta } => reference.evolve_hours(&event, &meta),
            ViewChange::Create { .. }
            | ViewChange::Change { .. }
            | ViewChange::Close { .. }
            | ViewChange::Reopen { .. }
            | ViewChange::Forget { .. }
            | ViewChange::ForgetReservation { .. }
            | ViewChange::Nothing => {}
        }
    }
    Ok((interpreter, reference))
}
