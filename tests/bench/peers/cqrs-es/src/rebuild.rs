//! The rebuild: cqrs-es replays every event of the table into a `GenericQuery`.
//!
//! It must never measure anything else, and never ignore an event that the library could not apply.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::ensure;
use cqrs_es::persist::{GenericQuery, PersistenceError, QueryErrorHandler, QueryReplay};
use postgres_es::{PostgresEventRepository, PostgresViewRepository};
use sqlx::{Pool, Postgres};

use crate::reservation::Reservation;
use crate::row::Row;

const VIEW: &str = "reservation_view";

/// Truncates the view, which the library leaves to its user, and replays into it. Returns the seconds of the replay.
pub(crate) async fn rebuild(pool: Pool<Postgres>) -> anyhow::Result<f64> {
    sqlx::raw_sql(&format!("TRUNCATE {VIEW}")).execute(&pool).await?;
    let failures = Failures::default();
    let views = PostgresViewRepository::<Row, Reservation>::new(VIEW, pool.clone());
    let mut query = GenericQuery::new(Arc::new(views));
    query.use_error_handler(failures.handler());
    let mut replay = QueryReplay::new(PostgresEventRepository::new(pool), query);
    replay.use_error_handler(failures.handler());
    let since = Instant::now();
    replay.replay_all().await?;
    let seconds = since.elapsed().as_secs_f64();
    failures.none().map(|()| seconds)
}

/// The query that returns the rows, each as JSON.
pub(crate) fn rows_sql() -> String {
    format!("SELECT payload::jsonb FROM {VIEW}")
}

/// The errors of a replay. Without a handler the library ignores them.
#[derive(Clone, Default)]
struct Failures(Arc<Mutex<Vec<String>>>);

impl Failures {
    fn handler(&self) -> Box<QueryErrorHandler> {
        let errors = Arc::clone(&self.0);
        Box::new(move |error: PersistenceError| {
            errors.lock().unwrap_or_else(PoisonError::into_inner).push(error.to_string());
        })
    }

    fn none(&self) -> anyhow::Result<()> {
        let errors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = errors.first().map_or("", String::as_str);
        ensure!(errors.is_empty(), "{} events were not applied; the first: {first}", errors.len());
        Ok(())
    }
}
