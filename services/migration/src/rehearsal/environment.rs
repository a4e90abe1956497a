//! The parts of Daybook that a rehearsal works on: those of a scratch database, and no others.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use daybook_commands::{Commands, Origin};
use daybook_domain::ReadModel;
use daybook_domain::routing::{Override, Stage};
use daybook_event_log::EventLog;
use daybook_projections::query::Queries;
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

/// What changes of the routing are recorded with, in the scratch log.
pub(super) const REASON: &str = "a rehearsal";

/// Reservations that reads are drawn from, at most.
const DRAWN: u64 = 10_000;

/// How long a view that was restored may take to be known to serve.
const SERVING_PATIENCE: Duration = Duration::from_secs(30);

/// Nobody else reads a scratch database, so nobody has to be waited for.
const NO_OTHERS: Patience = Patience { in_force: Duration::ZERO, last_readers: Duration::ZERO };

/// How long a change of the routing may take until the router follows it.
const IN_FORCE_PATIENCE: Duration = Duration::from_secs(10);

/// The database and the write side of a rehearsal: a copy of the log and of the keys.
#[derive(Debug)]
pub struct ScratchParts {
    /// The copied log.
    pub log: Arc<dyn EventLog>,
    /// The copied keys.
    pub vault: Vault,
    /// The write side on the copied log.
    pub commands: Commands,
    /// Connections to the scratch database.
    pub pool: Pool,
    /// How to connect to it.
    pub config: Config,
    /// The origin of everything that the rehearsal records.
    pub origin: Origin,
}

/// All parts.
pub(super) struct RehearsalEnvironment {
    pub(super) commands: Commands,
    pub(super) router: Router,
    pub(super) queries: Queries,
    pub(super) shadow: Shadow,
    pub(super) pool: Pool,
    pub(super) log: Arc<dyn EventLog>,
    vault: Vault,
    workflows: Workflows,
    origin: Origin,
    /// What reads are drawn from: reservations of the copied log, and those that were booked and shown since.
    known: Mutex<Vec<SampledReservation>>,
    /// Reservations of the copied log.
    copied: AtomicU64,
    booked: AtomicU64,
    /// Bookings that were tried: each asks for another time.
    pub(super) tries: AtomicU64,
}

impl RehearsalEnvironment {
    pub(super) async fn open(parts: ScratchParts) -> Result<Self, RehearsalError> {
        let ScratchParts { log, vault, commands, pool, config, origin } = parts;
        // A log whose service never ran has no salt yet; nothing happens if it has one.
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
            known: Mutex::default(),
            copied: AtomicU64::new(0),
            booked: AtomicU64::new(0),
            tries: AtomicU64::new(0),
        })
    }

    /// Draws what will be read, and counts what was copied.
    pub(super) async fn draw(&self) -> Result<u64, RehearsalError> {
        let verdict = self.verify().await?;
        let copied = verdict.reservations.values().copied().max().unwrap_or(0);
        let drawn = self.shadow.draw(DRAWN).await?;
        self.copied.store(copied, Ordering::Relaxed);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = drawn;
        Ok(copied)
    }

    /// Reservations that both views have to show.
    pub(super) fn expected(&self) -> u64 {
        self.copied.load(Ordering::Relaxed) + self.booked()
    }

    pub(super) fn booked(&self) -> u64 {
        self.booked.load(Ordering::Relaxed)
    }

    /// Another booking stands in the log.
    pub(super) fn note_booked(&self) {
        self.booked.fetch_add(1, Ordering::Relaxed);
    }

    /// A booking can be read.
    pub(super) fn note_known(&self, drawn: SampledReservation) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).push(drawn);
    }

    /// The reservation that a turn asks for; none while there is none.
    pub(super) fn pick(&self, turn: u64) -> Option<SampledReservation> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let place = turn.checked_rem(known.len() as u64)?;
        known.get(usize::try_from(place).ok()?).cloned()
    }

    /// Compares both views in full, at a position that holds all that was recorded.
    pub(super) async fn verify(&self) -> Result<Verdict, RehearsalError> {
        Ok(verify(&*self.log, &self.vault, &self.pool).await?)
    }

    /// Measures the gates before a stage, with no time asked to pass.
    pub(super) async fn measure(&self, stage: Stage) -> Result<Measured, RehearsalError> {
        Ok(self.workflows.migration().measure(stage, Utc::now()).await?)
    }

    /// Enters a stage on gates that were measured, past those that are not met; gives how long it took.
    pub(super) async fn advance(&self, stage: Stage, measured: Measured) -> Result<Duration, RehearsalError> {
        let (since, from) = (Instant::now(), self.commands.routing().stage);
        let overridden = Override { reason: REASON.into(), approver: None };
        let proposed = ProposedAdvance::from_measured(from, stage, measured, Some(overridden));
        self.workflows.advance(proposed, Some(REASON.into()), &self.origin, &|_| {}).await?;
        let (_, position) = daybook_projections::read::routing::read_history(&*self.log).await?;
        self.router.wait_until_in_force(position, IN_FORCE_PATIENCE).await?;
        Ok(since.elapsed())
    }

    /// Rolls back to the first stage; gives how long it took until it was in force.
    pub(super) async fn roll_back(&self) -> Result<Duration, RehearsalError> {
        let rolled_back =
            self.workflows.roll_back(Stage::Legacy, REASON, &self.router, &self.origin, &|_| {}).await?;
        Ok(Duration::from_secs_f64(rolled_back.in_force_seconds))
    }

    /// Builds the retired legacy view again, and waits until it is known to serve; gives how long it took.
    pub(super) async fn restore_legacy(&self) -> Result<Duration, RehearsalError> {
        let since = Instant::now();
        self.workflows.restore(ReadModel::Legacy, Some(REASON), &self.origin, &|_| {}).await?;
        let deadline = tokio::time::Instant::now() + SERVING_PATIENCE;
        let mut views = self.router.views().clone();
        while views.serving().get(ReadModel::Legacy).is_none() {
            if !views.changed(deadline).await {
                return Err(ViewError::NotLive { model: ReadModel::Legacy }.into());
            }
        }
        Ok(since.elapsed())
    }

    /// The origin of everything that the rehearsal records.
    pub(super) fn origin(&self) -> Origin {
        self.origin.clone()
    }
}
