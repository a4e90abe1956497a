//! The router: which model and which generation answer a request, chosen once at its edge.
//!
//! It follows `routing-main` and what serves, so that a change is in force in every process within a second, without a
//! restart.

use std::sync::Arc;
use std::time::Duration;

use daybook_domain::ReadModel;
use daybook_domain::routing::{RoutedSubject, Routing, RoutingReason};
use daybook_event_log::{EventLog, Position, ReadError, RecordedStream};
use futures_util::StreamExt;
use tokio::sync::watch;

use crate::control::error::{ViewError, describe};
use crate::control::ids::Generation;
use crate::read::routing;
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
    routing: watch::Receiver<Arc<Routing>>,
    views: Views,
}

impl Router {
    /// Reads the routing, and follows it until the last clone is dropped.
    pub async fn open(log: Arc<dyn EventLog>, views: Views) -> Result<Self, ViewError> {
        let (known, position) = routing::read(&*log).await?;
        let (sender, receiver) = watch::channel(Arc::new(known));
        tokio::spawn(follow(log, position, sender));
        Ok(Self { routing: receiver, views })
    }

    /// The routing as it stands.
    pub fn routing(&self) -> Arc<Routing> {
        self.routing.borrow().clone()
    }

    /// The routing as it changes.
    pub fn changes(&self) -> watch::Receiver<Arc<Routing>> {
        self.routing.clone()
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
        let (model, because) = self.routing.borrow().choose(subject);
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

async fn follow(log: Arc<dyn EventLog>, mut position: Position, sender: watch::Sender<Arc<Routing>>) {
    while !sender.is_closed() {
        let followed: Result<RecordedStream, ReadError> = log.follow(position, &routing::filter()).await;
        let outcome = match followed {
            Ok(events) => take_in(events, &mut position, &sender).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = outcome {
            tracing::warn!(error = %describe(&error), "the routing is not followed; trying again");
        }
        tokio::time::sleep(FOLLOW_PAUSE).await;
    }
}

async fn take_in(
    mut events: RecordedStream,
    position: &mut Position,
    sender: &watch::Sender<Arc<Routing>>,
) -> Result<(), ViewError> {
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = sender.closed() => None,
        };
        let Some(event) = event.transpose()? else { return Ok(()) };
        let mut known = Routing::clone(&sender.borrow());
        routing::evolve(&mut known, &event)?;
        *position = event.position;
        sender.send_replace(Arc::new(known));
    }
}
