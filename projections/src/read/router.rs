//! The router: which model and which generation answer a request, chosen once at its edge.
//!
//! It follows `routing-main` and what serves, so that a change is in force in every process within a second, without a
//! restart.

use std::sync::Arc;
use std::time::Duration;

use daybook_domain::routing::{LogPlace, Recording, RolloutHistory, RoutedSubject, Routing, RoutingReason};
use daybook_domain::{Event, ReadModel};
use daybook_event_log::{
    Category, EventLog, Filter, Position, ReadError, RecordedEvent, RecordedStream, Revision, StreamName,
    codec,
};
use futures_util::StreamExt;
use tokio::sync::watch;

use crate::ViewError;
use crate::control::generation::Generation;
use crate::read::views::Views;

/// Pause before a follower that broke off starts again.
const FOLLOW_PAUSE: Duration = Duration::from_millis(100);

/// What answers a request, from its first to its last query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The generation that is read.
    pub generation: Generation,
    /// Why its model was chosen.
    pub because: RoutingReason,
}

impl Route {
    /// The model that was chosen.
    pub const fn model(self) -> ReadModel {
        self.generation.model
    }
}

/// Chooses routes.
#[derive(Debug, Clone)]
pub struct Router {
    history: watch::Receiver<Arc<RolloutHistory>>,
    views: Views,
}

impl Router {
    /// Reads the routing, and follows it until the last clone is dropped.
    pub async fn open(log: Arc<dyn EventLog>, views: Views) -> Result<Self, ViewError> {
        let (history, position) = read_history(&*log).await?;
        let (sender, receiver) = watch::channel(Arc::new(history));
        tokio::spawn(follow(log, position, sender));
        Ok(Self { history: receiver, views })
    }

    /// The routing as it stands.
    pub fn routing(&self) -> Arc<Routing> {
        Arc::clone(&self.history.borrow().routing)
    }

    /// The history of the rollout as this process follows it.
    pub fn history(&self) -> Arc<RolloutHistory> {
        Arc::clone(&self.history.borrow())
    }

    /// The history as it grows: one value for each event.
    pub fn changes(&self) -> watch::Receiver<Arc<RolloutHistory>> {
        self.history.clone()
    }

    /// Waits until this process routes by the event at a position.
    ///
    /// # Errors
    /// [`ViewError::TimedOut`].
    pub async fn wait_until_in_force(&self, position: Position, patience: Duration) -> Result<(), ViewError> {
        let (mut history, place) = (self.history.clone(), LogPlace::from(position));
        let reached = history.wait_for(|history| history.place >= place);
        match tokio::time::timeout(patience, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => {
                let what = "a change of the routing to take effect; it is recorded, and `daybook reads show` shows it";
                Err(ViewError::TimedOut { what, seconds: patience.as_secs() })
            }
        }
    }

    /// What serves.
    pub const fn views(&self) -> &Views {
        &self.views
    }

    /// Chooses for a subject.
    pub fn choose(&self, subject: Option<&RoutedSubject>) -> Result<Route, ViewError> {
        self.choose_at(subject).map(|(route, _)| route)
    }

    fn choose_at(&self, subject: Option<&RoutedSubject>) -> Result<(Route, Position), ViewError> {
        let (model, because) = self.history.borrow().routing.choose(subject);
        let serving = self.views.serving();
        let standing = serving.of(model).ok_or(ViewError::NotLive { model })?;
        Ok((Route { generation: standing.generation, because }, standing.position))
    }

    /// Chooses for a subject, and waits until what was chosen holds everything up to a position. A flip meanwhile
    /// chooses anew.
    pub async fn choose_with(
        &self,
        subject: Option<&RoutedSubject>,
        at_least: Position,
        patience: Duration,
    ) -> Result<Route, ViewError> {
        let deadline = tokio::time::Instant::now() + patience;
        let mut views = self.views.clone();
        loop {
            let (route, position) = self.choose_at(subject)?;
            if position >= at_least {
                return Ok(route);
            }
            if !views.changed(deadline).await {
                return Err(ViewError::TimedOut {
                    what: "a view to reach the position",
                    seconds: patience.as_secs(),
                });
            }
        }
    }
}

/// The history of the rollout as the log has it now, and the position of its last event.
///
/// # Errors
/// The log cannot be read, or has an event that this release does not know.
pub async fn read_history(log: &dyn EventLog) -> Result<(RolloutHistory, Position), ViewError> {
    let (mut history, mut position) = (RolloutHistory::default(), Position::START);
    let mut events = log.read_stream(&StreamName::routing(), Revision::FIRST).await?;
    while let Some(event) = events.next().await.transpose()? {
        position = event.position;
        apply(&mut history, &event)?;
    }
    Ok((history, position))
}

/// The routing as the log has it now, and the position of its last event.
///
/// # Errors
/// As [`read_history`].
pub async fn read(log: &dyn EventLog) -> Result<(Arc<Routing>, Position), ViewError> {
    let (history, position) = read_history(log).await?;
    Ok((history.routing, position))
}

fn apply(history: &mut RolloutHistory, recorded: &RecordedEvent) -> Result<(), ViewError> {
    let (event, metadata) = codec::decode(recorded).map_err(|fault| ViewError::of_event(recorded, fault))?;
    if let Event::Routing(event) = event {
        let (at, actor) = (metadata.recorded_at, metadata.actor);
        history.apply(&event, Recording { at, actor, place: recorded.position.into() });
    }
    Ok(())
}

fn filter() -> Filter {
    Filter::categories([Category::Routing])
}

async fn follow(log: Arc<dyn EventLog>, mut position: Position, sender: watch::Sender<Arc<RolloutHistory>>) {
    while !sender.is_closed() {
        let followed: Result<RecordedStream, ReadError> = log.follow(position, &filter()).await;
        let outcome = match followed {
            Ok(events) => apply_all(events, &mut position, &sender).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = outcome {
            tracing::warn!(error = %crate::describe(&error), "the routing is not followed; trying again");
        }
        tokio::time::sleep(FOLLOW_PAUSE).await;
    }
}

async fn apply_all(
    mut events: RecordedStream,
    position: &mut Position,
    sender: &watch::Sender<Arc<RolloutHistory>>,
) -> Result<(), ViewError> {
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = sender.closed() => None,
        };
        let Some(event) = event.transpose()? else { return Ok(()) };
        let mut history = RolloutHistory::clone(&sender.borrow());
        apply(&mut history, &event)?;
        *position = event.position;
        sender.send_replace(Arc::new(history));
    }
}
