//! Builds generations batch by batch, with the code of the live views. That is slower than from histories, but it finds
//! the events that cannot be applied, and parks them as a live view does: a COPY does not say which event's value it
//! rejects.

use daybook_domain::ReadModel;
use daybook_event_log::Position;

use super::{PhaseClock, Rebuild};
use crate::control::error::ViewError;
use crate::control::generation;
use crate::control::ids::Generation;
use crate::live::parked;
use crate::live::projector::{FailurePolicy, Projector};
use crate::read::routing;
use crate::store::tables::{self, Indexes};

/// Whether a failed build can go on batch by batch: an event may be the cause, and it is not one at which the build would
/// stop anyway. An event that one live view has parked may be one that the other view can hold.
pub(super) async fn may_go_on(rebuild: &Rebuild, error: &ViewError) -> Result<bool, ViewError> {
    let ViewError::Event { position, source, .. } = error else { return Ok(error.as_fault().is_some()) };
    if !source.is_permanent() || rebuild.policy == FailurePolicy::Park {
        return Ok(source.is_permanent());
    }
    let client = rebuild.client().await?;
    for model in ReadModel::ALL {
        if parked::is_parked_live(&client, model, *position).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Fills new generations with all events up to a position. Their tables may exist already.
pub(super) async fn fill(
    rebuild: &Rebuild,
    generations: &[Generation],
    to: Position,
    clock: &mut PhaseClock<'_>,
) -> Result<(), ViewError> {
    let (routing, _) = routing::read(&*rebuild.log).await?;
    let mut client = rebuild.client().await?;
    for generation in generations {
        let transaction = client.transaction().await?;
        tables::drop(&transaction, *generation).await?;
        tables::create(&transaction, *generation).await?;
        tables::index(&transaction, *generation, Indexes::under(&routing)).await?;
        generation::reset_checkpoint(&transaction, *generation).await?;
        transaction.commit().await?;
    }
    let start = Position::START;
    let mut projector = Projector::at(&rebuild.log, &rebuild.vault, &client, generations, start).await?;
    // The log was read up to the first failure; its events are counted again.
    clock.events = 0;
    clock.events = rebuild.advance_to(&mut projector, generations, to).await? as u64;
    for generation in generations {
        if !generation::advance(&client, *generation, projector.position(), to, None).await? {
            return Err(ViewError::Overtaken { generation: *generation });
        }
        tables::analyze(&client, *generation).await?;
    }
    Ok(())
}
