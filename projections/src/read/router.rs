//! The router: which model and which generation answer a request, chosen once at its edge.
//!
//! It follows `routing-main` and what serves, so that a change is in force in every process within a second, without a
//! restart.

use std::sync::Arc;
use std::time::Duration;

use daybook_domain::routing::{RoutedSubject, Routing, RoutingReason};
use daybook_domain::{Event, ReadModel};
use daybook_event_log::{
    Category, EventLog, Filter, Position, ReadError, RecordedStream, Revision, StreamName, codec,
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
    routing: watch::Receiver<Arc<Routing>>,
    views: Views,
}

impl Router {
    /// Reads the routing, and follows it until the last clone is dropped.
    pub async fn open(log: Arc<dyn EventLog>, views: Views) -> Result<Self, ViewError> {
        let (routing, position) = read(&*log).await?;
        let (sender, receiver) = watch::channel(Arc::new(routing));
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

/// The routing as the log has it now, and the position of its last event.
pub(crate) async fn read(log: &dyn EventLog) -> Result<(Routing, Position), ViewError> {
    let (mut routing, mut position) = (Routing::default(), Position::START);
    let mut events = log.read_stream(&StreamName::routing(), Revision::FIRST).await?;
    while let Some(event) = events.next().await.transpose()? {
        position = event.position;
        evolve(&mut routing, &event)?;
    }
    Ok((routing, position))
}

fn filter() -> Filter {
    Filter::categories([Category::Routing])
}

fn evolve(routing: &mut Routing, recorded: &daybook_event_log::RecordedEvent) -> Result<(), ViewError> {
    let (event, _) = codec::decode(recorded).map_err(|fault| ViewError::of_event(recorded, fault))?;
    if let Event::Routing(event) = event {
        routing.evolve(&event);
    }
    Ok(())
}

async fn follow(log: Arc<dyn EventLog>, mut position: Position, sender: watch::Sender<Arc<Routing>>) {
    while !sender.is_closed() {
        let followed: Result<RecordedStream, ReadError> = log.follow(position, &filter()).await;
        let outcome = match followed {
            Ok(events) => take_in(events, &mut position, &sender).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = outcome {
            tracing::warn!(error = %crate::describe(&error), "the routing is not followed; trying again");
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
        let mut routing = Routing::clone(&sender.borrow());
        evolve(&mut routing, &event)?;
        *position = event.position;
        sender.send_replace(Arc::new(routing));
    }
}
