//! Connections: single ones for writing, following and copying, and the pool for reads.

use std::pin::pin;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Either, select};
use tokio::task::JoinHandle;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{Client, Config, Connection, NoTls, Socket};

use super::error::PostgresError;

pub(super) const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

const POOL_WAIT: Duration = Duration::from_secs(5);

/// Upper bound of the pool, in connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSize(pub usize);

impl Default for PoolSize {
    fn default() -> Self {
        Self(16)
    }
}

/// Creates a pool. It opens connections on demand and replaces lost ones.
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

/// Sets the session's name in `pg_stat_activity`, unless the configuration has one.
pub(super) fn named(config: &Config, name: &str) -> Config {
    let mut config = config.clone();
    if config.get_application_name().is_none() {
        config.application_name(name);
    }
    config
}

async fn connect(
    config: &Config,
    name: &str,
) -> Result<(Client, Connection<Socket, NoTlsStream>), PostgresError> {
    let config = named(config, name);
    let connecting = tokio::time::timeout(CONNECT_DEADLINE, config.connect(NoTls));
    Ok(connecting.await.map_err(|_| PostgresError::Deadline(CONNECT_DEADLINE))??)
}

/// A connection driven by its own task. Dropping it closes the socket at once.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Client,
    driver: JoinHandle<()>,
}

impl Session {
    pub(super) async fn open(config: &Config, name: &str) -> Result<Self, PostgresError> {
        let (client, connection) = connect(config, name).await?;
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

/// Drives a connection only while a caller waits for its answers. A large COPY is faster this way, because
/// its chunks are not passed between tasks. Dropping it closes the connection.
pub(super) struct Driver(BoxFuture<'static, Result<(), tokio_postgres::Error>>);

impl Driver {
    pub(super) async fn open(config: &Config, name: &str) -> Result<(Client, Self), PostgresError> {
        let (client, connection) = connect(config, name).await?;
        Ok((client, Self(connection.boxed())))
    }

    /// Waits for an answer, up to a deadline, and drives the connection meanwhile.
    pub(super) async fn within<T, E: Into<PostgresError>>(
        &mut self,
        deadline: Duration,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, PostgresError> {
        within(deadline, async {
            match select(&mut self.0, pin!(answer)).await {
                Either::Left((Ok(()), _)) => Err(PostgresError::Closed),
                Either::Left((Err(error), _)) => Err(error.into()),
                Either::Right((answer, _)) => answer.map_err(Into::into),
            }
        })
        .await
    }
}

/// Waits for an answer, up to a deadline.
pub(super) async fn within<T, E: Into<PostgresError>>(
    deadline: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, PostgresError> {
    tokio::time::timeout(deadline, answer)
        .await
        .map_err(|_| PostgresError::Deadline(deadline))?
        .map_err(Into::into)
}
