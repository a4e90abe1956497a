//! Chooses the two generations to compare and decides whether they are at one position.

use daybook_event_log::Position;

use crate::control::error::ViewError;
use crate::control::generation::GenerationStatus;
use crate::control::ids::{FOLD_VERSION, Generation, GenerationState};
use crate::read::settled::live_pair;

/// Two generations at one position.
#[derive(Debug)]
pub(super) struct ComparedPair {
    pub(super) generations: [Generation; 2],
    pub(super) position: Position,
}

impl ComparedPair {
    /// Whether they belong to different views.
    pub(super) fn are_both_views(&self) -> bool {
        let [left, right] = self.generations;
        left.model != right.model
    }
}

/// Chooses the two generations to compare: the named ones, or else the live ones of both views. Returns nothing while
/// they are not at one position. Live generations also have to reach the head of the log.
pub(super) fn choose(
    statuses: &[GenerationStatus],
    named: Option<[Generation; 2]>,
    head: Position,
) -> Result<Option<ComparedPair>, ViewError> {
    let sides = match named {
        Some([left, right]) => [find(statuses, left)?, find(statuses, right)?],
        None => live_pair(statuses)?,
    };
    for side in sides {
        check_fold_version(side)?;
    }
    align(sides, head)
}

fn find(statuses: &[GenerationStatus], generation: Generation) -> Result<&GenerationStatus, ViewError> {
    let found = statuses.iter().find(|status| status.generation == generation);
    let state = found.map(|status| status.state);
    found
        .filter(|status| {
            matches!(status.state, GenerationState::Live | GenerationState::Kept | GenerationState::Past)
        })
        .ok_or(ViewError::NotComparable { generation, state })
}

fn check_fold_version(side: &GenerationStatus) -> Result<(), ViewError> {
    let GenerationStatus { generation, rules_version: version, .. } = *side;
    if version == FOLD_VERSION { Ok(()) } else { Err(ViewError::OtherRules { generation, version }) }
}

/// Only live generations that can be written advance. Otherwise the two never reach one position.
fn align([left, right]: [&GenerationStatus; 2], head: Position) -> Result<Option<ComparedPair>, ViewError> {
    let advances = |side: &GenerationStatus| side.state == GenerationState::Live;
    if left.position == right.position {
        // A generation that does not advance fixes the position of the comparison.
        let is_late = advances(left) && advances(right) && left.position < head;
        if is_late {
            left.check_writable().and_then(|()| right.check_writable())?;
            return Ok(None);
        }
        let generations = [left.generation, right.generation];
        return Ok(Some(ComparedPair { generations, position: left.position }));
    }
    let (behind, ahead) = if left.position < right.position { (left, right) } else { (right, left) };
    if advances(behind) {
        return behind.check_writable().map(|()| None);
    }
    Err(ViewError::Apart {
        behind: behind.generation,
        behind_at: behind.position,
        ahead: ahead.generation,
        ahead_at: ahead.position,
    })
}
