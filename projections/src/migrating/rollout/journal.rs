//! The steps of the migration as `routing-main` tells them, each with its time, its actor and its reason: those past the
//! gates too, which are no stage of their own.

use chrono::{DateTime, Utc};
use daybook_domain::Event;
use daybook_domain::routing::{Direction, Gate, GuardrailTripped, Override, Routing, RoutingEvent, Stage};
use daybook_event_log::{EventLog, Metadata, Revision, StreamName, codec};
use futures_util::TryStreamExt;
use serde::Serialize;

use crate::ViewError;

/// How a step of the migration came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The next stage was entered through its gates, or past them with a reason.
    Advanced,
    /// An earlier stage was gone back to.
    WentBack,
    /// A share was set by hand or by a flag, past all gates.
    ShareSet,
    /// All reads were rolled back, by hand, by a flag or by a guardrail.
    RolledBack,
    /// The legacy view was retired.
    Retired,
    /// It was restored.
    Restored,
}

/// One step: something that changed the stage or who is answered by which model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// The stage from then on.
    pub stage: Stage,
    /// Percentage of subjects that the share gives to the dynamic view from then on.
    pub dynamic_percent: f64,
    /// How it came about.
    pub how: How,
    /// When, by whom and why.
    #[serde(flatten)]
    pub change: Change,
    /// Gates that did not let through when it was made all the same.
    pub shut: Vec<Gate>,
    /// Who went past them, and why.
    pub overridden: Option<Override>,
}

/// When something was changed, by whom and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// When it was recorded.
    pub at: DateTime<Utc>,
    /// Who did it.
    pub by: Box<str>,
    /// Why, where somebody said so.
    pub reason: Option<Box<str>>,
}

/// A guardrail that tripped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trip {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    #[serde(flatten)]
    pub tripped: GuardrailTripped,
}

/// What the stream says.
#[derive(Debug, Default)]
pub(super) struct RolloutHistory {
    routing: Routing,
    /// The first one first.
    pub(super) steps: Vec<Step>,
    pub(super) last_trip: Option<Trip>,
}

impl RolloutHistory {
    pub(super) async fn read(log: &dyn EventLog) -> Result<Self, ViewError> {
        let mut journal = Self::default();
        let mut events = log.read_stream(&StreamName::routing(), Revision::FIRST).await?;
        while let Some(recorded) = events.try_next().await? {
            let (event, metadata) =
                codec::decode(&recorded).map_err(|fault| ViewError::from_event(&recorded, fault))?;
            if let Event::Routing(event) = event {
                journal.take_in(&event, &metadata);
            }
        }
        Ok(journal)
    }

    fn take_in(&mut self, event: &RoutingEvent, metadata: &Metadata) {
        let before = (self.routing.stage, self.routing.share, self.routing.rolled_back);
        self.routing.evolve(event);
        if let RoutingEvent::GuardrailTripped(tripped) = event {
            self.last_trip = Some(Trip { at: metadata.recorded_at, tripped: tripped.clone() });
        }
        let Some(how) = how(event) else { return };
        if before != (self.routing.stage, self.routing.share, self.routing.rolled_back) {
            let (shut, overridden) = evidence(event);
            self.steps.push(Step {
                stage: self.routing.stage,
                dynamic_percent: self.routing.share.as_percent(),
                how,
                change: Change {
                    at: metadata.recorded_at,
                    by: metadata.actor.as_str().into(),
                    reason: event.reason().map(Box::from),
                },
                shut,
                overridden,
            });
        }
    }
}

/// How a step came about; none of what is no step.
const fn how(event: &RoutingEvent) -> Option<How> {
    match event {
        RoutingEvent::StageEntered(e) => Some(match e.way {
            Direction::Advanced => How::Advanced,
            Direction::RolledBack => How::WentBack,
        }),
        RoutingEvent::DynamicShareSet(_) => Some(How::ShareSet),
        RoutingEvent::ReadsRolledBack(_) => Some(How::RolledBack),
        RoutingEvent::ViewRetired(_) => Some(How::Retired),
        RoutingEvent::ViewRestored(_) => Some(How::Restored),
        RoutingEvent::RolloutOpened(_)
        | RoutingEvent::SubjectForced(_)
        | RoutingEvent::SubjectReleased(_)
        | RoutingEvent::ChecklistItemDone(_)
        | RoutingEvent::FlagsObserved(_)
        | RoutingEvent::GuardrailTripped(_) => None,
    }
}

/// The gates that did not let through, and who went past them.
fn evidence(event: &RoutingEvent) -> (Vec<Gate>, Option<Override>) {
    let RoutingEvent::StageEntered(entered) = event else { return (vec![], None) };
    let Some(overridden) = &entered.overridden else { return (vec![], None) };
    (Gate::unmet(entered.stage, &entered.gates).collect(), Some(overridden.clone()))
}
