//! Promotion: brings the new generations and the live views to one position, compares them, and makes the new ones live
//! in one transaction.

use std::collections::BTreeMap;

use daybook_event_log::Position;
use deadpool_postgres::GenericClient;

use super::{LIVE_WAIT, Rebuild};
use crate::control::error::ViewError;
use crate::control::generation::{self, GenerationStatus};
use crate::control::ids::{Generation, GenerationState};
use crate::control::notify::commit_and_announce;
use crate::live::parked;
use crate::live::projector::{FailurePolicy, Projector};
use crate::projection::canonical::Digest;
use crate::projection::day_digests;
use crate::read::settled::settled_snapshot;
use crate::store::rows;

/// The result of a promotion.
pub(super) struct Promoted {
    pub(super) position: Position,
    pub(super) reservations: u64,
    pub(super) digests: BTreeMap<String, Digest>,
    pub(super) compared: bool,
    /// Whether it replaced a generation that could not be written, and lacks events.
    pub(super) left_behind: bool,
}

/// Makes the new generations live once they are at the position of the live views and match the other view.
pub(super) async fn promote(
    rebuild: &Rebuild,
    projector: &mut Projector,
    generations: &[Generation],
) -> Result<Promoted, ViewError> {
    wait_for_live(rebuild, projector.position()).await?;
    let mut client = rebuild.client().await?;
    // While the live checkpoints are locked nobody advances or promotes, so this has to be short.
    let transaction = client.transaction().await?;
    let live = generation::hold_live(&transaction).await?;
    if let Some(at) = live.iter().map(|status| status.position).max() {
        rebuild.advance_to(projector, generations, at).await?;
    }
    let position = projector.position();
    let mut digests = BTreeMap::new();
    let mut compared_with = None;
    let mut compared = false;
    let mut reservations = 0;
    for generation in serving_after(&live, generations, position) {
        let days = rows::read_digests(&transaction, generation).await?;
        let parked = parked::positions(&transaction, generation).await?;
        reservations = day_digests::reservations(&days);
        digests.insert(generation.to_string(), day_digests::total(&days));
        match &compared_with {
            // Views that lack different events cannot be equal.
            Some((_, other)) if *other != parked => {}
            Some((other, _)) if *other != days => return Err(ViewError::Differs(generation)),
            Some(_) => compared = true,
            None => compared_with = Some((days, parked)),
        }
    }
    if rebuild.policy == FailurePolicy::AsLive {
        check_as_whole_as_live(&transaction, generations).await?;
    }
    for generation in generations {
        generation::promote(&transaction, *generation).await?;
    }
    let mut left_behind = false;
    let is_replaced = |old: &&GenerationStatus| {
        generations.iter().any(|new| new.model == old.generation.model && *new != old.generation)
    };
    for old in live.iter().filter(is_replaced).filter(|old| old.position < position) {
        // It lacks events, such as forgettings, and may not take them: nobody is to promote it again.
        generation::mark_failed(&transaction, old.generation).await?;
        left_behind = true;
    }
    commit_and_announce(transaction).await?;
    Ok(Promoted { position, reservations, compared, digests, left_behind })
}

/// Checks that new generations lack no event that the live ones have, which may have been retried meanwhile.
async fn check_as_whole_as_live(
    client: &impl GenericClient,
    generations: &[Generation],
) -> Result<(), ViewError> {
    for generation in generations.iter().copied() {
        let events = parked::count_not_parked_live(client, generation).await?;
        if events > 0 {
            return Err(ViewError::Parked { generation, events });
        }
    }
    Ok(())
}

/// Checks that nothing is parked in a kept generation: it does not serve in place of a whole one.
pub(super) async fn check_whole(
    client: &impl GenericClient,
    generations: &[Generation],
) -> Result<(), ViewError> {
    for (generation, events) in generation::parked(client, generations).await? {
        if events > 0 {
            return Err(ViewError::Parked { generation, events });
        }
    }
    Ok(())
}

/// Checks that no event was discarded after a kept generation was replaced and may have applied it.
pub(super) async fn check_discards(
    client: &impl GenericClient,
    generation: Generation,
) -> Result<(), ViewError> {
    let sql = "SELECT FROM control.generations g JOIN control.checkpoints c USING (model, number), control.discarded_events d
               WHERE g.model = $1 AND g.number = $2 AND d.discarded_at >= g.replaced_at
                 AND (d.commit_position, d.prepare_position) <= (c.commit_position, c.prepare_position) LIMIT 1";
    match client.query_opt(sql, &[&generation.model.as_str(), &generation.number]).await? {
        Some(_) => Err(ViewError::OlderThanDiscard(generation)),
        None => Ok(()),
    }
}

/// The generations at one position that are live after the promotion.
fn serving_after(live: &[GenerationStatus], new: &[Generation], position: Position) -> Vec<Generation> {
    let replaced = |status: &&GenerationStatus| new.iter().all(|new| new.model != status.generation.model);
    let others = live.iter().filter(replaced).filter(|status| status.position == position);
    new.iter().copied().chain(others.map(|status| status.generation)).collect()
}

/// Waits until the live views that can be written have reached the position of the new generations. A view that cannot is
/// compared with nothing, and its rebuild is the way out.
async fn wait_for_live(rebuild: &Rebuild, position: Position) -> Result<(), ViewError> {
    let mut client = rebuild.client().await?;
    let have_reached = |statuses: &[GenerationStatus]| {
        let mut live = statuses.iter().filter(|status| status.state == GenerationState::Live);
        Ok(live.all(|status| status.position >= position || status.lasting_failure().is_some()).then_some(()))
    };
    let (_, reached) = settled_snapshot(&mut client, LIVE_WAIT, have_reached).await?;
    let what = "the live views to catch up; is `daybook serve` running?";
    reached.ok_or(ViewError::TimedOut { what, seconds: LIVE_WAIT.as_secs() })
}
