//! The router chooses the view and the generation for a request, once per request.
//!
//! It follows `routing-main` and the live generations, so that a change is in force in every process within a second
//! without a restart.

use std::sync::Arc;
use std::time::Duration;

use daybook_domain::ReadModel;
use daybook_domain::routing::{LogPlace, RolloutHistory, RoutedSubject, Routing, RoutingReason};
use daybook_event_log::{EventLog, Position, ReadError, RecordedStream};
use futures_util::StreamExt;
use tokio::sync::watch;

use crate::control::error::{ViewError, describe};
use crate::control::ids::Generation;
use crate::read::routing;
use crate::read::views::Views;

/// Pause before following again after an error.
const FOLLOW_PAUSE: Duration = Duration::from_millis(100);

/// The generation for a request, from its first to its last query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    pub generation: Generation,
    /// Why its view was chosen.
    pub because: RoutingReason,
}

impl Route {
    /// The view.
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
        let (history, position) = routing::read_history(&*log).await?;
        let (sender, receiver) = watch::channel(Arc::new(history));
        tokio::spawn(follow(log, position, sender));
        Ok(Self { history: receiver, views })
    }

    /// The present routing.
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

    /// The live generations.
    pub const fn views(&self) -> &Views {
        &self.views
    }

    /// Chooses for a subject.
    pub fn choose(&self, subject: Option<&RoutedSubject>) -> Result<Route, ViewError> {
        self.choose_at(subject, None).map(|(route, _)| route)
    }

    fn choose_at(
        &self,
        subject: Option<&RoutedSubject>,
        only: Option<ReadModel>,
    ) -> Result<(Route, Position), ViewError> {
        let (chosen, because) = self.history.borrow().routing.choose(subject);
        let model = only.unwrap_or(chosen);
        let serving = self.views.serving();
        let status = serving.get(model).ok_or(ViewError::NotLive { model })?;
        Ok((Route { generation: status.generation, because }, status.position))
    }

    /// Chooses for a subject and waits until the chosen generation has reached a position. If the routing changes
    /// meanwhile, it chooses again.
    pub async fn choose_with(
        &self,
        subject: Option<&RoutedSubject>,
        at_least: Position,
        patience: Duration,
    ) -> Result<Route, ViewError> {
        self.choose_among(subject, None, at_least, patience).await
    }

    /// Chooses one model, whatever the routing is, for a question that only this one can answer. Waits like
    /// [`Self::choose_with`].
    pub async fn choose_only(
        &self,
        model: ReadModel,
        at_least: Position,
        patience: Duration,
    ) -> Result<Route, ViewError> {
        self.choose_among(None, Some(model), at_least, patience).await
    }

    async fn choose_among(
        &self,
        subject: Option<&RoutedSubject>,
        only: Option<ReadModel>,
        at_least: Position,
        patience: Duration,
    ) -> Result<Route, ViewError> {
        let deadline = tokio::time::Instant::now() + patience;
        let mut views = self.views.clone();
        loop {
            let (route, position) = self.choose_at(subject, only)?;
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

async fn follow(log: Arc<dyn EventLog>, mut position: Position, sender: watch::Sender<Arc<RolloutHistory>>) {
    while !sender.is_closed() {
        let followed: Result<RecordedStream, ReadError> = log.follow(position, &routing::filter()).await;
        let outcome = match followed {
            Ok(events) => apply_all(events, &mut position, &sender).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = outcome {
            tracing::warn!(error = %describe(&error), "the routing could not be followed; retrying");
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
        routing::apply(&mut history, &event)?;
        *position = event.position;
        sender.send_replace(Arc::new(history));
    }
}
