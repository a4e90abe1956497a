//! The state that all handlers share. It never contains anything about a single request.

use std::sync::Arc;

use daybook_commands::{Clock, CommandError, Commands};
use daybook_event_log::EventLog;
use daybook_projections::Router;
use daybook_projections::query::Queries;
use tokio::runtime::Handle;

use crate::admission::{self, Admission};
use crate::freshness::Freshness;
use crate::metrics::Metrics;
#[cfg(feature = "migration")]
use crate::migration::start::{MigrationState, start};
use crate::problem::{Code, Problem};
use crate::public::check_limiter::CheckLimiter;
use crate::read_observer::ReadObserver;
use crate::settings::{Parts, Settings};
use crate::staff::token::Tokens;

/// The state that all handlers share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) commands: Commands,
    pub(crate) queries: Queries,
    pub(crate) router: Router,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tokens: Tokens,
    pub(crate) checks: CheckLimiter,
    pub(crate) freshness: Freshness,
    pub(crate) admission: Arc<Admission>,
    pub(crate) metrics: Metrics,
    /// What observes reads; none without the migration.
    pub(crate) observer: Option<Box<dyn ReadObserver>>,
    #[cfg(feature = "migration")]
    pub(crate) migration: MigrationState,
    runtime: Handle,
}

impl State {
    /// Must be called on the runtime that commands should run on.
    pub(crate) fn new(settings: Settings, parts: Parts) -> Self {
        let metrics = Metrics::new();
        if let Some(batches) = &parts.batches {
            tokio::spawn(metrics.batches().measure(batches.subscribe()));
        }
        #[cfg(feature = "migration")]
        let (migration, observer, metrics) = {
            let mut metrics = metrics;
            let Parts { migration, router, commands, .. } = &parts;
            let watching = settings.watching;
            let (migration, observer) = start(migration.clone(), watching, router, commands, &mut metrics);
            (migration, observer, metrics)
        };
        let admission = Admission::new(settings.places_per_lane, settings.max_queue_wait, metrics.shed());
        let admission = Arc::new(admission);
        let Parts { log, commands, queries, router, clock, .. } = parts;
        Self {
            tokens: Tokens::new(&settings),
            settings,
            log,
            commands,
            queries,
            router,
            clock,
            #[cfg(feature = "migration")]
            migration,
            #[cfg(feature = "migration")]
            observer: Some(Box::new(observer)),
            #[cfg(not(feature = "migration"))]
            observer: None,
            checks: CheckLimiter::default(),
            freshness: Freshness::default(),
            admission,
            metrics,
            runtime: Handle::current(),
        }
    }

    /// Executes a command on the process's runtime. It completes even if the client hangs up or the worker stops.
    pub(crate) async fn execute<T, F>(&self, command: impl FnOnce(Commands) -> F) -> Result<T, CommandError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, CommandError>> + Send + 'static,
    {
        let (ticket, command) = (admission::ticket(), command(self.commands.clone()));
        let outcome = self.runtime.spawn(async move {
            let outcome = command.await;
            drop(ticket);
            outcome
        });
        let outcome = outcome.await;
        outcome.unwrap_or_else(|panicked| Err(CommandError::Log(Arc::new(panicked))))
    }

    /// Runs a task on the process's own runtime.
    #[cfg(feature = "migration")]
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.runtime.spawn(task)
    }

    /// Position of the log's last event.
    pub(crate) async fn head(&self) -> Result<daybook_event_log::Position, Problem> {
        self.log.head().await.map_err(|error| Problem::caused(Code::Unavailable, error))
    }
}
