//! The state that all handlers share. It never contains anything about a single request.

use std::sync::Arc;

use daybook_commands::{Clock, CommandError, Commands};
use daybook_event_log::EventLog;
use daybook_projections::query::Queries;
use daybook_projections::{Migration, Router};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::guardrails::{Guard, Latest};
use crate::metrics::Metrics;
use crate::problem::{Code, Problem};
use crate::public::check_limiter::CheckLimiter;
use crate::settings::{Parts, Settings};
use crate::shadow::Sampler;
use crate::staff::token::Tokens;
use crate::windows::TrafficWindow;

/// The state that all handlers share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) commands: Commands,
    pub(crate) queries: Queries,
    pub(crate) router: Router,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) migration: Migration,
    pub(crate) tokens: Tokens,
    pub(crate) checks: CheckLimiter,
    pub(crate) metrics: Metrics,
    pub(crate) windows: Arc<TrafficWindow>,
    pub(crate) sampler: Sampler,
    pub(crate) judged: Latest,
    /// Dropped with the application, which stops the guardrails.
    _guarded: watch::Sender<()>,
    runtime: Handle,
}

impl State {
    /// Must be called on the runtime that commands should run on.
    pub(crate) fn new(settings: Settings, parts: Parts) -> Self {
        let Parts { log, commands, queries, router, shadow, watch, clock, batches, migration } = parts;
        let metrics = Metrics::new();
        if let Some(batches) = batches {
            tokio::spawn(metrics.batches().measure(batches.subscribe()));
        }
        let (windows, judged) = (Arc::new(TrafficWindow::default()), Latest::default());
        let watching = settings.watching;
        let sampler = Sampler::start(watching.sample, shadow.clone(), windows.clone(), metrics.shadow());
        let guard = Guard {
            settings: watching,
            windows: windows.clone(),
            watch,
            shadow,
            router: router.clone(),
            commands: commands.clone(),
            metrics: metrics.guard(),
            latest: judged.clone(),
        };
        let (guarded, stopped) = watch::channel(());
        tokio::spawn(guard.run(stopped));
        Self {
            tokens: Tokens::new(&settings.jwt_secret),
            settings,
            log,
            commands,
            queries,
            router,
            clock,
            migration,
            checks: CheckLimiter::default(),
            metrics,
            windows,
            sampler,
            judged,
            _guarded: guarded,
            runtime: Handle::current(),
        }
    }

    /// Executes a command on the process's runtime. It completes even if the client hangs up or the worker stops.
    pub(crate) async fn execute<T, F>(&self, command: impl FnOnce(Commands) -> F) -> Result<T, CommandError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, CommandError>> + Send + 'static,
    {
        let outcome = self.runtime.spawn(command(self.commands.clone())).await;
        outcome.unwrap_or_else(|panicked| Err(CommandError::Log(Arc::new(panicked))))
    }

    /// The position of the last event in the log.
    pub(crate) async fn head(&self) -> Result<daybook_event_log::Position, Problem> {
        self.log.head().await.map_err(|error| Problem::caused(Code::Unavailable, error))
    }
}
