//! Finds the event whose value PostgreSQL rejects. A COPY, or the creation of a key, does not say which event it was.
//!
//! The log is applied again as for a live view, batch by batch, into the tables of the failed generation. That is
//! slower, but it stops at the first rejected event. Live generations are not touched.

use daybook_event_log::Position;

use super::Rebuild;
use crate::control::error::{ViewError, describe};
use crate::control::generation;
use crate::control::ids::Generation;
use crate::live::projector::Projector;
use crate::store::tables::{self, Indexes};

/// Looks for the event that made a build fail. Returns its error, or the known error if none is found.
pub(super) async fn find(rebuild: &Rebuild, generations: &[Generation], known: ViewError) -> ViewError {
    tracing::warn!(
        error = %describe(&known),
        "PostgreSQL rejected a value; reading the log once more to find the event"
    );
    match replay(rebuild, generations).await {
        Err(found @ ViewError::Event { .. }) => found,
        Err(error) => {
            tracing::warn!(error = %describe(&error), "the failing event was not found");
            known
        }
        Ok(()) => known,
    }
}

async fn replay(rebuild: &Rebuild, generations: &[Generation]) -> Result<(), ViewError> {
    let mut client = rebuild.client().await?;
    for generation in generations {
        let transaction = client.transaction().await?;
        tables::drop(&transaction, *generation).await?;
        tables::create(&transaction, *generation).await?;
        // Nobody will read these tables, so either set of indexes will do.
        tables::index(&transaction, *generation, Indexes::BesideLegacy).await?;
        generation::reset_checkpoint(&transaction, *generation).await?;
        transaction.commit().await?;
    }
    let start = Position::START;
    let mut projector = Projector::at(&rebuild.log, &rebuild.vault, &client, generations, start).await?;
    drop(client);
    let head = rebuild.log.head().await?;
    rebuild.advance_to(&mut projector, generations, head).await?;
    Ok(())
}
