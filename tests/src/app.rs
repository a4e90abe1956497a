//! The real application on its own port, over its own clinic.
//!
//! Tests talk to it over HTTP, as clients do. They must never reach past that, except into the clinic's log and
//! database to check the effect of a request.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use daybook_api::{
    Application, ApplicationError, JwtSecret, MetricsToken, MigrationParts, Parts, Permission, Role,
    Settings, StaffName, StopHandle, TokenOrder, TokenRules, TrustedProxies, Watching, issue_token,
};
use daybook_commands::Clock;
use daybook_domain::routing::Limits;
use daybook_migration::read_stats::ReadStatsStore;
use daybook_migration::shadow::Shadow;
use daybook_projections::query::Queries;
use daybook_projections::{Batches, LagRule, Router};
use reqwest::{Method, RequestBuilder};
use tokio::task::JoinHandle;

use crate::clinic::{Clinic, FixedClock};

/// Signs the tokens of all tests.
pub const JWT_SECRET: &str = "a-secret-for-tests-that-is-long-enough";

/// Reads the metrics of all tests.
pub const METRICS_TOKEN: &str = "a-token-for-the-metrics-of-tests";

/// How long the application waits for a position that a request asks for. Short, because some tests wait in vain.
const AT_LEAST_PATIENCE: Duration = Duration::from_millis(500);

/// The time on a test clinic's clock: Friday 2026-11-20, 10:00 in Seoul.
pub const NOW: &str = "2026-11-20T01:00:00Z";

/// The running application.
#[derive(Debug)]
pub struct App {
    /// The clinic behind the application.
    pub clinic: Clinic,
    /// The client for requests to it.
    pub client: reqwest::Client,
    address: String,
    stop: StopHandle,
    running: JoinHandle<Result<(), ApplicationError>>,
}

/// Starts the application over a new clinic with the initial services and hours.
///
/// # Errors
/// If a component cannot be opened.
pub async fn spawn_app() -> anyhow::Result<App> {
    App::with_clinic(Clinic::open().await?, TimeDelta::zero()).await
}

impl App {
    /// Starts the application over a clinic. `ahead` is how far its clock is ahead of the write side's.
    ///
    /// # Errors
    /// If a component cannot be opened.
    pub async fn with_clinic(clinic: Clinic, ahead: TimeDelta) -> anyhow::Result<Self> {
        Self::with_lag_rule(clinic, ahead, LagRule::USUAL, None).await
    }

    /// Like [`App::with_clinic`], with a rule for lagging views and with measured batches.
    ///
    /// # Errors
    /// If a component cannot be opened.
    pub async fn with_lag_rule(
        clinic: Clinic,
        ahead: TimeDelta,
        lag_rule: LagRule,
        batches: Option<Batches>,
    ) -> anyhow::Result<Self> {
        Self::start(clinic, ahead, batches, |settings| Settings { lag_rule, ..settings }).await
    }

    /// Starts the application over a clinic with these guardrail settings.
    ///
    /// # Errors
    /// If a component cannot be opened.
    pub async fn with_guardrails(clinic: Clinic, watching: Watching) -> anyhow::Result<Self> {
        Self::start(clinic, TimeDelta::zero(), None, |settings| Settings { watching, ..settings }).await
    }

    /// Starts the application behind a proxy on this machine, whose `X-Forwarded-For` counts.
    ///
    /// # Errors
    /// If a component cannot be opened.
    pub async fn behind_proxy(clinic: Clinic) -> anyhow::Result<Self> {
        let trusted_proxies: TrustedProxies = "127.0.0.1".parse()?;
        Self::start(clinic, TimeDelta::zero(), None, |settings| Settings { trusted_proxies, ..settings })
            .await
    }

    /// Starts the application with other settings.
    ///
    /// # Errors
    /// If a component cannot be opened.
    pub async fn with_settings(
        clinic: Clinic,
        adjust: impl FnOnce(Settings) -> Settings,
    ) -> anyhow::Result<Self> {
        Self::start(clinic, TimeDelta::zero(), None, adjust).await
    }

    /// Starts the application with this many places in each lane, and this wait for a place.
    ///
    /// # Errors
    /// If a component cannot be opened.
    pub async fn with_places(clinic: Clinic, places: NonZeroUsize, wait: Duration) -> anyhow::Result<Self> {
        let adjust = |settings| Settings { places_per_lane: places, max_queue_wait: wait, ..settings };
        Self::start(clinic, TimeDelta::zero(), None, adjust).await
    }

    /// Starts the application with a clock of the test's own.
    ///
    /// # Errors
    /// If a component cannot be opened.
    pub async fn with_clock(clinic: Clinic, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        Self::start_with_clock(clinic, clock, None, |settings| settings).await
    }

    async fn start(
        clinic: Clinic,
        ahead: TimeDelta,
        batches: Option<Batches>,
        adjust: impl FnOnce(Settings) -> Settings,
    ) -> anyhow::Result<Self> {
        let now: DateTime<Utc> = NOW.parse()?;
        Self::start_with_clock(clinic, Arc::new(FixedClock(now + ahead)), batches, adjust).await
    }

    async fn start_with_clock(
        clinic: Clinic,
        clock: Arc<dyn Clock>,
        batches: Option<Batches>,
        adjust: impl FnOnce(Settings) -> Settings,
    ) -> anyhow::Result<Self> {
        let parts = Parts {
            log: clinic.log.clone(),
            commands: clinic.commands.clone(),
            queries: Queries::new(clinic.database.config(), clinic.pool.clone()),
            router: Router::open(clinic.log.clone(), clinic.views().await?).await?,
            clock,
            batches,
            migration: MigrationParts {
                workflows: clinic.workflows(),
                shadow: Shadow::new(clinic.pool.clone()),
                read_stats: ReadStatsStore::new(clinic.pool.clone()),
            },
        };
        let listen = "127.0.0.1:0".parse()?;
        let settings = Settings {
            at_least_patience: AT_LEAST_PATIENCE,
            // Only tests of admission have shed requests.
            max_queue_wait: Duration::from_secs(30),
            workers: NonZeroUsize::new(2),
            // Other tests may slow the machine down. That must not trip a guardrail.
            watching: Watching {
                limits: Limits { latency_ms: 30_000.0, ..Limits::default() },
                ..Watching::default()
            },
            metrics_token: Some(MetricsToken::parse(METRICS_TOKEN)?),
            ..Settings::new(listen, JwtSecret::parse(JWT_SECRET)?)
        };
        let application = Application::build(adjust(settings), parts)?;
        let (address, stop) = (format!("http://{}", application.address()), application.stop_handle());
        let running = tokio::spawn(application.run_until_stopped());
        Ok(Self { clinic, client: reqwest::Client::new(), address, stop, running })
    }

    /// The address that the application listens on, as host and port.
    pub fn address(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// Builds a request to a path.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.address))
    }

    /// Builds a GET of a path.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// Builds a POST to a path.
    pub fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    /// Its metrics.
    ///
    /// # Errors
    /// If it does not answer with them.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        let response = self.get("/metrics").bearer_auth(METRICS_TOKEN).send().await?;
        Ok(response.error_for_status()?.text().await?)
    }

    /// The handle that stops the application.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Waits until the application has stopped.
    ///
    /// # Errors
    /// If it stopped with an error.
    pub async fn wait_for_stop(&mut self) -> anyhow::Result<()> {
        (&mut self.running).await.context("the task of the application")??;
        Ok(())
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // Nothing waits for the stop: dropping the clinic ends all connections to its database.
        drop(self.stop.stop());
    }
}

/// A token for a member of staff, valid for one hour of the tests' clock.
///
/// # Errors
/// If the name is invalid or signing fails.
pub fn token(name: &str, role: Role) -> anyhow::Result<String> {
    narrow_token(name, role, None)
}

/// Like [`token`], with these permissions of the role only.
///
/// # Errors
/// If the name is invalid or signing fails.
pub fn narrow_token(name: &str, role: Role, only: Option<Vec<Permission>>) -> anyhow::Result<String> {
    token_at(NOW.parse()?, name, role, only)
}

/// Like [`narrow_token`], issued at another time.
///
/// # Errors
/// If the name is invalid or signing fails.
pub fn token_at(
    now: DateTime<Utc>,
    name: &str,
    role: Role,
    only: Option<Vec<Permission>>,
) -> anyhow::Result<String> {
    let permissions = only.map(Vec::into_boxed_slice);
    let order = TokenOrder {
        permissions,
        ..TokenOrder::new(StaffName::parse(name)?, role, now + TimeDelta::hours(1))
    };
    Ok(issue_token(&JwtSecret::parse(JWT_SECRET)?, &TokenRules::default(), order, now)?)
}
