//! A subscription that checks everything it receives: one confirmation comes first, and the positions of events and
//! checkpoints never go back.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use daybook_event_log::Position;
use eventstore::{Error, RecordedEvent, Subscription, SubscriptionEvent};

use super::node::position;
use super::plain::Absence;

/// Maximum wait for the next message of a subscription.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Subscriber {
    subscription: Subscription,
    is_confirmed: bool,
    /// The last position received. Later events must have a higher position.
    floor: Position,
}

/// A message of a subscription.
enum Sent {
    Event(Box<RecordedEvent>),
    CaughtUp,
    /// A message that passed its check and needs no further use.
    Checked,
}

impl Subscriber {
    /// Wraps a new subscription that starts after a position.
    pub(super) fn new(subscription: Subscription, after: Position) -> Self {
        Self { subscription, is_confirmed: false, floor: after }
    }

    /// Returns the events that the subscription sends before it is live.
    pub(super) async fn catch_up(&mut self) -> anyhow::Result<Result<Vec<RecordedEvent>, Absence>> {
        let mut events = Vec::new();
        loop {
            match in_time(self.subscription.next_subscription_event()).await? {
                Ok(sent) => match self.check(sent)? {
                    Sent::Event(event) => events.push(*event),
                    Sent::CaughtUp => return Ok(Ok(events)),
                    Sent::Checked => {}
                },
                Err(Error::ResourceDeleted) => return Ok(Err(Absence::Gone)),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Returns the next `count` events of a live subscription.
    pub(super) async fn take(&mut self, count: usize) -> anyhow::Result<Vec<RecordedEvent>> {
        let mut events = Vec::new();
        while events.len() < count {
            let sent = in_time(self.subscription.next_subscription_event()).await??;
            match self.check(sent)? {
                Sent::Event(event) => events.push(*event),
                Sent::CaughtUp => bail!("it was live, and says so again"),
                Sent::Checked => {}
            }
        }
        Ok(events)
    }

    fn check(&mut self, sent: SubscriptionEvent) -> anyhow::Result<Sent> {
        if let SubscriptionEvent::Confirmed(_) = sent {
            ensure!(!self.is_confirmed, "it is confirmed twice");
            self.is_confirmed = true;
            return Ok(Sent::Checked);
        }
        ensure!(self.is_confirmed, "it sends before it is confirmed");
        match sent {
            SubscriptionEvent::EventAppeared(event) => {
                let event = event.event.context("an event that is a link")?;
                let at = position(event.position)?;
                ensure!(at > self.floor, "after {} comes the event at {at}", self.floor);
                self.floor = at;
                Ok(Sent::Event(Box::new(event)))
            }
            SubscriptionEvent::Checkpoint(at) => {
                let at = position(at)?;
                ensure!(at >= self.floor, "after {} comes the checkpoint {at}", self.floor);
                self.floor = at;
                Ok(Sent::Checked)
            }
            SubscriptionEvent::CaughtUp => Ok(Sent::CaughtUp),
            SubscriptionEvent::Confirmed(_)
            | SubscriptionEvent::FirstStreamPosition(_)
            | SubscriptionEvent::LastStreamPosition(_)
            | SubscriptionEvent::LastAllPosition(_)
            | SubscriptionEvent::FellBehind => bail!("{sent:?} is nothing that it has to send"),
        }
    }
}

async fn in_time<T>(sent: impl Future<Output = T>) -> anyhow::Result<T> {
    tokio::time::timeout(PATIENCE, sent).await.context("what has to come does not come")
}
