//! The migration over HTTP: its routes, and the observation of reads for guardrails and shadow reads.
//!
//! The steps of the migration are workflows of `daybook-migration`; nothing here may decide or order them. Without the
//! feature `migration` the service runs without this module.

mod background;
mod body;
mod change_migration;
mod metrics;
mod observer;
mod plan_migration;
mod show_guardrails;
mod show_migration;

use std::sync::Arc;

use actix_web::web::{self, ServiceConfig};
use daybook_commands::Commands;
use daybook_migration::Workflows;
use daybook_migration::guardrails::{Guard, LastEvaluation, TrafficWindow, Watching};
use daybook_migration::read_stats::ReadStatsStore;
use daybook_migration::shadow::{Sampler, Shadow};
use daybook_projections::Router;
use tokio::sync::watch;

use crate::metrics::Metrics;
use crate::request::endpoint::Endpoint;
use crate::request::resource::at;
use background::Background;
use observer::Observer;

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
    workflows: Workflows,
    background: Background,
    evaluation: LastEvaluation,
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
    let (window, evaluation) = (Arc::<TrafficWindow>::default(), LastEvaluation::default());
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

/// Adds the routes.
pub(crate) fn configure(service: &mut ServiceConfig) {
    service
        .service(
            at(Endpoint::Migration)
                .route(web::get().to(show_migration::show_migration))
                .route(web::post().to(change_migration::change_migration)),
        )
        .service(at(Endpoint::MigrationPlan).route(web::get().to(plan_migration::plan_migration)))
        .service(at(Endpoint::Guardrails).route(web::get().to(show_guardrails::show_guardrails)));
}
