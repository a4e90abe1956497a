//! The channel that announces moved checkpoints and promotions. A notification has no payload: receivers read the
//! control tables.

use deadpool_postgres::Transaction;

use crate::control::error::ViewError;

/// Subscribes a connection to the channel.
pub(crate) const LISTEN: &str = "LISTEN daybook_views";

/// Commits with notifications wait for one another. Everything is written by then, so that no limit may end the wait.
const NOTIFY: &str = "NOTIFY daybook_views; SET LOCAL lock_timeout = 0";

/// Commits a change of the views and announces it. PostgreSQL sends the notification with the commit.
pub async fn commit_and_announce(transaction: Transaction<'_>) -> Result<(), ViewError> {
    transaction.batch_execute(NOTIFY).await?;
    transaction.commit().await?;
    Ok(())
}
