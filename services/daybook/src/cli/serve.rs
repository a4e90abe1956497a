//! `daybook serve`: everything opened in its order, until a signal closes it in the reverse.
//!
//! Standard output gets one line, once the service is ready; scripts wait for it.

use std::sync::Arc;

use anyhow::Context;
use daybook_api::{Application, ApplicationError, Parts};
use daybook_commands::{Origin, SystemClock};
use daybook_domain::Actor;
use daybook_domain::routing::RoutingCommand;
use daybook_projections::query::Queries;
use daybook_projections::{Batches, Router, Views};

use super::signals::Signals;
use crate::exit::Exit;
use crate::output::print;
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing};
use crate::{listening, secrets};

pub(super) async fn run(settings: &Settings) -> anyhow::Result<Exit> {
    settings.check_jwt_secret()?;
    settings.check_master_key()?;
    let mut signals = Signals::take()?;
    let backend = tokio::select! {
        backend = Backend::open(settings, IfMissing::Allowed) => backend?,
        () = signals.next() => return Ok(Exit::Interrupted),
    };
    let outcome = serve(settings, &backend, &mut signals).await;
    let closed = backend.close().await;
    let exit = outcome?;
    closed?;
    Ok(exit)
}

/// Serves on an open backend. The engine is told to stop however this ends.
async fn serve(settings: &Settings, backend: &Backend, signals: &mut Signals) -> anyhow::Result<Exit> {
    backend.check_views_not_ahead().await?;
    let _supervisor = backend.supervise();
    let engine = backend.start_engine();
    let application = tokio::select! {
        application = prepare(settings, backend, engine.batches()) => application?,
        () = signals.next() => return Ok(Exit::Interrupted),
    };
    let served = serve_until_signal(settings, application, signals).await;
    engine.stop().await;
    served.map(|()| Exit::Done)
}

/// Sets up a new clinic, builds the views that are missing, and binds the port.
async fn prepare(settings: &Settings, backend: &Backend, batches: Batches) -> anyhow::Result<Application> {
    let seeded = backend.commands.seed().await.context("the first services and hours could not be set up")?;
    if seeded.catalog_events + seeded.hours_events + seeded.routing_events > 0 {
        tracing::info!("a new clinic was set up with its first services and hours");
    }
    follow_flags(settings, backend).await.context("the flags of the environment could not be followed")?;
    backend.rebuild().clean_up().await.context("what a broken-off rebuild left could not be dropped")?;
    match backend.rebuild().missing().await.context("the views could not be built")? {
        Some(built) => {
            tracing::info!(events = built.events, reservations = built.reservations, "views were built");
        }
        None => backend.rebuild().refresh_people().await,
    }
    let views = Views::open(backend.pool.clone(), backend.config.clone()).await?;
    let parts = Parts {
        log: Arc::clone(&backend.log),
        commands: backend.commands.clone(),
        queries: Queries::new(backend.config.clone(), backend.pool.clone()),
        router: Router::open(Arc::clone(&backend.log), views).await?,
        clock: Arc::new(SystemClock),
        batches: Some(batches),
        #[cfg(feature = "migration")]
        migration: daybook_api::MigrationParts {
            workflows: backend.workflows(settings),
            shadow: daybook_migration::shadow::Shadow::new(backend.pool.clone()),
            read_stats: daybook_migration::read_stats::ReadStatsStore::new(backend.pool.clone()),
        },
    };
    let api = daybook_api::Settings::new(settings.listen, secrets::jwt_secret(settings)?);
    #[cfg(feature = "migration")]
    let api = daybook_api::Settings { watching: settings.watching, ..api };
    Application::build(api, parts).map_err(name_the_setting)
}

/// Does what the old system's flags say, where they changed since the last start.
async fn follow_flags(settings: &Settings, backend: &Backend) -> anyhow::Result<()> {
    let (known, seen) = (backend.commands.routing().flags, settings.flags);
    let origin = Origin::of(Actor::named("environment"));
    backend.commands.change_routing(RoutingCommand::ObserveFlags(seen), origin).await?;
    if known != seen {
        let share = backend.commands.routing().share.as_percent();
        tracing::info!(?known, ?seen, dynamic_percent = share, "the flags of the environment changed");
    }
    Ok(())
}

/// Says which setting leads elsewhere where the address cannot be had.
fn name_the_setting(error: ApplicationError) -> anyhow::Error {
    let remedy = match &error {
        ApplicationError::Bind { .. } => {
            "the service could not start; --listen (DAYBOOK_LISTEN) chooses another address or port"
        }
        ApplicationError::Server(_) => "the service could not start",
    };
    anyhow::Error::new(error).context(remedy)
}

async fn serve_until_signal(
    settings: &Settings,
    application: Application,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let (address, handle) = (application.address(), application.stop_handle());
    let serving = tokio::spawn(application.run_until_stopped());
    let _announcement = listening::announce(&settings.data_dir, address);
    print(format_args!("listening on http://{address}"))?;
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        ended = &mut serving => return Ok(ended??),
        () = signals.next() => tracing::info!("stopping: requests under way are finished first"),
    }
    tokio::select! {
        () = handle.stop() => {}
        () = signals.next() => tracing::warn!("stopping at once"),
    }
    Ok(())
}
