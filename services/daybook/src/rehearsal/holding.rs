//! What the views hold at the end of a step, against what they have to.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::bail;
use daybook_domain::ReadModel;
use daybook_event_log::Position;
use daybook_projections::{Difference, Digest, Generation, Snapshot, Verdict, ViewSummary};
use serde::Serialize;

use super::scene::RehearsalEnvironment;

/// How long a view may take to hold all that was recorded.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// What the views held at one position.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Holding {
    /// Where they were read.
    pub(crate) position: Position,
    /// Reservations that each has to hold: those of the copied log, and those that were booked since.
    pub(crate) expected: u64,
    /// What each view that serves held.
    pub(crate) views: Vec<ViewHolding>,
    /// Reservations that the views do not say the same of.
    pub(crate) differing: u64,
    /// The first of them.
    pub(crate) differences: Vec<Difference>,
    /// Reservations of which the legacy view cannot say all, counted by kind. It shows them all the same.
    pub(crate) declared: BTreeMap<&'static str, u64>,
    /// Whether all rows were compared and the views agree in them; none while only one of them serves.
    pub(crate) agrees: Option<bool>,
}

/// What one view held.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ViewHolding {
    /// Which generation.
    pub(crate) generation: Generation,
    /// Its reservations.
    pub(crate) reservations: u64,
    /// Digest of all their facts.
    pub(crate) digest: Digest,
}

impl Holding {
    /// Reservations that a view does not show and has to; none where it does not serve.
    pub(crate) fn lost(&self, model: ReadModel) -> Option<u64> {
        let view = self.views.iter().find(|view| view.generation.model == model)?;
        Some(self.expected.saturating_sub(view.reservations))
    }

    /// Whether each view holds just what it has to, and both say the same.
    pub(crate) fn is_clean(&self) -> bool {
        let is_whole = |view: &ViewHolding| view.reservations == self.expected;
        !self.views.is_empty() && self.views.iter().all(is_whole) && self.agrees.unwrap_or(true)
    }

    fn of(verdict: Verdict, expected: u64) -> Self {
        let view = |generation: &Generation| ViewHolding {
            generation: *generation,
            reservations: verdict.reservations.get(&generation.to_string()).copied().unwrap_or_default(),
            digest: verdict.digests.get(&generation.to_string()).copied().unwrap_or(Digest::EMPTY),
        };
        Self {
            position: verdict.position,
            expected,
            views: verdict.generations.iter().map(view).collect(),
            differing: verdict.differing,
            declared: verdict.declared.iter().flat_map(|declared| declared.kinds()).collect(),
            agrees: Some(verdict.agrees()),
            differences: verdict.differences,
        }
    }
}

/// Compares all rows of both views.
pub(super) async fn of_both(scene: &RehearsalEnvironment) -> anyhow::Result<Holding> {
    Ok(Holding::of(scene.verify().await?, scene.expected()))
}

/// Counts the rows of the view that serves while the other one is retired.
pub(super) async fn of_one(scene: &RehearsalEnvironment) -> anyhow::Result<Holding> {
    let (head, since) = (scene.log.head().await?, Instant::now());
    loop {
        let mut client = scene.pool.get().await?;
        let held = Snapshot::take(&mut client).await?.summarize().await?.views;
        let position = held.iter().map(|view| view.position).min().unwrap_or_default();
        if position >= head {
            let expected = scene.expected();
            let views = held.into_iter().map(ViewHolding::from).collect();
            let (differences, declared) = (vec![], BTreeMap::new());
            return Ok(Holding {
                position,
                expected,
                views,
                differing: 0,
                differences,
                declared,
                agrees: None,
            });
        }
        if since.elapsed() > PATIENCE {
            bail!("the dynamic view did not come to position {head} of the scratch log");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl From<ViewSummary> for ViewHolding {
    fn from(held: ViewSummary) -> Self {
        Self { generation: held.generation, reservations: held.reservations, digest: held.digest }
    }
}

#[cfg(test)]
impl Holding {
    /// Both views with so many reservations.
    pub(super) fn whole(reservations: u64) -> Self {
        let view = |model| ViewHolding {
            generation: Generation { model, number: 1 },
            reservations,
            digest: Digest::EMPTY,
        };
        Self {
            position: Position::START,
            expected: reservations,
            views: ReadModel::ALL.map(view).into(),
            differing: 0,
            differences: vec![],
            declared: BTreeMap::new(),
            agrees: Some(true),
        }
    }

    /// The same where another number has to be there.
    pub(super) fn expecting(self, expected: u64) -> Self {
        Self { expected, ..self }
    }
}
