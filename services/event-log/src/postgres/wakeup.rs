//! Wakes followers: the known heads, and the connection that listens for announcements. Whether that
//! connection is open also tells whether the database is up.
//!
//! It only makes followers read sooner. They find events that it misses by polling.

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

/// Clones share one listener, which ends with the last of them.
#[derive(Debug, Clone)]
pub(super) struct Wakeup {
    known: watch::Sender<Heads>,
    state: Arc<ListenerState>,
    _listener: Arc<AbortOnDropHandle<()>>,
}

#[derive(Debug, Default)]
struct ListenerState {
    is_up: AtomicBool,
    losses: AtomicU64,
    wakeups: AtomicU64,
    empty_wakeups: AtomicU64,
}

/// How often announcements woke followers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WakeupCounts {
    /// Wakeups, one query each.
    pub total: u64,
    /// Wakeups that found no matching event.
    pub empty: u64,
}

impl Wakeup {
    /// Call this right after the database has answered.
    pub(super) fn start(config: Config, head: Position) -> Self {
        let known = watch::Sender::new(Heads::at(head));
        let state = Arc::new(ListenerState::default());
        state.is_up.store(true, Ordering::Relaxed);
        let task = keep_listening(config, known.clone(), Arc::clone(&state));
        let listener = Arc::new(AbortOnDropHandle::new(tokio::spawn(task)));
        Self { known, state, _listener: listener }
    }

    pub(super) fn announce(&self, announcement: &Announcement) {
        announce(&self.known, announcement);
    }

    pub(super) fn heads(&self) -> Heads {
        *self.known.borrow()
    }

    pub(super) fn count_wakeup(&self, found_something: bool) {
        self.state.wakeups.fetch_add(1, Ordering::Relaxed);
        self.state.empty_wakeups.fetch_add((!found_something).into(), Ordering::Relaxed);
    }

    pub(super) fn wakeup_counts(&self) -> WakeupCounts {
        WakeupCounts {
            total: self.state.wakeups.load(Ordering::Relaxed),
            empty: self.state.empty_wakeups.load(Ordering::Relaxed),
        }
    }

    /// Whether the connection that listens is open.
    pub(super) fn is_up(&self) -> bool {
        self.state.is_up.load(Ordering::Relaxed)
    }

    /// How often that connection was lost.
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

/// Listens until the log is dropped, with a backoff after each loss.
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
    // Announcements before this point are lost, so any category may have new events.
    announce(known, &Announcement::all_categories(within(READ_DEADLINE, start(&client)).await?));
    state.is_up.store(true, Ordering::Relaxed);
    // The driver ends with its connection. An error here only means that it was aborted.
    let _ended = driver.await;
    Ok(())
}

/// Listens first and reads the head second, so that no event is missed in between.
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
