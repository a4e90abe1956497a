//! The real application on a port of its own, over a clinic of its own.
//!
//! Tests talk to it as clients do: over HTTP. It must never reach past that, except to the clinic's log and database to
//! see what became of a request.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use daybook_api::{
    Application, ApplicationError, JwtSecret, MigrationParts, Parts, Role, Settings, StaffName, StopHandle,
    Watching, issue_token,
};
use daybook_domain::routing::Limits;
use daybook_migration::read_stats::ReadStatsStore;
use daybook_migration::shadow::Shadow;
use daybook_projections::query::Queries;
use daybook_projections::{Batches, LagRule, Router};
use reqwest::{Method, RequestBuilder};
use tokio::task::JoinHandle;

use crate::clinic::{Clinic, FixedClock};

/// The secret of all tests' tokens.
pub const JWT_SECRET: &str = "a-secret-for-tests-that-is-long-enough";

/// How long the application waits for a position that a request asks for: short, since some tests wait in vain.
const AT_LEAST_PATIENCE: Duration = Duration::from_millis(500);

/// What the clock of a test's clinic shows: Friday 2026-11-20, 10:00 in Seoul.
const NOW: &str = "2026-11-20T01:00:00Z";

/// The application, serving.
#[derive(Debug)]
pub struct App {
    /// The clinic behind it.
    pub clinic: Clinic,
    /// Talks to it.
    pub client: reqwest::Client,
    address: String,
    stop: StopHandle,
    running: JoinHandle<Result<(), ApplicationError>>,
}

/// The application over a new clinic with its first services and hours.
///
/// # Errors
/// When a part cannot be opened.
pub async fn spawn_app() -> anyhow::Result<App> {
    App::over(Clinic::open().await?, TimeDelta::zero()).await
}

impl App {
    /// The application over a clinic, with a clock that is ahead of the write side's.
    ///
    /// # Errors
    /// When a part cannot be opened.
    pub async fn over(clinic: Clinic, ahead: TimeDelta) -> anyhow::Result<Self> {
        Self::watched(clinic, ahead, LagRule::USUAL, None).await
    }

    /// The same, with a rule for views that are behind, and batches that are measured.
    ///
    /// # Errors
    /// When a part cannot be opened.
    pub async fn watched(
        clinic: Clinic,
        ahead: TimeDelta,
        lag_rule: LagRule,
        batches: Option<Batches>,
    ) -> anyhow::Result<Self> {
        Self::start(clinic, ahead, batches, |settings| Settings { lag_rule, ..settings }).await
    }

    /// The application over a clinic, with reads that are watched in a way of its own.
    ///
    /// # Errors
    /// When a part cannot be opened.
    pub async fn guarded(clinic: Clinic, watching: Watching) -> anyhow::Result<Self> {
        Self::start(clinic, TimeDelta::zero(), None, |settings| Settings { watching, ..settings }).await
    }

    async fn start(
        clinic: Clinic,
        ahead: TimeDelta,
        batches: Option<Batches>,
        change: impl FnOnce(Settings) -> Settings,
    ) -> anyhow::Result<Self> {
        let now: DateTime<Utc> = NOW.parse()?;
        let parts = Parts {
            log: clinic.log.clone(),
            commands: clinic.commands.clone(),
            queries: Queries::new(clinic.database.config(), clinic.pool.clone()),
            router: Router::open(clinic.log.clone(), clinic.views().await?).await?,
            clock: Arc::new(FixedClock(now + ahead)),
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
            workers: std::num::NonZeroUsize::new(2),
            // A machine that is busy with other tests is no reason to lead reads elsewhere.
            watching: Watching {
                limits: Limits { latency_ms: 30_000.0, ..Limits::default() },
                ..Watching::default()
            },
            ..Settings::new(listen, JwtSecret::parse(JWT_SECRET)?)
        };
        let application = Application::build(change(settings), parts)?;
        let (address, stop) = (format!("http://{}", application.address()), application.stop_handle());
        let running = tokio::spawn(application.run_until_stopped());
        Ok(Self { clinic, client: reqwest::Client::new(), address, stop, running })
    }

    /// A request to a path.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.address))
    }

    /// A GET of a path.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// A POST to a path.
    pub fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    /// What stops it.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.clone()
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When it ended with an error.
    pub async fn ended(&mut self) -> anyhow::Result<()> {
        (&mut self.running).await.context("the application's task")??;
        Ok(())
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // Nobody waits: the database goes with the clinic, whoever is still connected to it.
        drop(self.stop.stop());
    }
}

/// A token of a member of staff, valid for an hour of the tests' clock.
///
/// # Errors
/// When it cannot be made.
pub fn token(name: &str, role: Role) -> anyhow::Result<String> {
    let now: DateTime<Utc> = NOW.parse()?;
    Ok(issue_token(&JwtSecret::parse(JWT_SECRET)?, StaffName::parse(name)?, role, now + TimeDelta::hours(1))?)
}
