//! What the views hold at the end of a step, against what they have to.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use daybook_domain::ReadModel;
use daybook_event_log::Position;
use daybook_projections::{Difference, Digest, Generation, Snapshot, Verdict, ViewSummary};
use serde::Serialize;

use super::RehearsalError;
use super::environment::RehearsalEnvironment;

/// How long a view may take to hold all that was recorded.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// What the views held at one position.
#[derive(Debug, Clone, Serialize)]
pub struct ViewContents {
    /// Where they were read.
    pub position: Position,
    /// Reservations that each has to hold: those of the copied log, and those that were booked since.
    pub expected: u64,
    /// What each view that serves held.
    pub views: Vec<ViewTotals>,
    /// Reservations that the views do not say the same of.
    pub differing: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
    /// Reservations of which the legacy view cannot say all, counted by kind. It shows them all the same.
    pub declared: BTreeMap<&'static str, u64>,
    /// Whether all rows were compared and the views agree in them; none while only one of them serves.
    pub agrees: Option<bool>,
}

/// What one view held.
#[derive(Debug, Clone, Serialize)]
pub struct ViewTotals {
    /// Which generation.
    pub generation: Generation,
    /// Its reservations.
    pub reservations: u64,
    /// Digest of all their facts.
    pub digest: Digest,
}

impl ViewContents {
    /// Reservations that a view does not show and has to; none where it does not serve.
    pub fn lost(&self, model: ReadModel) -> Option<u64> {
        let view = self.views.iter().find(|view| view.generation.model == model)?;
        Some(self.expected.saturating_sub(view.reservations))
    }

    /// Whether each view holds just what it has to, and both say the same.
    pub fn is_clean(&self) -> bool {
        let is_whole = |view: &ViewTotals| view.reservations == self.expected;
        !self.views.is_empty() && self.views.iter().all(is_whole) && self.agrees.unwrap_or(true)
    }

    fn of(verdict: Verdict, expected: u64) -> Self {
        let view = |generation: &Generation| ViewTotals {
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
pub(super) async fn of_both(environment: &RehearsalEnvironment) -> Result<ViewContents, RehearsalError> {
    Ok(ViewContents::of(environment.verify().await?, environment.expected()))
}

/// Counts the rows of the view that serves while the other one is retired.
pub(super) async fn of_one(environment: &RehearsalEnvironment) -> Result<ViewContents, RehearsalError> {
    let (head, since) = (environment.log.head().await?, Instant::now());
    loop {
        let mut client = environment.pool.get().await?;
        let held = Snapshot::take(&mut client).await?.summarize().await?.views;
        let position = held.iter().map(|view| view.position).min().unwrap_or_default();
        if position >= head {
            let expected = environment.expected();
            let views = held.into_iter().map(ViewTotals::from).collect();
            let (differences, declared) = (vec![], BTreeMap::new());
            return Ok(ViewContents {
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
            return Err(RehearsalError::Behind(head));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl From<ViewSummary> for ViewTotals {
    fn from(held: ViewSummary) -> Self {
        Self { generation: held.generation, reservations: held.reservations, digest: held.digest }
    }
}

#[cfg(test)]
impl ViewContents {
    /// Both views with so many reservations.
    pub(super) fn whole(reservations: u64) -> Self {
        let view = |model| ViewTotals {
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
