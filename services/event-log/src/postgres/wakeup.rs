//! Waking followers: the highest position that is known to be committed, and the connection that listens for it. That it is
//! always there or being made anew is also what tells how the database fares.
//!
//! It only ever makes followers look sooner. What it misses they find by polling.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::{StreamExt, stream};
use tokio::sync::watch;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};
use tokio_util::task::AbortOnDropHandle;

use super::CHANNEL;
use super::connection::{CONNECT_DEADLINE, named, within};
use super::error::PostgresError;
use super::reader::READ_DEADLINE;
use crate::backoff::Backoff;
use crate::known_head::KnownHead;
use crate::port::Position;

/// The known head. One listener serves all clones and ends with the last of them.
#[derive(Debug, Clone)]
pub(super) struct Wakeup {
    known: KnownHead,
    listening: Arc<Listening>,
    _listener: Arc<AbortOnDropHandle<()>>,
}

/// How the connection that listens fares.
#[derive(Debug)]
struct Listening {
    is_up: AtomicBool,
    losses: AtomicU64,
}

impl Wakeup {
    /// To be called when the database has just answered.
    pub(super) fn start(config: Config, head: Position) -> Self {
        let known = KnownHead::at(head);
        let listening = Arc::new(Listening { is_up: AtomicBool::new(true), losses: AtomicU64::new(0) });
        let task = keep_listening(config, known.clone(), Arc::clone(&listening));
        let listener = Arc::new(AbortOnDropHandle::new(tokio::spawn(task)));
        Self { known, listening, _listener: listener }
    }

    /// Everything up to this position is committed.
    pub(super) fn announce(&self, head: Position) {
        self.known.announce(head);
    }

    pub(super) fn head(&self) -> Position {
        self.known.get()
    }

    /// Whether the database was there when it was last heard of.
    pub(super) fn is_up(&self) -> bool {
        self.listening.is_up.load(Ordering::Relaxed)
    }

    /// How many times its connection was lost.
    pub(super) fn losses(&self) -> u64 {
        self.listening.losses.load(Ordering::Relaxed)
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Position> {
        self.known.subscribe()
    }
}

/// Listens for as long as the log is there; after each loss it waits a bounded while.
async fn keep_listening(config: Config, known: KnownHead, listening: Arc<Listening>) {
    let config = named(&config, "daybook listener");
    let mut backoff = Backoff::new();
    loop {
        match listen(&config, &known, &listening).await {
            Ok(()) => {
                listening.losses.fetch_add(1, Ordering::Relaxed);
                backoff.reset();
            }
            Err(error) => tracing::debug!(%error, "cannot listen for new events; followers poll"),
        }
        listening.is_up.store(false, Ordering::Relaxed);
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

/// Listens until the connection ends.
async fn listen(config: &Config, known: &KnownHead, listening: &Listening) -> Result<(), PostgresError> {
    let (client, mut connection) = within(CONNECT_DEADLINE, config.connect(NoTls)).await?;
    let heard = known.clone();
    let driver = AbortOnDropHandle::new(tokio::spawn(async move {
        let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            if let Some(head) = announced(&message) {
                heard.announce(head);
            }
        }
    }));
    known.announce(within(READ_DEADLINE, start(&client)).await?);
    listening.is_up.store(true, Ordering::Relaxed);
    // The driver ends with its connection; that it was aborted is no news.
    let _ended = driver.await;
    Ok(())
}

/// Listens first and looks second, so that nothing is missed in between.
async fn start(client: &Client) -> Result<Position, PostgresError> {
    client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
    let row = client.query_one("SELECT coalesce(max(position), 0) FROM event_log.events", &[]).await?;
    let head = row.try_get(0)?;
    Ok(Position::from_parts(head, head).unwrap_or_default())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the driver's enum is open; only notifications matter")]
fn announced(message: &AsyncMessage) -> Option<Position> {
    match message {
        AsyncMessage::Notification(notification) => notification.payload().parse().ok(),
        _ => None,
    }
}
