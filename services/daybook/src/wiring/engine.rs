//! The engine as a task of this process, with an orderly stop. It must never outlive the database's connections.

use std::sync::Arc;
use std::time::Duration;

use daybook_event_log::EventLog;
use daybook_projections::rebuild::FORGET_GRACE;
use daybook_projections::{Batches, Engine, Process, Rebuild, Role};
use daybook_vault::Vault;
use deadpool_postgres::Pool;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long the current batch may take to finish.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// The running engine. Dropping it aborts it; [`RunningEngine::stop`] lets the current batch finish.
#[derive(Debug)]
pub struct RunningEngine {
    stop: watch::Sender<bool>,
    role: watch::Receiver<Option<Role>>,
    batches: Batches,
    task: JoinHandle<()>,
}

impl RunningEngine {
    pub(super) fn start(log: Arc<dyn EventLog>, vault: Vault, pool: Pool) -> Self {
        let (stop, stopped) = watch::channel(false);
        let engine = Engine::new(log, vault, pool, this_process());
        let (role, batches) = (engine.role(), engine.batches());
        Self { stop, role, batches, task: tokio::spawn(engine.run(stopped)) }
    }

    /// Its role, as that changes; none until it is known.
    pub fn role(&self) -> watch::Receiver<Option<Role>> {
        self.role.clone()
    }

    /// Statistics of its batches.
    pub fn batches(&self) -> Batches {
        self.batches.clone()
    }

    /// Completes erasures that a killed command leaves, in the leader, until the result is dropped.
    pub fn complete_erasures(&self, rebuild: Rebuild) -> ErasureCompletion {
        ErasureCompletion(tokio::spawn(rebuild.complete_erasures(self.role(), FORGET_GRACE)))
    }

    /// Stops it and waits for the current batch, but not longer than `STOP_PATIENCE`: an aborted batch is not committed.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(STOP_PATIENCE, &mut self.task).await.is_err() {
            tracing::warn!(
                "the engine did not stop in time and was aborted; its last batch was not committed"
            );
        }
    }
}

/// The task that completes erasures. It ends when this is dropped.
#[derive(Debug)]
pub struct ErasureCompletion(JoinHandle<()>);

impl Drop for ErasureCompletion {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Drop for RunningEngine {
    fn drop(&mut self) {
        // A command may have failed half-way.
        self.task.abort();
    }
}

/// This process by host name and process id. Nothing depends on the host name.
fn this_process() -> Process {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    Process { host: host.unwrap_or_else(|| "unknown".to_owned()), pid: std::process::id() }
}
