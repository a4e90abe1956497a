//! `daybook serve`: starts the service and runs it until a signal stops it.
//!
//! Standard output gets one line once the service is ready, and must never get another; scripts wait for it.

use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::Context;
use daybook_api::{Application, ApplicationError, KeySet, Parts};
use daybook_commands::{Origin, SystemClock};
use daybook_domain::Actor;
use daybook_domain::phone::Region;
use daybook_domain::routing::RoutingCommand;
use daybook_event_log::postgres::{PoolSize, create_pool};
use daybook_projections::parked::{self, ParkedEvent};
use daybook_projections::query::Queries;
use daybook_projections::{Batches, GenerationState, Router, Views};

use super::signals::Signals;
use crate::exit::Exit;
use crate::output::print;
use crate::settings::Settings;
use crate::wiring::{Backend, IfMissing};
use crate::{descriptors, secrets, service_address};

pub(super) async fn run(settings: &Settings) -> anyhow::Result<Exit> {
    settings.check_jwt_secret()?;
    settings.check_master_key()?;
    let max_connections = descriptors::connections()?;
    let mut signals = Signals::take()?;
    let backend = tokio::select! {
        backend = Backend::open(settings, IfMissing::Allowed) => backend?,
        () = signals.next() => return Ok(Exit::Interrupted),
    };
    backend.run(async |backend| serve(settings, backend, max_connections, &mut signals).await).await
}

/// Serves until a signal comes, and always stops the engine.
async fn serve(
    settings: &Settings,
    backend: &Backend,
    max_connections: NonZeroUsize,
    signals: &mut Signals,
) -> anyhow::Result<Exit> {
    backend.check_views_not_ahead().await?;
    backend.check_clock().await?;
    let (_supervisor, _clock) = (backend.supervise(), backend.watch_clock());
    let engine = backend.start_engine();
    let application = tokio::select! {
        application = prepare(settings, backend, max_connections, engine.batches()) => application?,
        () = signals.next() => return Ok(Exit::Interrupted),
    };
    let _completion = engine.complete_erasures(backend.rebuild());
    let served = serve_until_signal(settings, application, signals).await;
    engine.stop().await;
    served.map(|()| Exit::Done)
}

/// Connections for the state of the views and for health checks. They are apart, so that a process that is busy answers those.
const VIEWS_CONNECTIONS: PoolSize = PoolSize(4);

/// Most parked events that are named at the start.
const MAX_PARKED_LINES: usize = 20;

/// Creates a new clinic, builds missing views, and binds the port.
async fn prepare(
    settings: &Settings,
    backend: &Backend,
    max_connections: NonZeroUsize,
    batches: Batches,
) -> anyhow::Result<Application> {
    backend
        .commands
        .revocations()
        .context("nobody knows which staff tokens are revoked, so the service does not start")?;
    let seeded =
        backend.commands.seed().await.context("the default services and hours could not be created")?;
    if seeded.catalog_events + seeded.hours_events + seeded.routing_events > 0 {
        tracing::info!("a new clinic was created with default services and hours");
    }
    follow_flags(settings, backend).await.context("the flags of the old system could not be applied")?;
    backend
        .rebuild()
        .clean_up()
        .await
        .context("the leftovers of an interrupted rebuild could not be dropped")?;
    match backend.rebuild().missing().await.context("the views could not be built")? {
        Some(built) => {
            tracing::info!(events = built.events, reservations = built.reservations, "views were built");
        }
        None => backend.rebuild().refresh_people().await,
    }
    finish_erasures(backend).await?;
    let views_pool = create_pool(&backend.config, VIEWS_CONNECTIONS)?;
    let views = Views::open(views_pool, backend.config.clone()).await?;
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
    tracing::info!(bounds = %settings.bounds, "bookings of strangers are bounded");
    // The first booking should wait neither for the numbering plans nor for the days to come. If the log cannot be read, it
    // finds out.
    tokio::task::spawn_blocking(Region::load);
    let commands = backend.commands.clone();
    tokio::spawn(async move { commands.count_strangers().await });
    Application::build(api_settings(settings, max_connections).await?, parts).map_err(name_the_setting)
}

/// The settings of the API. Loads the key set for staff tokens.
async fn api_settings(
    settings: &Settings,
    max_connections: NonZeroUsize,
) -> anyhow::Result<daybook_api::Settings> {
    let key_set = match &settings.jwks {
        Some(source) => {
            Some(KeySet::open(source.clone()).await.context("--jwks (DAYBOOK_JWKS) cannot be used")?)
        }
        None => None,
    };
    Ok(daybook_api::Settings {
        region: settings.region,
        trusted_proxies: settings.trusted_proxies.clone(),
        allowed_origins: settings.allowed_origins.clone(),
        token_rules: settings.token_rules.clone(),
        previous_jwt_secret: settings.previous_jwt_secret.clone(),
        metrics_token: settings.metrics_token.clone(),
        key_set,
        max_connections,
        max_queue_wait: settings.max_queue_wait,
        #[cfg(feature = "migration")]
        watching: settings.watching,
        ..daybook_api::Settings::new(settings.listen, secrets::jwt_secret(settings)?)
    })
}

/// Completes the erasure of patients where a `forget` was interrupted, and names what the views lack.
async fn finish_erasures(backend: &Backend) -> anyhow::Result<()> {
    let erased = backend.rebuild().erase_forgotten().await;
    erased.context("forgotten patients could not be erased from kept views")?;
    let groups = parked::list(&backend.pool.get().await?).await?;
    let live = groups.iter().filter(|group| group.state == GenerationState::Live);
    for group in live.take(MAX_PARKED_LINES) {
        let ParkedEvent { generation, position, stream, held_up, cause, .. } = &group.first;
        tracing::warn!(
            %generation, %position, %stream, %held_up, waiting = group.waiting, cause = cause.as_deref(),
            "the view lacks a parked event and those that wait for it; run `daybook projection parked show {position}`"
        );
    }
    Ok(())
}

/// Follows the flags of the old system if they changed since the last start.
async fn follow_flags(settings: &Settings, backend: &Backend) -> anyhow::Result<()> {
    let (known, seen) = (backend.commands.routing().flags, settings.flags);
    let origin = Origin::from_actor(Actor::named("environment"));
    backend.commands.change_routing(RoutingCommand::ObserveFlags(seen), origin).await?;
    if known != seen {
        let share = backend.commands.routing().share.as_percent();
        tracing::info!(?known, ?seen, dynamic_percent = share, "the flags of the old system changed");
    }
    Ok(())
}

/// Names the setting to change if the address cannot be bound.
fn name_the_setting(error: ApplicationError) -> anyhow::Error {
    let remedy = match &error {
        ApplicationError::Bind { .. } => {
            "the service could not start; use --listen (DAYBOOK_LISTEN) for another address or port"
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
    let _announcement = service_address::announce(&settings.data_dir, address);
    print(format_args!("listening on http://{address}"))?;
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        ended = &mut serving => return Ok(ended??),
        () = signals.next() => tracing::info!("stopping: requests in progress are finished first"),
    }
    tokio::select! {
        // The application holds connections. It has to be gone before they are closed.
        () = handle.stop() => return Ok((&mut serving).await??),
        () = signals.next() => tracing::warn!("stopping immediately: requests in progress are aborted"),
    }
    Ok(())
}
