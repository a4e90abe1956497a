//! The events that an operator has discarded, for the write side. They are recorded in the views' database.

use std::sync::Arc;

use daybook_commands::{Discards, Source};
use daybook_event_log::{Position, StreamName};
use daybook_projections::{ViewError, parked};
use deadpool_postgres::Pool;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

/// The discarded events of a database.
#[derive(Debug)]
pub(super) struct DiscardedEvents(pub(super) Pool);

impl Discards for DiscardedEvents {
    fn list(&self) -> BoxFuture<'_, Result<Vec<(StreamName, Position)>, Source>> {
        let found = async move {
            let client = self.0.get().await.map_err(ViewError::from)?;
            parked::discarded_events(&client).await
        };
        found.map(|found: Result<_, ViewError>| found.map_err(|error| Arc::new(error) as Source)).boxed()
    }
}
