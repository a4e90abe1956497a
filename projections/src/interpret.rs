//! Recorded events into effects, a batch at a time: the keys that the batch needs are fetched at once.

use daybook_event_log::vault::Vault;
use daybook_event_log::{Category, EventLog, Filter, Position, Recorded, codec};
use futures_util::TryStreamExt;

use crate::ViewError;
use crate::effect::{Batch, Effect, Interpreter, keys_of};
use crate::fold::Reference;

/// Interprets recorded events in the order of the log.
pub(crate) async fn interpret(
    interpreter: &mut Interpreter,
    vault: &Vault,
    recorded: &[Recorded],
) -> Result<Batch, ViewError> {
    let mut keys = Vec::new();
    for event in recorded {
        let position = event.position;
        let (decoded, _) = codec::decode(event).map_err(|source| ViewError::Event { position, source })?;
        keys.extend(keys_of(&decoded));
    }
    let opener = vault.prefetch(&keys).await?;
    let effects: Result<Vec<Effect>, ViewError> =
        recorded.iter().map(|event| interpreter.interpret(event, &opener)).collect();
    let last = recorded.last().map_or(Position::START, |event| event.position);
    Ok(Batch { effects: effects?, last })
}

/// What has to be known before one can go on from a position: the reference data there, and what was forgotten.
pub(crate) async fn resume(
    log: &dyn EventLog,
    vault: &Vault,
    at: Position,
) -> Result<(Interpreter, Reference), ViewError> {
    let filter = Filter::categories([Category::Catalog, Category::Hours, Category::Privacy]);
    let mut events = log.read_all(Position::START, &filter).await?;
    let (mut interpreter, mut reference) = (Interpreter::default(), Reference::default());
    let opener = vault.prefetch(&[]).await?;
    while let Some(event) = events.try_next().await? {
        if event.position > at {
            break;
        }
        match interpreter.interpret(&event, &opener)? {
            Effect::Catalog { event, stamp } => reference.evolve_catalog(&event, &stamp),
            Effect::Hours { event, stamp } => reference.evolve_hours(&event, &stamp),
            Effect::Enter(_)
            | Effect::Change { .. }
            | Effect::Close { .. }
            | Effect::Reopen { .. }
            | Effect::Forget { .. }
            | Effect::Nothing => {}
        }
    }
    Ok((interpreter, reference))
}
