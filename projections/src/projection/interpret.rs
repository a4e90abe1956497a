//! Recorded events into effects, a batch at a time: the keys that the batch needs are fetched at once.

use daybook_domain::KeyId;
use daybook_event_log::{Category, EventLog, Filter, Position, RecordedEvent};
use daybook_vault::Vault;
use futures_util::TryStreamExt;

use crate::control::error::{EventFault, ViewError};
use crate::control::ids::{BlockingKey, LeftOut};
use crate::projection::change::{Decoded, Interpreter, ViewChange};
use crate::projection::reference::Reference;

/// An event, and what it means or why that cannot be told.
#[derive(Debug)]
pub(crate) struct Judged<'a> {
    pub(crate) recorded: &'a RecordedEvent,
    /// What it would hold up if it could not be taken in.
    pub(crate) holds_up: Option<BlockingKey>,
    pub(crate) outcome: Result<ViewChange, EventFault>,
}

/// Interprets recorded events in the order of the log. What was discarded means nothing.
///
/// Fails only with what is no event's fault: keys that cannot be reached.
pub(crate) async fn interpret<'a>(
    interpreter: &mut Interpreter,
    vault: &Vault,
    recorded: impl IntoIterator<Item = &'a RecordedEvent>,
    discarded: &LeftOut,
) -> Result<Vec<Judged<'a>>, ViewError> {
    let read = |recorded| (recorded, Decoded::read_unless(recorded, discarded));
    let decoded: Vec<(&RecordedEvent, Decoded)> = recorded.into_iter().map(read).collect();
    let keys: Vec<KeyId> = decoded.iter().filter_map(|(_, decoded)| decoded.key()).collect();
    let opener = vault.prefetch(&keys).await?;
    let mut judged = Vec::with_capacity(decoded.len());
    for (recorded, decoded) in decoded {
        let holds_up = decoded.holds_up();
        let outcome = match interpreter.interpret(decoded, &opener) {
            Ok(effect) => Ok(effect),
            Err(ViewError::Event { source, .. }) if source.is_the_events() => Err(source),
            Err(error) => return Err(error),
        };
        judged.push(Judged { recorded, holds_up, outcome });
    }
    Ok(judged)
}

/// Interprets recorded events none of which is expected to fail.
pub(crate) async fn interpret_sound(
    interpreter: &mut Interpreter,
    vault: &Vault,
    recorded: &[RecordedEvent],
) -> Result<Vec<ViewChange>, ViewError> {
    let judged = interpret(interpreter, vault, recorded, &LeftOut::new()).await?;
    let sound =
        |judged: Judged<'_>| judged.outcome.map_err(|fault| ViewError::of_event(judged.recorded, fault));
    judged.into_iter().map(sound).collect()
}

/// What has to be known before one can go on from a position without some of the events: the reference data there, and
/// what was forgotten.
pub(crate) async fn resume(
    log: &dyn EventLog,
    vault: &Vault,
    at: Position,
    left_out: &LeftOut,
) -> Result<(Interpreter, Reference), ViewError> {
    let filter = Filter::categories([Category::Catalog, Category::Hours, Category::Privacy]);
    let mut events = log.read_all(Position::START, &filter).await?;
    let (mut interpreter, mut reference) = (Interpreter::default(), Reference::default());
    let opener = vault.prefetch(&[]).await?;
    while let Some(event) = events.try_next().await? {
        if event.position > at {
            break;
        }
        match interpreter.interpret(Decoded::read_unless(&event, left_out), &opener)? {
            ViewChange::Catalog { event, stamp } => reference.evolve_catalog(&event, &stamp),
            ViewChange::Hours { event, stamp } => reference.evolve_hours(&event, &stamp),
            ViewChange::Enter { .. }
            | ViewChange::Change { .. }
            | ViewChange::Close { .. }
            | ViewChange::Reopen { .. }
            | ViewChange::Forget { .. }
            | ViewChange::ForgetOne { .. }
            | ViewChange::Nothing => {}
        }
    }
    Ok((interpreter, reference))
}
