//! Discarded events found again in another log: one that holds the same history at other positions.

use daybook_event_log::{EventLog, Position};
use deadpool_postgres::Transaction;
use futures_util::TryStreamExt;

use super::ledger::discarded_places;
use crate::control::error::ViewError;
use crate::control::ids::Place;

/// Gives what is discarded the positions that it has in this log, by stream and revision, which a history keeps wherever it
/// goes.
///
/// # Errors
/// [`ViewError::Control`] where the log does not hold one of the events.
pub async fn renumber_discarded(transaction: &Transaction<'_>, log: &dyn EventLog) -> Result<(), ViewError> {
    let places = discarded_places(transaction).await?;
    // Out of the way first: an old position of one may be the new position of another.
    let sql = "UPDATE control.discarded_events SET commit_position = -1 - commit_position";
    transaction.execute(sql, &[]).await?;
    for place in places {
        let position = find(log, &place).await?;
        let (commit, prepare) = position.to_parts();
        let sql = "UPDATE control.discarded_events SET commit_position = $3, prepare_position = $4
                   WHERE stream = $1 AND revision = $2";
        let of = (place.stream.as_str(), place.revision.as_i64());
        transaction.execute(sql, &[&of.0, &of.1, &commit, &prepare]).await?;
    }
    Ok(())
}

async fn find(log: &dyn EventLog, place: &Place) -> Result<Position, ViewError> {
    let mut events = log.read_stream(&place.stream, place.revision).await?;
    let found = events.try_next().await?.map(|event| event.position);
    found.ok_or(ViewError::Control { what: "a discarded event that the log does not hold" })
}
