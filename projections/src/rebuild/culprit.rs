//! The event whose values PostgreSQL refuses. In a COPY, or when keys are made, it does not say which that is.
//!
//! The log is taken in once more the way live views take it in, batch by batch, into the tables of the generation that
//! failed: slower, but it ends with the first event that is refused, whatever it is refused for. Nothing that serves is
//! touched.

use daybook_event_log::Position;

use super::Rebuild;
use crate::control::error::{ViewError, describe};
use crate::control::generation;
use crate::control::ids::Generation;
use crate::live::projector::Projector;
use crate::store::tables::{self, Indexes};

/// Looks for the event for which generations were not built. Gives its failure, or the one that is known where it is not
/// found.
pub(super) async fn find(rebuild: &Rebuild, generations: &[Generation], known: ViewError) -> ViewError {
    tracing::warn!(
        error = %describe(&known),
        "PostgreSQL refused a value; reading the log once more to find the event"
    );
    match replay(rebuild, generations).await {
        Err(found @ ViewError::Event { .. }) => found,
        Err(error) => {
            tracing::warn!(error = %describe(&error), "the event was not found");
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
        // Nobody will ever read these tables, so it does not matter which.
        tables::index(&transaction, *generation, Indexes::BesideLegacy).await?;
        generation::set_back(&transaction, *generation).await?;
        transaction.commit().await?;
    }
    let start = Position::START;
    let mut projector = Projector::at(&rebuild.log, &rebuild.vault, &client, generations, start).await?;
    drop(client);
    let head = rebuild.log.head().await?;
    rebuild.advance_to(&mut projector, generations, head).await?;
    Ok(())
}
