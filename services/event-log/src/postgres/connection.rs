//! Connections: single ones for writing, following and copying, and the pool for reads.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};

use super::error::PostgresError;

/// Longest time to make a connection.
pub(super) const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Longest time to wait for a free connection of the pool.
const POOL_WAIT: Duration = Duration::from_secs(5);

/// Number of connections that a pool keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSize(pub usize);

impl Default for PoolSize {
    fn default() -> Self {
        Self(16)
    }
}

/// Makes a pool of connections. None is opened before it is asked for; lost ones are replaced.
pub fn create_pool(config: &Config, size: PoolSize) -> Result<Pool, PostgresError> {
    let method = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(named(config, "daybook"), NoTls, method);
    let pool = Pool::builder(manager)
        .max_size(size.0)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(POOL_WAIT))
        .create_timeout(Some(CONNECT_DEADLINE))
        .build();
    pool.map_err(|error| PostgresError::Pool(Box::new(error)))
}

/// Names a session in `pg_stat_activity`, unless its owner has.
pub(super) fn named(config: &Config, name: &str) -> Config {
    let mut config = config.clone();
    if config.get_application_name().is_none() {
        config.application_name(name);
    }
    config
}

/// A connection of its own. Dropping it closes the socket at once, whatever is still on its way.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Client,
    driver: JoinHandle<()>,
}

impl Session {
    pub(super) async fn open(config: &Config, name: &str) -> Result<Self, PostgresError> {
        let config = named(config, name);
        let connecting = tokio::time::timeout(CONNECT_DEADLINE, config.connect(NoTls));
        let (client, connection) =
            connecting.await.map_err(|_| PostgresError::Deadline(CONNECT_DEADLINE))??;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to PostgreSQL ended");
            }
        });
        Ok(Self { client, driver })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Waits for an answer, but not longer than is allowed.
pub(super) async fn within<T, E: Into<PostgresError>>(
    deadline: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, PostgresError> {
    tokio::time::timeout(deadline, answer)
        .await
        .map_err(|_| PostgresError::Deadline(deadline))?
        .map_err(Into::into)
}
