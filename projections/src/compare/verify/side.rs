//! Which two generations are compared, and whether they stand at one position.

use daybook_domain::ReadModel;
use daybook_event_log::Position;
use deadpool_postgres::GenericClient;

use crate::control::error::ViewError;
use crate::control::generation::{self, GenerationStatus};
use crate::control::ids::{FOLD_VERSION, Generation, GenerationState};

/// Two generations at one position.
#[derive(Debug)]
pub(super) struct Sides {
    pub(super) generations: [Generation; 2],
    pub(super) position: Position,
}

impl Sides {
    /// Whether they are of both views.
    pub(super) fn are_both_views(&self) -> bool {
        let [left, right] = self.generations;
        left.model != right.model
    }
}

/// How two generations stand to each other.
pub(super) enum Choice {
    Together(Sides),
    /// They are not there yet.
    Waiting,
}

/// Finds the two, and how they stand. Where none are named, it is the views that serve, as of a head of the log.
pub(super) async fn choose(
    client: &impl GenericClient,
    named: Option<[Generation; 2]>,
    head: Position,
) -> Result<Choice, ViewError> {
    let sides = match named {
        Some(named) => {
            let known = generation::list(client).await?;
            [find(&known, named[0])?, find(&known, named[1])?]
        }
        None => {
            let live = generation::live(client).await?;
            [find_live(&live, ReadModel::Legacy)?, find_live(&live, ReadModel::Dynamic)?]
        }
    };
    for side in &sides {
        check_rules(side)?;
    }
    stand(&sides, head)
}

fn find(known: &[GenerationStatus], generation: Generation) -> Result<GenerationStatus, ViewError> {
    let found = known.iter().find(|standing| standing.generation == generation);
    let state = found.map(|standing| standing.state);
    found
        .filter(|standing| {
            matches!(standing.state, GenerationState::Live | GenerationState::Kept | GenerationState::Past)
        })
        .cloned()
        .ok_or(ViewError::NotComparable { generation, state })
}

fn find_live(live: &[GenerationStatus], model: ReadModel) -> Result<GenerationStatus, ViewError> {
    let found = live.iter().find(|standing| standing.generation.model == model);
    found.cloned().ok_or(ViewError::NotLive { model })
}

fn check_rules(side: &GenerationStatus) -> Result<(), ViewError> {
    let GenerationStatus { generation, rules_version: version, .. } = *side;
    if version == FOLD_VERSION { Ok(()) } else { Err(ViewError::OtherRules { generation, version }) }
}

/// Only what serves moves: where the one that is behind does not, the two never meet.
fn stand([left, right]: &[GenerationStatus; 2], head: Position) -> Result<Choice, ViewError> {
    let moves = |side: &GenerationStatus| side.state == GenerationState::Live;
    if left.position == right.position {
        // Where one of them stays where it is, so does the position at which they can be compared.
        let is_late = moves(left) && moves(right) && left.position < head;
        let generations = [left.generation, right.generation];
        let together = || Choice::Together(Sides { generations, position: left.position });
        return Ok(if is_late { Choice::Waiting } else { together() });
    }
    let (behind, ahead) = if left.position < right.position { (left, right) } else { (right, left) };
    if moves(behind) {
        return Ok(Choice::Waiting);
    }
    Err(ViewError::Apart {
        behind: behind.generation,
        behind_at: behind.position,
        ahead: ahead.generation,
        ahead_at: ahead.position,
    })
}
