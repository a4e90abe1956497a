//! Promotion: the new generations and the live views at one position, compared, and flipped in one transaction.

use std::collections::BTreeMap;
use std::time::Instant;

use daybook_event_log::Position;
use deadpool_postgres::GenericClient;

use super::{LIVE_WAIT, Rebuild};
use crate::control::error::ViewError;
use crate::control::generation::{self, GenerationStatus};
use crate::control::ids::Generation;
use crate::control::notify::commit_and_announce;
use crate::live::projector::Projector;
use crate::projection::canonical::Digest;
use crate::projection::day_digests;
use crate::store::rows;

/// What was promoted.
pub(super) struct Promoted {
    pub(super) position: Position,
    pub(super) reservations: u64,
    pub(super) digests: BTreeMap<String, Digest>,
    pub(super) compared: bool,
}

/// Lets the new generations serve, once they stand where the live views do and agree with the other view.
pub(super) async fn promote(
    rebuild: &Rebuild,
    projector: &mut Projector,
    generations: &[Generation],
) -> Result<Promoted, ViewError> {
    wait_for_live(rebuild, projector.position()).await?;
    let mut client = rebuild.client().await?;
    // While the live checkpoints are held, nobody moves or promotes: this has to be short.
    let transaction = client.transaction().await?;
    let live = generation::hold_live(&transaction).await?;
    if let Some(at) = live.iter().map(|standing| standing.position).max() {
        rebuild.advance_to(projector, generations, at).await?;
    }
    let position = projector.position();
    let mut digests = BTreeMap::new();
    let mut compared_with = None;
    let mut reservations = 0;
    for generation in serving_after(&live, generations, position) {
        let days = rows::read_digests(&transaction, generation).await?;
        reservations = day_digests::reservations(&days);
        digests.insert(generation.to_string(), day_digests::total(&days));
        match &compared_with {
            Some(other) if *other != days => return Err(ViewError::Differs(generation)),
            Some(_) | None => compared_with = Some(days),
        }
    }
    check_whole(&transaction, generations).await?;
    for generation in generations {
        generation::promote(&transaction, *generation).await?;
    }
    commit_and_announce(transaction).await?;
    Ok(Promoted { position, reservations, compared: digests.len() > 1, digests })
}

/// Makes sure that nothing is parked: a view that leaves something out must not serve.
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

/// Makes sure that a kept generation was not there already when an event was discarded that it has come past: it may hold
/// what no other view does.
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

/// The generations that serve once the new ones do, at one position.
fn serving_after(live: &[GenerationStatus], new: &[Generation], position: Position) -> Vec<Generation> {
    let replaced =
        |standing: &&GenerationStatus| new.iter().all(|new| new.model != standing.generation.model);
    let others = live.iter().filter(replaced).filter(|standing| standing.position == position);
    new.iter().copied().chain(others.map(|standing| standing.generation)).collect()
}

/// Waits until the live views have come to where the new generations stand, so that they can meet at one position.
async fn wait_for_live(rebuild: &Rebuild, position: Position) -> Result<(), ViewError> {
    let since = Instant::now();
    loop {
        let live = generation::live(&rebuild.client().await?).await?;
        if live.iter().all(|standing| standing.position >= position) {
            return Ok(());
        }
        if since.elapsed() > LIVE_WAIT {
            let what = "the live views to catch up; is `daybook serve` running?";
            return Err(ViewError::TimedOut { what, seconds: LIVE_WAIT.as_secs() });
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
