//! The services of a rehearsal on the scratch database. It must never hold a connection to another database.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use daybook_commands::{Commands, Origin};
use daybook_domain::ReadModel;
use daybook_domain::routing::{Override, Stage};
use daybook_event_log::EventLog;
use daybook_projections::query::Queries;
use daybook_projections::read::routing::read_history;
use daybook_projections::{Router, Verdict, ViewError, Views, verify};
use daybook_vault::Vault;
use deadpool_postgres::Pool;
use tokio_postgres::Config;

use super::RehearsalError;
use crate::gates::{GateSettings, Measured, SoakTimes};
use crate::retirement::{Patience, Retirement};
use crate::rollout::Migration;
use crate::shadow::{SampledReservation, Shadow};
use crate::workflow::{ProposedAdvance, Workflows};

/// The reason of all routing changes in the scratch log.
const REASON: &str = "a rehearsal";

/// Maximum number of sampled reservations.
const MAX_SAMPLES: u64 = 10_000;

/// How long the router may take to see that a restored view serves.
const SERVING_TIMEOUT: Duration = Duration::from_secs(30);

/// A scratch database has no other readers to wait for.
const NO_OTHERS: Patience = Patience { in_force: Duration::ZERO, last_readers: Duration::ZERO };

/// How long the router may take to follow a routing change.
const IN_FORCE_TIMEOUT: Duration = Duration::from_secs(10);

/// The scratch database with a copy of the log and the keys, and the write side on it.
#[derive(Debug)]
pub struct ScratchParts {
    pub log: Arc<dyn EventLog>,
    pub vault: Vault,
    pub commands: Commands,
    pub pool: Pool,
    pub config: Config,
    /// The origin of all events that the rehearsal appends.
    pub origin: Origin,
}

pub(super) struct RehearsalEnvironment {
    pub(super) commands: Commands,
    pub(super) router: Router,
    pub(super) queries: Queries,
    pub(super) shadow: Shadow,
    pub(super) pool: Pool,
    pub(super) log: Arc<dyn EventLog>,
    vault: Vault,
    workflows: Workflows,
    pub(super) origin: Origin,
    /// Reservations to read: from the copied log, and those that were booked and shown since.
    samples: Mutex<Vec<SampledReservation>>,
    /// Number of reservations in the copied log.
    copied: AtomicU64,
    pub(super) booked: AtomicU64,
    /// Number of booking attempts; each asks for another time.
    pub(super) attempts: AtomicU64,
}

impl RehearsalEnvironment {
    pub(super) async fn open(parts: ScratchParts) -> Result<Self, RehearsalError> {
        let ScratchParts { log, vault, commands, pool, config, origin } = parts;
        // Adds the salt of the routing if the service never ran on this log.
        commands.seed().await?;
        let views = Views::open(pool.clone(), config.clone()).await?;
        let settings = GateSettings { soak: SoakTimes::NONE, ..GateSettings::default() };
        let migration = Migration::new(Arc::clone(&log), vault.clone(), pool.clone(), settings);
        let retirement =
            Retirement::new(Arc::clone(&log), vault.clone(), pool.clone()).with_patience(NO_OTHERS);
        Ok(Self {
            router: Router::open(Arc::clone(&log), views).await?,
            queries: Queries::new(config, pool.clone()),
            shadow: Shadow::new(pool.clone()),
            workflows: Workflows::new(commands.clone(), migration, retirement),
            commands,
            log,
            pool,
            vault,
            origin,
            samples: Mutex::default(),
            copied: AtomicU64::new(0),
            booked: AtomicU64::new(0),
            attempts: AtomicU64::new(0),
        })
    }

    /// Samples the reservations to read. Returns the number of copied reservations.
    pub(super) async fn sample(&self) -> Result<u64, RehearsalError> {
        let verdict = self.verify().await?;
        let copied = verdict.reservations.values().copied().max().unwrap_or(0);
        let samples = self.shadow.draw(MAX_SAMPLES).await?;
        self.copied.store(copied, Ordering::Relaxed);
        *self.samples() = samples;
        Ok(copied)
    }

    /// Number of reservations that both views should show.
    pub(super) fn expected(&self) -> u64 {
        self.copied.load(Ordering::Relaxed) + self.booked()
    }

    pub(super) fn booked(&self) -> u64 {
        self.booked.load(Ordering::Relaxed)
    }

    fn samples(&self) -> MutexGuard<'_, Vec<SampledReservation>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add_sample(&self, sample: SampledReservation) {
        self.samples().push(sample);
    }

    /// The sample for the read with this number; none if there are no samples.
    pub(super) fn pick(&self, number: u64) -> Option<SampledReservation> {
        let samples = self.samples();
        let index = number.checked_rem(samples.len() as u64)?;
        samples.get(usize::try_from(index).ok()?).cloned()
    }

    /// Compares both views in full at the end of the log.
    pub(super) async fn verify(&self) -> Result<Verdict, RehearsalError> {
        Ok(verify(&*self.log, &self.vault, &self.pool).await?)
    }

    /// Measures the gates before a stage, without soak times.
    pub(super) async fn measure(&self, stage: Stage) -> Result<Measured, RehearsalError> {
        Ok(self.workflows.migration().measure(stage, Utc::now()).await?)
    }

    /// Enters a stage on measured gates and overrides those that are not met. Returns the duration until it is in force.
    pub(super) async fn advance(&self, stage: Stage, measured: Measured) -> Result<Duration, RehearsalError> {
        let (since, from) = (Instant::now(), self.commands.routing().stage);
        let overridden = Override { reason: REASON.into(), approver: None };
        let proposed = ProposedAdvance::from_measured(from, stage, measured, Some(overridden));
        self.workflows.advance(proposed, Some(REASON.into()), &self.origin, &|_| {}).await?;
        let (_, position) = read_history(&*self.log).await?;
        self.router.wait_until_in_force(position, IN_FORCE_TIMEOUT).await?;
        Ok(since.elapsed())
    }

    /// Rolls back to the first stage. Returns the duration until that was in force.
    pub(super) async fn roll_back(&self) -> Result<Duration, RehearsalError> {
        let rolled_back =
            self.workflows.roll_back(Stage::Legacy, REASON, &self.router, &self.origin, &|_| {}).await?;
        Ok(Duration::from_secs_f64(rolled_back.in_force_seconds))
    }

    /// Restores the retired legacy view and waits until the router sees it. Returns the duration.
    pub(super) async fn restore_legacy(&self) -> Result<Duration, RehearsalError> {
        let since = Instant::now();
        self.workflows.restore(ReadModel::Legacy, Some(REASON), &self.origin, &|_| {}).await?;
        let deadline = tokio::time::Instant::now() + SERVING_TIMEOUT;
        let mut views = self.router.views().clone();
        while views.serving().get(ReadModel::Legacy).is_none() {
            if !views.changed(deadline).await {
                return Err(ViewError::NotLive { model: ReadModel::Legacy }.into());
            }
        }
        Ok(since.elapsed())
    }
}
