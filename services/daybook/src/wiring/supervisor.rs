//! Restarts the private PostgreSQL if it dies under a running service, for example out of memory.
//!
//! It must never poll the server: it holds a connection and reacts when that ends.

use std::sync::PoisonError;
use std::time::Duration;

use daybook_event_log::Backoff;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio_postgres::{Config, NoTls};

use super::database::SharedPrivate;

/// Pauses between attempts to restart: first and longest. Attempts never end, because the service cannot work without it.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// Supervises a private PostgreSQL until it is dropped.
#[derive(Debug)]
pub struct Supervisor(JoinHandle<()>);

impl Supervisor {
    pub(super) fn start(server: SharedPrivate, config: Config) -> Self {
        Self(tokio::spawn(supervise(server, config)))
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn supervise(server: SharedPrivate, config: Config) {
    let mut backoff = Backoff::between(PAUSES.0, PAUSES.1);
    loop {
        if wait_for_disconnect(&config).await {
            backoff.reset();
        }
        if let Err(error) = revive(&server).await {
            tracing::error!(
                error = format!("{error:#}"),
                "the private PostgreSQL could not be restarted; trying again"
            );
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

/// Waits until the connection ends, and returns whether there was one.
async fn wait_for_disconnect(config: &Config) -> bool {
    let Ok((client, connection)) = config.connect(NoTls).await else { return false };
    // The client keeps the connection open.
    let ended = connection.await;
    drop(client);
    tracing::debug!(orderly = ended.is_ok(), "the supervisor's connection to the private PostgreSQL ended");
    true
}

/// Restarts the server if it does not answer.
async fn revive(server: &SharedPrivate) -> anyhow::Result<()> {
    let server = SharedPrivate::clone(server);
    let revived = spawn_blocking(move || {
        let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
        server.as_mut().map_or(Ok(()), |server| server.revive())
    });
    Ok(revived.await??)
}
