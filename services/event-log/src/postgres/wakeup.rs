//! Waking followers: what is known to be committed, and the connection that listens for it. That it is
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
use super::heads::{Announcement, Heads};
use super::reader::READ_DEADLINE;
use crate::backoff::Backoff;
use crate::port::Position;

/// The known head. One listener serves all clones and ends with the last of them.
#[derive(Debug, Clone)]
pub(super) struct Wakeup {
    known: watch::Sender<Heads>,
    state: Arc<ListenerState>,
    _listener: Arc<AbortOnDropHandle<()>>,
}

/// How the connection that listens fares.
#[derive(Debug, Default)]
struct ListenerState {
    is_up: AtomicBool,
    losses: AtomicU64,
    wakeups: AtomicU64,
    empty_wakeups: AtomicU64,
}

/// How many times followers were woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WakeupCounts {
    /// By an announcement, each time with one query.
    pub total: u64,
    /// Of these, how many found nothing.
    pub empty: u64,
}

impl Wakeup {
    /// To be called when the database has just answered.
    pub(super) fn start(config: Config, head: Position) -> Self {
        let known = watch::Sender::new(Heads::at(head));
        let state = Arc::new(ListenerState::default());
        state.is_up.store(true, Ordering::Relaxed);
        let task = keep_listening(config, known.clone(), Arc::clone(&state));
        let listener = Arc::new(AbortOnDropHandle::new(tokio::spawn(task)));
        Self { known, state, _listener: listener }
    }

    /// What is announced is committed.
    pub(super) fn announce(&self, announcement: &Announcement) {
        announce(&self.known, announcement);
    }

    pub(super) fn heads(&self) -> Heads {
        *self.known.borrow()
    }

    /// A follower was woken, and looked.
    pub(super) fn count_waking(&self, found_something: bool) {
        self.state.wakeups.fetch_add(1, Ordering::Relaxed);
        self.state.empty_wakeups.fetch_add((!found_something).into(), Ordering::Relaxed);
    }

    pub(super) fn wakeup_counts(&self) -> WakeupCounts {
        WakeupCounts {
            total: self.state.wakeups.load(Ordering::Relaxed),
            empty: self.state.empty_wakeups.load(Ordering::Relaxed),
        }
    }

    /// Whether the database was there when it was last heard of.
    pub(super) fn is_up(&self) -> bool {
        self.state.is_up.load(Ordering::Relaxed)
    }

    /// How many times its connection was lost.
    pub(super) fn losses(&self) -> u64 {
        self.state.losses.load(Ordering::Relaxed)
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Heads> {
        self.known.subscribe()
    }
}

fn announce(known: &watch::Sender<Heads>, announcement: &Announcement) {
    known.send_if_modified(|heads| heads.apply(announcement));
}

/// Listens for as long as the log is there; after each loss it waits a bounded while.
async fn keep_listening(config: Config, known: watch::Sender<Heads>, state: Arc<ListenerState>) {
    let config = named(&config, "daybook listener");
    let mut backoff = Backoff::new();
    loop {
        match listen(&config, &known, &state).await {
            Ok(()) => {
                state.losses.fetch_add(1, Ordering::Relaxed);
                backoff.reset();
            }
            Err(error) => tracing::debug!(%error, "cannot listen for new events; followers poll"),
        }
        state.is_up.store(false, Ordering::Relaxed);
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

/// Listens until the connection ends.
async fn listen(
    config: &Config,
    known: &watch::Sender<Heads>,
    state: &ListenerState,
) -> Result<(), PostgresError> {
    let (client, mut connection) = within(CONNECT_DEADLINE, config.connect(NoTls)).await?;
    let heard = known.clone();
    let driver = AbortOnDropHandle::new(tokio::spawn(async move {
        let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            if let Some(announcement) = announced(&message) {
                announce(&heard, &announcement);
            }
        }
    }));
    // What was announced before this is not known: it may have been anything.
    announce(known, &Announcement::all_categories(within(READ_DEADLINE, start(&client)).await?));
    state.is_up.store(true, Ordering::Relaxed);
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
fn announced(message: &AsyncMessage) -> Option<Announcement> {
    match message {
        AsyncMessage::Notification(notification) => notification.payload().parse().ok(),
        _ => None,
    }
}
