//! The views as they stand in the snapshot in which gates are measured, and which of them there ought to be.

use daybook_domain::ReadModel;
use daybook_domain::routing::Routing;
use daybook_event_log::Position;

use daybook_projections::ViewError;
use daybook_projections::control::generation::GenerationStatus;
use daybook_projections::control::ids::{Generation, GenerationState};

/// What serves, and what should.
#[derive(Debug, Clone)]
pub(super) struct LiveViews {
    standings: Vec<GenerationStatus>,
    in_use: Vec<ReadModel>,
}

impl LiveViews {
    pub(super) fn from_statuses(statuses: &[GenerationStatus], routing: &Routing) -> Self {
        let live = statuses.iter().filter(|status| status.state == GenerationState::Live);
        Self { standings: live.cloned().collect(), in_use: routing.in_use().collect() }
    }

    /// The live generation of a view.
    pub(super) fn of(&self, model: ReadModel) -> Option<&GenerationStatus> {
        self.in_use().find(|standing| standing.generation.model == model)
    }

    /// The same, for what cannot be measured without it.
    pub(super) fn generation(&self, model: ReadModel) -> Result<Generation, ViewError> {
        self.of(model).map(|standing| standing.generation).ok_or(ViewError::NotLive { model })
    }

    /// Those of views that are not retired.
    pub(super) fn in_use(&self) -> impl Iterator<Item = &GenerationStatus> {
        self.standings.iter().filter(|standing| self.in_use.contains(&standing.generation.model))
    }

    /// The first view in use that does not serve.
    pub(super) fn missing(&self) -> Option<ReadModel> {
        self.in_use.iter().copied().find(|model| self.of(*model).is_none())
    }

    /// What is said of a view that does not serve.
    pub(super) fn describe_missing(&self, model: ReadModel) -> String {
        match self.in_use.contains(&model) {
            true => ViewError::NotLive { model }.to_string(),
            false => ViewError::Retired { model }.to_string(),
        }
    }

    /// Whether all in use hold the log up to a head, at one position.
    pub(super) fn is_settled(&self, head: Position) -> bool {
        let mut positions = self.in_use().map(|standing| standing.position);
        let first = positions.next();
        first.is_none_or(|first| first >= head && positions.all(|position| position == first))
    }

    /// Up to where all that serve hold everything; nothing where none does.
    pub(super) fn position(&self) -> Option<Position> {
        self.in_use().map(|standing| standing.position).min()
    }

    /// Their names.
    pub(super) fn names(&self) -> String {
        self.in_use().map(|standing| standing.generation.to_string()).collect::<Vec<_>>().join(" and ")
    }
}
