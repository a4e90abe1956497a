//! A subscription, and what has to hold of whatever it sends: one confirmation first, then events and checkpoints that
//! only go forward.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use daybook_event_log::Position;
use eventstore::{Error, RecordedEvent, Subscription, SubscriptionEvent};

use super::node::position;
use super::plain::Absence;

/// Longest time that a subscription may take for what has to come.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Subscriber {
    subscription: Subscription,
    is_confirmed: bool,
    /// It has come this far: what comes later lies behind.
    floor: Position,
}

/// Something that a subscription sends.
enum Sent {
    Event(Box<RecordedEvent>),
    CaughtUp,
    /// What was checked and is of no other use.
    Checked,
}

impl Subscriber {
    /// A subscription that has only begun, after a position.
    pub(super) fn new(subscription: Subscription, after: Position) -> Self {
        Self { subscription, is_confirmed: false, floor: after }
    }

    /// What it sends until it is live.
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

    /// The next so many events of one that is live.
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
