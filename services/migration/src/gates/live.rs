//! The live generations in the snapshot in which gates are measured, and the views that should have one.

use daybook_domain::ReadModel;
use daybook_domain::routing::Routing;
use daybook_event_log::Position;

use daybook_projections::ViewError;
use daybook_projections::control::generation::GenerationStatus;
use daybook_projections::control::ids::{Generation, GenerationState};

#[derive(Debug, Clone)]
pub(super) struct LiveViews {
    statuses: Vec<GenerationStatus>,
    /// Live generations that cannot be written. For gates they do not count as live.
    failing: Vec<GenerationStatus>,
    in_use: Vec<ReadModel>,
}

impl LiveViews {
    pub(super) fn from_statuses(statuses: &[GenerationStatus], routing: &Routing) -> Self {
        let live = statuses.iter().filter(|status| status.state == GenerationState::Live).cloned();
        let (failing, statuses) = live.partition(|status| status.lasting_failure().is_some());
        Self { statuses, failing, in_use: routing.in_use().collect() }
    }

    /// The live generation of a view; none if the view is retired.
    pub(super) fn get(&self, model: ReadModel) -> Option<&GenerationStatus> {
        self.in_use().find(|status| status.generation.model == model)
    }

    pub(super) fn generation(&self, model: ReadModel) -> Result<Generation, ViewError> {
        self.get(model).map(|status| status.generation).ok_or(ViewError::NotLive { model })
    }

    /// The live generations of views that are not retired.
    pub(super) fn in_use(&self) -> impl Iterator<Item = &GenerationStatus> {
        self.statuses.iter().filter(|status| self.in_use.contains(&status.generation.model))
    }

    /// The first view in use without a live generation.
    pub(super) fn missing(&self) -> Option<ReadModel> {
        self.in_use.iter().copied().find(|model| self.get(*model).is_none())
    }

    pub(super) fn describe_missing(&self, model: ReadModel) -> String {
        if !self.in_use.contains(&model) {
            return ViewError::Retired { model }.to_string();
        }
        let failing = self.failing.iter().find(|status| status.generation.model == model);
        let failure = failing.and_then(|status| status.check_writable().err());
        failure.unwrap_or(ViewError::NotLive { model }).to_string()
    }

    /// Whether all views in use have reached the head, at the same position.
    pub(super) fn is_settled(&self, head: Position) -> bool {
        let mut positions = self.in_use().map(|status| status.position);
        let first = positions.next();
        first.is_none_or(|first| first >= head && positions.all(|position| position == first))
    }

    /// The position that all views in use have reached; none without a view.
    pub(super) fn position(&self) -> Option<Position> {
        self.in_use().map(|status| status.position).min()
    }

    pub(super) fn names(&self) -> String {
        self.in_use().map(|status| status.generation.to_string()).collect::<Vec<_>>().join(" and ")
    }
}
