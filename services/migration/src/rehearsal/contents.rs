//! The contents of the views after a step, against the expected contents. It must never hold patient data.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use daybook_domain::ReadModel;
use daybook_event_log::Position;
use daybook_projections::{Difference, Digest, Generation, Snapshot, Verdict, ViewSummary};
use serde::Serialize;

use super::RehearsalError;
use super::environment::RehearsalEnvironment;

/// How long a view may take to reach the end of the log.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(60);

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The contents of the serving views at one position.
#[derive(Debug, Clone, Serialize)]
pub struct ViewContents {
    pub position: Position,
    /// Number of reservations in the copied log plus those booked since.
    pub expected: u64,
    pub views: Vec<ViewTotals>,
    /// Number of reservations that differ between the views.
    pub differing: u64,
    pub differences: Vec<Difference>,
    /// Number of reservations that the legacy view can show only in part, by kind.
    pub declared: BTreeMap<&'static str, u64>,
    /// Whether all rows were compared and are equal; none while only one view serves.
    pub agrees: Option<bool>,
}

/// The contents of one view.
#[derive(Debug, Clone, Serialize)]
pub struct ViewTotals {
    pub generation: Generation,
    pub reservations: u64,
    pub digest: Digest,
}

impl ViewContents {
    /// Number of reservations that a view lacks; none if it does not serve.
    pub fn lost(&self, model: ReadModel) -> Option<u64> {
        let view = self.views.iter().find(|view| view.generation.model == model)?;
        Some(self.expected.saturating_sub(view.reservations))
    }

    /// Whether each serving view has the expected number of reservations and the views are equal.
    pub fn is_clean(&self) -> bool {
        let is_complete = |view: &ViewTotals| view.reservations == self.expected;
        !self.views.is_empty() && self.views.iter().all(is_complete) && self.agrees.unwrap_or(true)
    }

    fn new(verdict: Verdict, expected: u64) -> Self {
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
pub(super) async fn compare_views(
    environment: &RehearsalEnvironment,
) -> Result<ViewContents, RehearsalError> {
    Ok(ViewContents::new(environment.verify().await?, environment.expected()))
}

/// Counts the rows of the only serving view once it has reached the end of the log.
pub(super) async fn count_rows(environment: &RehearsalEnvironment) -> Result<ViewContents, RehearsalError> {
    let (head, since) = (environment.log.head().await?, Instant::now());
    loop {
        let mut client = environment.pool.get().await?;
        let views = Snapshot::take(&mut client).await?.summarize().await?.views;
        let position = views.iter().map(|view| view.position).min().unwrap_or_default();
        if position >= head {
            let expected = environment.expected();
            let views = views.into_iter().map(ViewTotals::from).collect();
            let (differences, declared) = (vec![], BTreeMap::new());
            let (differing, agrees) = (0, None);
            return Ok(ViewContents { position, expected, views, differing, differences, declared, agrees });
        }
        if since.elapsed() > CATCH_UP_TIMEOUT {
            return Err(RehearsalError::Behind(head));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

impl From<ViewSummary> for ViewTotals {
    fn from(view: ViewSummary) -> Self {
        Self { generation: view.generation, reservations: view.reservations, digest: view.digest }
    }
}

#[cfg(test)]
impl ViewContents {
    /// Equal views with this many reservations.
    pub(super) fn equal(reservations: u64) -> Self {
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

    pub(super) fn expecting(self, expected: u64) -> Self {
        Self { expected, ..self }
    }
}
