//! Finds discarded events in another log with the same history and other positions.

use daybook_event_log::{EventLog, Position};
use deadpool_postgres::Transaction;
use futures_util::TryStreamExt;

use super::records::list_discarded;
use crate::control::error::ViewError;
use crate::control::ids::EventPlace;

/// Gives discarded events the positions of this log. Stream and revision are the same in every copy.
///
/// # Errors
/// [`ViewError::Control`] if the log lacks one of the events.
pub async fn renumber_discarded(transaction: &Transaction<'_>, log: &dyn EventLog) -> Result<(), ViewError> {
    let places = list_discarded(transaction).await?;
    // Out of the way first: one event's old position may be another's new one.
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

async fn find(log: &dyn EventLog, place: &EventPlace) -> Result<Position, ViewError> {
    let mut events = log.read_stream(&place.stream, place.revision).await?;
    let found = events.try_next().await?.map(|event| event.position);
    found.ok_or(ViewError::Control { what: "a discarded event that is missing in the log" })
}
