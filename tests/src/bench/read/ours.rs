//! Our side: the real application over the clinic, assembled as in `daybook serve`.
//!
//! It must never have an easier task than in production: each request carries a staff token.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::Context;
use chrono::{TimeDelta, Utc};
use daybook_api::{
    Application, ApplicationError, JwtSecret, MigrationParts, Parts, Role, Settings, StaffName, StopHandle,
    TokenOrder, TokenRules, issue_token,
};
use daybook_commands::SystemClock;
use daybook_domain::ReservationId;
use daybook_migration::read_stats::ReadStatsStore;
use daybook_migration::shadow::Shadow;
use daybook_projections::Router;
use daybook_projections::query::Queries;
use tokio::task::JoinHandle;

use super::WORKERS;
use super::load::Target;
use crate::clinic::Clinic;

const JWT_SECRET: &str = "a-secret-for-the-benchmark-that-is-long-enough";

pub(in crate::bench) struct Server {
    address: SocketAddr,
    token: String,
    stop: StopHandle,
    running: JoinHandle<Result<(), ApplicationError>>,
}

impl Server {
    pub(in crate::bench) async fn start(clinic: &Clinic) -> anyhow::Result<Self> {
        let secret = JwtSecret::parse(JWT_SECRET)?;
        let now = Utc::now();
        let name = StaffName::parse("desk@clinic.example")?;
        let order = TokenOrder::new(name, Role::Editor, now + TimeDelta::hours(1));
        let token = issue_token(&secret, &TokenRules::default(), order, now)?;
        let parts = Parts {
            log: clinic.log.clone(),
            commands: clinic.commands.clone(),
            queries: Queries::new(clinic.database.config(), clinic.pool.clone()),
            router: Router::open(clinic.log.clone(), clinic.views().await?).await?,
            clock: Arc::new(SystemClock),
            batches: None,
            migration: MigrationParts {
                workflows: clinic.workflows(),
                shadow: Shadow::new(clinic.pool.clone()),
                read_stats: ReadStatsStore::new(clinic.pool.clone()),
            },
        };
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let settings = Settings { workers: NonZeroUsize::new(WORKERS), ..Settings::new(listen, secret) };
        let application = Application::build(settings, parts)?;
        let (address, stop) = (application.address(), application.stop_handle());
        let running = tokio::spawn(application.run_until_stopped());
        Ok(Self { address, token, stop, running })
    }

    pub(in crate::bench) fn target(&self, ids: &[ReservationId]) -> anyhow::Result<Target> {
        let authorization = format!("Authorization: Bearer {}\r\n", self.token);
        Target::new(self.address, ids.iter().map(|id| format!("/api/reservations/{id}")), &authorization)
    }

    pub(in crate::bench) async fn stop(self) -> anyhow::Result<()> {
        self.stop.stop().await;
        Ok(self.running.await.context("the task of the application")??)
    }
}
