//! Starts what the migration runs beside the routes: shadow reads and guardrails.

use std::sync::Arc;
use std::time::Duration;

use daybook_commands::Commands;
use daybook_migration::Workflows;
use daybook_migration::guardrails::{Guard, LastEvaluation, TrafficWindow, Watching};
use daybook_migration::read_stats::ReadStatsStore;
use daybook_migration::shadow::{Sampler, Shadow};
use daybook_projections::Router;
use tokio::sync::watch;

use super::background::Background;
use super::metrics;
use super::observer::Observer;
use crate::metrics::Metrics;

/// The services of the migration that the API needs.
#[derive(Debug, Clone)]
pub struct MigrationParts {
    pub workflows: Workflows,
    pub shadow: Shadow,
    /// Read statistics of all processes.
    pub read_stats: ReadStatsStore,
}

/// State that the handlers of the migration share.
#[derive(Debug)]
pub(crate) struct MigrationState {
    pub(super) workflows: Workflows,
    pub(super) background: Background,
    pub(super) evaluation: LastEvaluation,
    /// Dropped with the application; that stops the guardrails.
    _running: watch::Sender<()>,
}

/// Starts shadow reads and guardrails. Panics outside a Tokio runtime.
pub(crate) fn start(
    parts: MigrationParts,
    settings: Watching,
    router: &Router,
    commands: &Commands,
    metrics: &mut Metrics,
) -> (MigrationState, Observer) {
    let MigrationParts { workflows, shadow, read_stats } = parts;
    let (shadow_metrics, guard_metrics) = metrics::register(metrics.registry_mut());
    let slow_after = Duration::from_secs_f64(settings.limits.latency_ms / 1000.0);
    let (window, evaluation) = (Arc::new(TrafficWindow::new(slow_after)), LastEvaluation::default());
    let sampler =
        Sampler::start(settings.sample, shadow.clone(), Arc::clone(&window), Arc::new(shadow_metrics));
    let guard = Guard {
        settings,
        window: Arc::clone(&window),
        store: read_stats,
        shadow,
        router: router.clone(),
        commands: commands.clone(),
        metrics: Arc::new(guard_metrics),
        last: evaluation.clone(),
    };
    let (running, stopped) = watch::channel(());
    tokio::spawn(guard.run(stopped));
    let state =
        MigrationState { workflows, background: Background::default(), evaluation, _running: running };
    (state, Observer { sampler, window })
}
