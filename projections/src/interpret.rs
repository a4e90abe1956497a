//! Recorded events into effects, a batch at a time: the keys that the batch needs are fetched at once.

use daybook_domain::KeyId;
use daybook_event_log::vault::Vault;
use daybook_event_log::{Category, EventLog, Filter, Position, Recorded};
use futures_util::TryStreamExt;

use crate::ViewError;
use crate::effect::{Batch, Decoded, Effect, Interpreter};
use crate::fold::Reference;

/// Interprets recorded events in the order of the log.
pub(crate) async fn interpret(
    interpreter: &mut Interpreter,
    vault: &Vault,
    recorded: &[Recorded],
) -> Result<Batch, ViewError> {
    let decoded: Vec<Decoded> = recorded.iter().map(Decoded::read).collect::<Result<_, _>>()?;
    let keys: Vec<KeyId> = decoded.iter().filter_map(Decoded::key).collect();
    let opener = vault.prefetch(&keys).await?;
    interpreter.interpret_all(decoded, &opener)
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
        match interpreter.interpret(Decoded::read(&event)?, &opener)? {
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
