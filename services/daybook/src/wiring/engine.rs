//! The engine as a task of this process, with an orderly end.

use std::sync::Arc;
use std::time::Duration;

use daybook_event_log::EventLog;
use daybook_projections::{Batches, Engine, Process, Role};
use daybook_vault::Vault;
use deadpool_postgres::Pool;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a batch that is under way may take to end.
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// The running engine. Dropping it tells it to stop; [`RunningEngine::stop`] also waits for it.
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

    /// What it is, as that changes; nothing until it knows.
    pub fn role(&self) -> watch::Receiver<Option<Role>> {
        self.role.clone()
    }

    /// Where it tells of its batches.
    pub fn batches(&self) -> Batches {
        self.batches.clone()
    }

    /// Tells it to stop and waits for it, but not for ever: a batch that is cut off is simply not committed.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(STOP_PATIENCE, &mut self.task).await.is_err() {
            tracing::warn!("the engine did not stop in time and was cut off");
        }
    }
}

impl Drop for RunningEngine {
    fn drop(&mut self) {
        // Also where a command failed half-way: nothing of it may outlive the database's connections.
        self.task.abort();
    }
}

/// This process as people find it. A machine without a name of its own is rare, and nothing depends on it.
fn this_process() -> Process {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    Process { host: host.unwrap_or_else(|| "unknown".to_owned()), pid: std::process::id() }
}
