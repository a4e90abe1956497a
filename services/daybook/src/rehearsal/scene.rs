//! The parts of Daybook that a rehearsal plays on: those of the scratch database, and of no other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use chrono::Utc;
use daybook_commands::{Commands, Origin};
use daybook_domain::ReadModel;
use daybook_domain::routing::{AdvanceStage, Override, RoutingCommand, Stage};
use daybook_event_log::EventLog;
use daybook_projections::query::Queries;
use daybook_projections::shadow::{Drawn, Shadow};
use daybook_projections::{
    GateSettings, Measured, Migration, Patience, Retirement, Router, SoakTimes, Verdict, Views, verify,
};
use daybook_vault::Vault;
use deadpool_postgres::Pool;

use crate::settings::Settings;
use crate::wiring::{Restored, operator_now, wait_for_propagation};

/// What changes of the routing are recorded with, in the scratch log.
pub(super) const REASON: &str = "a rehearsal";

/// Reservations that reads are drawn from, at most.
const DRAWN: u64 = 10_000;

/// How long a view that was restored may take to be known to serve.
const SERVING_PATIENCE: Duration = Duration::from_secs(30);

/// Nobody else reads a scratch database, so nobody has to be waited for.
const NO_OTHERS: Patience = Patience { in_force: Duration::ZERO, last_readers: Duration::ZERO };

/// All parts.
pub(super) struct RehearsalEnvironment {
    pub(super) commands: Commands,
    pub(super) router: Router,
    pub(super) queries: Queries,
    pub(super) shadow: Shadow,
    pub(super) pool: Pool,
    pub(super) log: Arc<dyn EventLog>,
    vault: Vault,
    migration: Migration,
    retirement: Retirement,
    /// What reads are drawn from: reservations of the copied log, and those that were booked and shown since.
    known: Mutex<Vec<Drawn>>,
    /// Reservations of the copied log.
    copied: AtomicU64,
    booked: AtomicU64,
    /// Bookings that were tried: each asks for another time.
    pub(super) tries: AtomicU64,
}

impl RehearsalEnvironment {
    pub(super) async fn open(restored: &Restored, settings: &Settings) -> anyhow::Result<Self> {
        let (log, pool, vault) =
            (Arc::clone(&restored.log), restored.pool().clone(), restored.vault().clone());
        let commands = restored.commands(settings).await?;
        // A log whose service never ran has no salt yet; nothing is done where it has.
        commands.seed().await?;
        let views = Views::open(pool.clone(), restored.config().clone()).await?;
        let asked = GateSettings { soak: SoakTimes::NONE, ..GateSettings::default() };
        Ok(Self {
            commands,
            router: Router::open(Arc::clone(&log), views).await?,
            queries: Queries::new(restored.config().clone(), pool.clone()),
            shadow: Shadow::new(pool.clone()),
            migration: Migration::new(Arc::clone(&log), vault.clone(), pool.clone(), asked),
            retirement: Retirement::new(Arc::clone(&log), vault.clone(), pool.clone())
                .with_patience(NO_OTHERS),
            log,
            pool,
            vault,
            known: Mutex::default(),
            copied: AtomicU64::new(0),
            booked: AtomicU64::new(0),
            tries: AtomicU64::new(0),
        })
    }

    /// Draws what will be read, and counts what was copied.
    pub(super) async fn draw(&self) -> anyhow::Result<u64> {
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
    pub(super) fn note_known(&self, drawn: Drawn) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).push(drawn);
    }

    /// The reservation that a turn asks for; none while there is none.
    pub(super) fn pick(&self, turn: u64) -> Option<Drawn> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let place = turn.checked_rem(known.len() as u64)?;
        known.get(usize::try_from(place).ok()?).cloned()
    }

    /// Compares both views in full, at a position that holds all that was recorded.
    pub(super) async fn verify(&self) -> anyhow::Result<Verdict> {
        Ok(verify(&*self.log, &self.vault, &self.pool).await?)
    }

    /// Measures the gates before a stage, with no time asked to pass.
    pub(super) async fn measure(&self, stage: Stage) -> anyhow::Result<Measured> {
        Ok(self.migration.measure(stage, Utc::now()).await?)
    }

    /// Records changes of the routing; gives how long it took until they were in force.
    pub(super) async fn change(&self, commands: Vec<RoutingCommand>) -> anyhow::Result<Duration> {
        let since = Instant::now();
        self.commands.change_routing_together(commands, origin()).await?;
        Ok(wait_for_propagation(&self.commands, &self.router, since).await?)
    }

    /// Retires the legacy view together with the last stage; gives how long it took.
    pub(super) async fn retire_legacy(&self, stage: RoutingCommand) -> anyhow::Result<Duration> {
        let since = Instant::now();
        let steps = self.retirement.begin().await?;
        let retired = async {
            self.commands.routing().check_unused(ReadModel::Legacy)?;
            let examined = steps.examine(ReadModel::Legacy).await?;
            self.change(vec![stage, RoutingCommand::RetireView(examined.retired(REASON))]).await?;
            steps.finish(|_| {}).await?;
            anyhow::Ok(since.elapsed())
        };
        let retired = retired.await;
        steps.end().await;
        retired
    }

    /// Builds the retired legacy view again, and waits until it is known to serve; gives how long it took.
    pub(super) async fn restore_legacy(&self) -> anyhow::Result<Duration> {
        let since = Instant::now();
        let steps = self.retirement.begin().await?;
        let restored = async {
            let rebuilt = steps.rebuild(Some(REASON), &|_| {}).await?;
            self.change(vec![RoutingCommand::RestoreView(rebuilt.restored)]).await?;
            steps.note_restored(ReadModel::Legacy).await?;
            self.wait_until_serving(ReadModel::Legacy).await?;
            anyhow::Ok(since.elapsed())
        };
        let restored = restored.await;
        steps.end().await;
        restored
    }

    async fn wait_until_serving(&self, model: ReadModel) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + SERVING_PATIENCE;
        let mut views = self.router.views().clone();
        while views.serving().get(model).is_none() {
            if !views.changed(deadline).await {
                bail!("the {model} view was built again, and does not serve");
            }
        }
        Ok(())
    }
}

/// How a stage is entered in a rehearsal: with what was measured, and past what is shut.
pub(super) fn advance(stage: Stage, measured: &Measured) -> RoutingCommand {
    RoutingCommand::AdvanceStage(AdvanceStage {
        stage,
        position: measured.position,
        gates: measured.gates.clone(),
        overridden: Some(Override { reason: REASON.into(), approver: None }),
        reason: Some(REASON.into()),
    })
}

/// Where everything comes from that a rehearsal records.
pub(super) fn origin() -> Origin {
    operator_now()
}
