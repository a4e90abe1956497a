//! The channel on which processes learn that a view moved or that another generation serves. A notification carries no
//! payload: whoever receives it reads the control tables.

use deadpool_postgres::Transaction;

use crate::control::error::ViewError;

/// Listens for moves of checkpoints and for promotions.
pub(crate) const LISTEN: &str = "LISTEN daybook_views";

const NOTIFY: &str = "NOTIFY daybook_views";

/// Commits what was written to views, and announces it. PostgreSQL sends the notification with the commit.
pub async fn commit_and_announce(transaction: Transaction<'_>) -> Result<(), ViewError> {
    transaction.batch_execute(NOTIFY).await?;
    transaction.commit().await?;
    Ok(())
}
