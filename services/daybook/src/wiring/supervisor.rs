//! Brings the private PostgreSQL back when it dies under a running service, out of memory or by a `kill -9`.
//!
//! It does not ask now and then: it holds a connection, whose end is the news.

use std::sync::PoisonError;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio_postgres::{Config, NoTls};

use super::database::SharedPrivate;

/// Pauses after a server could not be brought back: first and longest. It is tried again for as long as the service runs,
/// which cannot do anything else that is useful.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// Watches over a private PostgreSQL until it is dropped.
#[derive(Debug)]
pub struct Supervisor(JoinHandle<()>);

impl Supervisor {
    pub(super) fn start(server: SharedPrivate, config: Config) -> Self {
        Self(tokio::spawn(watch_over(server, config)))
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn watch_over(server: SharedPrivate, config: Config) {
    let mut pause = PAUSES.0;
    loop {
        if live_through(&config).await {
            pause = PAUSES.0;
        }
        if let Err(error) = revive(&server).await {
            tracing::error!(
                error = format!("{error:#}"),
                "the private PostgreSQL could not be brought back; trying again"
            );
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Returns when the server has cut the connection off. Whether there was one.
async fn live_through(config: &Config) -> bool {
    let Ok((client, connection)) = config.connect(NoTls).await else { return false };
    // How it ended does not matter, only that it did. The client is what keeps it open.
    let ended = connection.await;
    drop(client);
    tracing::debug!(orderly = ended.is_ok(), "the connection that watches the private PostgreSQL ended");
    true
}

/// Starts the server again where it does not answer.
async fn revive(server: &SharedPrivate) -> anyhow::Result<()> {
    let server = SharedPrivate::clone(server);
    let revived = spawn_blocking(move || {
        let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
        server.as_mut().map_or(Ok(()), |server| server.revive())
    });
    Ok(revived.await??)
}
