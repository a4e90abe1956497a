//! The workflow that this process carries out. Retiring and restoring take as long as the data needs, so the request
//! that starts one does not wait for its end; the status shows how far it is.
//!
//! A process that stops meanwhile leaves a workflow that the same request completes.

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
    /// Why it failed; none while it is running.
    error: Option<String>,
}

/// Tracks one workflow. While another one is running, nothing is shown of this one: a rollback must not wait.
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
        if let Some(workflow) = self.0.as_ref().map(Background::lock).as_mut().and_then(|own| own.as_mut()) {
            workflow.phase = Some(phase);
        }
    }

    /// Ends the workflow, with the error that its request was not told of.
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
        Phase::Indexing => "making keys and indexes",
        Phase::CatchingUp => "catching up",
        Phase::Promoting => "comparing and promoting",
    }
}
