//! What serves now and how far it has come, known in every process a moment after it changes.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use daybook_domain::ReadModel;
use daybook_event_log::{EventLog, Filter, codec};
use deadpool_postgres::Pool;
use futures_util::{StreamExt, stream};
use tokio::sync::watch;
use tokio_postgres::{AsyncMessage, Config, NoTls};

use crate::control::error::{ViewError, describe};
use crate::control::generation::{self, GenerationStatus};
use crate::control::notify;
use crate::read::lag::{Lag, MAX_COUNTED_LAG};

/// How often the standings are read when no announcement comes: the safety net, well under the second in which a flip
/// has to be in force.
const POLL: Duration = Duration::from_millis(250);

/// Pause before a lost connection for announcements is made anew.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);

/// The live generations as they were last seen.
#[derive(Debug, Clone, Default)]
pub struct Serving {
    live: Vec<GenerationStatus>,
}

impl Serving {
    /// The live generation of a view.
    pub fn of(&self, model: ReadModel) -> Option<&GenerationStatus> {
        self.live.iter().find(|standing| standing.generation.model == model)
    }

    /// All of them.
    pub fn live(&self) -> &[GenerationStatus] {
        &self.live
    }
}

/// Follows what serves.
#[derive(Debug, Clone)]
pub struct Views {
    serving: watch::Receiver<Arc<Serving>>,
    pool: Pool,
}

impl Views {
    /// Reads what serves, and follows it until the last clone is dropped.
    pub async fn open(pool: Pool, database: Config) -> Result<Self, ViewError> {
        let serving = read(&pool).await?;
        let (sender, receiver) = watch::channel(Arc::new(serving));
        tokio::spawn(follow(pool.clone(), database, sender));
        Ok(Self { serving: receiver, pool })
    }

    /// What serves now.
    pub fn serving(&self) -> Arc<Serving> {
        self.serving.borrow().clone()
    }

    /// Waits for the next change of what serves, or for the deadline. Whether it changed.
    pub async fn changed(&mut self, deadline: tokio::time::Instant) -> bool {
        matches!(tokio::time::timeout_at(deadline, self.serving.changed()).await, Ok(Ok(())))
    }

    /// The generations that are being built, by whatever process.
    pub async fn building(&self) -> Result<Vec<GenerationStatus>, ViewError> {
        generation::building(&self.pool.get().await?).await
    }

    /// How far a view is behind the log.
    pub async fn lag(
        &self,
        model: ReadModel,
        log: &dyn EventLog,
        now: DateTime<Utc>,
    ) -> Result<Lag, ViewError> {
        let serving = self.serving();
        let standing = serving.of(model).ok_or(ViewError::NotLive { model })?;
        let (position, still_seconds) = (standing.position, standing.still_seconds);
        let head = log.head().await?;
        if position >= head {
            return Ok(Lag::none(position, head));
        }
        let events = log.count_after(position, MAX_COUNTED_LAG).await?;
        let next = log.follow(position, &Filter::all()).await?.next().await.transpose()?;
        let recorded_at =
            next.and_then(|event| codec::decode_metadata(&event.metadata).ok()).map(|(_, m)| m.recorded_at);
        let age = recorded_at.map(|at| (now - at).num_milliseconds().max(0) as f64 / 1000.0);
        // A view to which nothing has come for hours has not stood still longer than what it lacks is there.
        let still_seconds = age.map_or(still_seconds, |age| age.min(still_seconds));
        Ok(Lag { position, head, events, seconds: age.unwrap_or_default(), still_seconds })
    }
}

async fn read(pool: &Pool) -> Result<Serving, ViewError> {
    let client = pool.get().await?;
    Ok(Serving { live: generation::live(&client).await? })
}

/// Reads what serves after each announcement and at each poll, as long as somebody wants to know.
async fn follow(pool: Pool, database: Config, sender: watch::Sender<Arc<Serving>>) {
    let (announce, mut announced) = watch::channel(());
    let listening = tokio::spawn(listen(database, announce));
    loop {
        tokio::select! {
            () = sender.closed() => break,
            _ = tokio::time::timeout(POLL, announced.changed()) => {}
        }
        match read(&pool).await {
            Ok(serving) => {
                sender.send_replace(Arc::new(serving));
            }
            // The process is stopping.
            Err(_) if pool.is_closed() => break,
            Err(error) => {
                tracing::warn!(error = %describe(&error), "what serves could not be read; trying again");
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
        }
    }
    listening.abort();
}

/// Hands announcements on; a lost connection is made anew.
async fn listen(database: Config, announce: watch::Sender<()>) {
    while !announce.is_closed() {
        if let Err(error) = listen_once(&database, &announce).await {
            tracing::debug!(error = %describe(&error), "the connection for announcements was lost");
        }
        tokio::time::sleep(RECONNECT_PAUSE).await;
    }
}

async fn listen_once(database: &Config, announce: &watch::Sender<()>) -> Result<(), tokio_postgres::Error> {
    let (client, mut connection) = database.connect(NoTls).await?;
    let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
    let asked = client.batch_execute(notify::LISTEN);
    let handed_on = async {
        while let Some(message) = messages.next().await {
            if let AsyncMessage::Notification(_) = message? {
                announce.send_replace(());
            }
        }
        Ok(())
    };
    futures_util::future::try_join(asked, handed_on).await?;
    Ok(())
}
