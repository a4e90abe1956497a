//! The workflow that this process is running. A retirement or restoration of a large view takes minutes, so a request
//! does not wait for its end; the status shows its progress.
//!
//! Nothing is stored: if the process stops, the same request completes the workflow.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use daybook_domain::routing::Stage;
use daybook_migration::workflow::WorkflowProgress;
use daybook_projections::Phase;
use serde::Serialize;

/// The last workflow of this process. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Background(Arc<Mutex<Option<Workflow>>>);

/// A workflow that is running, or that failed after its request was answered.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Workflow {
    action: &'static str,
    stage: Stage,
    started_at: DateTime<Utc>,
    phase: Option<&'static str>,
    /// None while it is running.
    error: Option<String>,
}

/// Tracks one workflow. If another one is already running, this one is not shown; a rollback must not wait for it.
pub(super) struct Tracker(Option<Background>);

impl Background {
    pub(super) fn get(&self) -> Option<Workflow> {
        self.lock().clone()
    }

    pub(super) fn begin(&self, action: &'static str, stage: Stage, started_at: DateTime<Utc>) -> Tracker {
        let mut workflow = self.lock();
        if workflow.as_ref().is_some_and(|running| running.error.is_none()) {
            return Tracker(None);
        }
        *workflow = Some(Workflow { action, stage, started_at, phase: None, error: None });
        Tracker(Some(self.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Workflow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tracker {
    pub(super) fn report(&self, progress: WorkflowProgress) {
        let phase = match progress {
            WorkflowProgress::Phase(phase) => phase,
            WorkflowProgress::Rebuild(rebuild) => describe(rebuild.phase),
        };
        if let Some(workflow) =
            self.0.as_ref().map(Background::lock).as_mut().and_then(|workflow| workflow.as_mut())
        {
            workflow.phase = Some(phase);
        }
    }

    /// Ends the workflow, with the error if its request had already been answered.
    pub(super) fn end(self, error: Option<String>) {
        let Some(background) = self.0 else { return };
        let mut workflow = background.lock();
        let failed = workflow.take().filter(|_| error.is_some());
        *workflow = failed.map(|failed| Workflow { error, ..failed });
    }
}

const fn describe(phase: Phase) -> &'static str {
    match phase {
        Phase::Reading => "reading the log",
        Phase::Loading => "copying rows",
        Phase::Indexing => "creating keys and indexes",
        Phase::CatchingUp => "catching up",
        Phase::Promoting => "comparing and promoting",
    }
}
