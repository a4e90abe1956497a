//! The live generations and their positions, known in every process a moment after they change.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use daybook_domain::ReadModel;
use daybook_event_log::{EventLog, Filter, Position, codec};
use deadpool_postgres::Pool;
use futures_util::{StreamExt, stream};
use tokio::sync::watch;
use tokio_postgres::{AsyncMessage, Config, NoTls};

use crate::control::clock::ClockDifference;
use crate::control::error::{ViewError, describe};
use crate::control::generation::{self, GenerationStatus};
use crate::control::notify;
use crate::read::lag::{Lag, MAX_COUNTED_LAG};

/// How often the status is read without a notification: a safety net well below the second in which a promotion has to
/// be in force.
const POLL: Duration = Duration::from_millis(250);

/// Pause before reconnecting after a lost connection for notifications.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);

/// The tables that all views need, and that of the patients' keys.
const CHECKED_TABLES: [&str; 6] = [
    "privacy.keys",
    "control.generations",
    "control.checkpoints",
    "control.leader",
    "control.parked_events",
    "control.discarded_events",
];

/// The live generations as last read.
#[derive(Debug, Clone, Default)]
pub struct Serving {
    live: Vec<GenerationStatus>,
}

impl Serving {
    /// The live generation of a view.
    pub fn get(&self, model: ReadModel) -> Option<&GenerationStatus> {
        self.live.iter().find(|status| status.generation.model == model)
    }

    /// One that cannot be written will not get there, so nobody waits for it.
    fn have_reached(&self, position: Position) -> bool {
        self.live.iter().all(|status| status.position >= position || status.write_failure.is_some())
    }

    /// All live generations.
    pub fn live(&self) -> &[GenerationStatus] {
        &self.live
    }
}

/// Follows the live generations.
#[derive(Debug, Clone)]
pub struct Views {
    serving: watch::Receiver<Arc<Serving>>,
    pool: Pool,
}

impl Views {
    /// Reads the live generations and follows them until the last clone is dropped.
    pub async fn open(pool: Pool, database: Config) -> Result<Self, ViewError> {
        let serving = read(&pool).await?;
        let (sender, receiver) = watch::channel(Arc::new(serving));
        tokio::spawn(follow(pool.clone(), database, sender));
        Ok(Self { serving: receiver, pool })
    }

    /// The live generations.
    pub fn serving(&self) -> Arc<Serving> {
        self.serving.borrow().clone()
    }

    /// How far the clock of this machine is ahead of the database's.
    pub async fn clock_difference(&self) -> Result<ClockDifference, ViewError> {
        ClockDifference::measure(&self.pool).await
    }

    /// Reads from the tables without which new patients cannot be booked, or these views do not follow. The log checks its
    /// own, and the queries of a view read its others.
    pub async fn check_tables(&self, models: &[ReadModel]) -> Result<(), ViewError> {
        let serving = self.serving();
        let live = models.iter().filter_map(|model| serving.get(*model));
        let digests = live.map(|live| format!("{}.day_digests", live.generation.schema()));
        let tables = CHECKED_TABLES.into_iter().map(str::to_owned).chain(digests);
        let reads: Vec<String> = tables.map(|table| format!("EXISTS (SELECT FROM {table})")).collect();
        self.pool.get().await?.query_one(&format!("SELECT {}", reads.join(", ")), &[]).await?;
        Ok(())
    }

    /// Whether all live generations that can be written have reached a position.
    pub fn have_reached(&self, position: Position) -> bool {
        self.serving.borrow().have_reached(position)
    }

    /// Waits until all live generations that can be written have reached a position. Returns whether they did in time.
    pub async fn reach(&self, position: Position, patience: Duration) -> bool {
        let mut serving = self.serving.clone();
        let reached = serving.wait_for(|serving| serving.have_reached(position));
        matches!(tokio::time::timeout(patience, reached).await, Ok(Ok(_)))
    }

    /// Waits for a change or for the deadline. Returns whether there was a change.
    pub async fn changed(&mut self, deadline: tokio::time::Instant) -> bool {
        matches!(tokio::time::timeout_at(deadline, self.serving.changed()).await, Ok(Ok(())))
    }

    /// The generations that any process is building.
    pub async fn building(&self) -> Result<Vec<GenerationStatus>, ViewError> {
        generation::building(&self.pool.get().await?).await
    }

    /// Streams of which a view applies nothing more, because an event of theirs is parked.
    pub async fn held_up_streams(&self, model: ReadModel) -> Result<Vec<String>, ViewError> {
        let serving = self.serving();
        match serving.get(model).filter(|status| status.parked > 0) {
            Some(status) => generation::held_up_streams(&self.pool.get().await?, status.generation).await,
            None => Ok(Vec::new()),
        }
    }

    /// How far a view is behind the log.
    pub async fn lag(
        &self,
        model: ReadModel,
        log: &dyn EventLog,
        now: DateTime<Utc>,
    ) -> Result<Lag, ViewError> {
        let serving = self.serving();
        let status = serving.get(model).ok_or(ViewError::NotLive { model })?;
        let (position, still_seconds) = (status.position, status.still_seconds);
        let head = log.head().await?;
        if position >= head {
            return Ok(Lag::none(position, head));
        }
        let events = log.count_after(position, MAX_COUNTED_LAG).await?;
        let next = log.follow(position, &Filter::all()).await?.next().await.transpose()?;
        let recorded_at =
            next.and_then(|event| codec::decode_metadata(&event.metadata).ok()).map(|(_, m)| m.recorded_at);
        let age = recorded_at.map(|at| (now - at).num_milliseconds().max(0) as f64 / 1000.0);
        // A view without new events for hours has been standing still only since the first event that it lacks.
        let still_seconds = age.map_or(still_seconds, |age| age.min(still_seconds));
        Ok(Lag { position, head, events, seconds: age.unwrap_or_default(), still_seconds })
    }
}

async fn read(pool: &Pool) -> Result<Serving, ViewError> {
    let client = pool.get().await?;
    Ok(Serving { live: generation::live(&client).await? })
}

/// Reads the live generations after each notification and at each poll, until nobody listens.
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
                tracing::warn!(error = %describe(&error), "the live generations could not be read; retrying");
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
        }
    }
    listening.abort();
}

/// Passes notifications on and reconnects after a lost connection.
async fn listen(database: Config, announce: watch::Sender<()>) {
    while !announce.is_closed() {
        if let Err(error) = listen_once(&database, &announce).await {
            tracing::debug!(error = %describe(&error), "the connection for notifications was lost; reconnecting");
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
