//! The guardrails of this process: after each window they write their statistics, evaluate those of all processes, and
//! roll reads back if a limit was exceeded.
//!
//! They only ever roll back: they raise no percentage and end no rollback. Several processes evaluate, but only one event
//! is recorded, since a rollback that is in force is not recorded again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use daybook_commands::{Commands, Origin};
use daybook_domain::routing::{
    Breach, Guardrail, GuardrailTripped, GuardrailVerdict, Limits, ReadStats, RolloutHistory, RoutingCommand,
    evaluate,
};
use daybook_domain::{Actor, ReadModel};
use daybook_projections::{Router, ViewError, describe};
use tokio::sync::watch;
use uuid::Uuid;

use super::read_stats::{ReadStatsStore, RecentReadStats};
use super::{TrafficWindow, Watching};
use crate::shadow::Shadow;

/// The actor of the events that guardrails record.
const ACTOR: &str = "guardrail";

/// Number of windows after which old statistics are dropped.
const PRUNE_EVERY: u32 = 30;

/// Measures the guardrails.
pub trait GuardObserver: std::fmt::Debug + Send + Sync {
    /// The limits, at the start.
    fn limits(&self, limits: &Limits);
    /// The last windows of all processes were evaluated; there is no verdict while there is nothing to roll back.
    fn evaluated(&self, seen: &ReadStats, verdict: Option<&GuardrailVerdict>);
    /// This process found a limit exceeded.
    fn tripped(&self, guardrail: Guardrail);
    /// A window could not be written.
    fn lost(&self);
}

/// The last evaluation. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct LastEvaluation(Arc<Mutex<Option<Evaluation>>>);

/// What all processes saw in the last windows, and the verdict on it.
#[derive(Debug, Clone)]
pub struct Evaluation {
    pub seen: RecentReadStats,
    /// None while there is nothing to roll back.
    pub verdict: Option<GuardrailVerdict>,
}

impl LastEvaluation {
    /// The last evaluation; none before the first window has ended.
    pub fn get(&self) -> Option<Evaluation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, evaluation: Evaluation) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(evaluation);
    }
}

/// The guardrails of one process.
#[derive(Debug)]
pub struct Guard {
    /// Windows, limits and the sample.
    pub settings: Watching,
    /// The counts of this process.
    pub window: Arc<TrafficWindow>,
    /// The windows of all processes.
    pub store: ReadStatsStore,
    /// The record of shadow reads, which is pruned together with the windows.
    pub shadow: Shadow,
    pub router: Router,
    pub commands: Commands,
    pub metrics: Arc<dyn GuardObserver>,
    pub last: LastEvaluation,
}

/// What ended a window.
enum End {
    Time,
    NewRouting(Arc<RolloutHistory>),
    Stopped,
}

impl Guard {
    /// Runs until the other end of the channel is dropped. Every event of the routing ends a window, so that a window
    /// belongs to one routing: statistics from before an event say nothing about the time after it, even if the routing
    /// is the same again, since reads may have been rolled back in between.
    pub async fn run(self, mut stopped: watch::Receiver<()>) {
        self.metrics.limits(&self.settings.limits);
        let (process, mut changes) = (Uuid::now_v7(), self.router.changes());
        let mut routing = self.router.history();
        let (mut since, mut begun, mut windows) = (Instant::now(), Instant::now(), 0_u32);
        loop {
            let end = tokio::select! {
                _ = stopped.changed() => End::Stopped,
                next = next_routing(&mut changes, &routing) => next.map_or(End::Stopped, End::NewRouting),
                () = tokio::time::sleep_until((begun + self.settings.window).into()) => End::Time,
            };
            let (seen, length) = (self.window.take(), begun.elapsed());
            begun = Instant::now();
            let written = self.store.write(process, length, &seen).await;
            match end {
                End::Stopped => return,
                End::NewRouting(next) => (routing, since) = (next, begun),
                End::Time => {}
            }
            let evaluated = match written {
                Ok(()) => self.evaluate(&routing, since).await,
                Err(error) => Err(error),
            };
            if let Err(error) = evaluated {
                self.metrics.lost();
                tracing::warn!(error = %describe(&error), "the guardrails could not be evaluated; reads stay as they are until the next window");
            }
            windows = windows.wrapping_add(1);
            if windows % PRUNE_EVERY == 1 {
                self.prune().await;
            }
        }
    }

    /// Evaluates what all processes saw under this routing, and rolls back if a limit was exceeded.
    async fn evaluate(&self, history: &RolloutHistory, since: Instant) -> Result<(), ViewError> {
        let (Watching { window, limits, .. }, routing) = (&self.settings, &history.routing);
        let seen = self.store.recent(*window, since.elapsed()).await?;
        let verdict = routing.is_guarded().then(|| {
            // If the last window has too few requests, the earlier ones may have enough; and a breach in one of them stays a
            // breach.
            let (last, longer) = (evaluate(&seen.last, limits), evaluate(&seen.longer, limits));
            match (&last, &longer) {
                (GuardrailVerdict::Tripped(_), _) => last,
                (_, GuardrailVerdict::Tripped(_)) | (GuardrailVerdict::Inconclusive(_), _) => longer,
                (GuardrailVerdict::Fine, _) => last,
            }
        });
        self.metrics.evaluated(&seen.longer, verdict.as_ref());
        if let Some(GuardrailVerdict::Tripped(breach)) = &verdict {
            self.trip(breach, history).await;
        }
        self.last.set(Evaluation { seen, verdict });
        Ok(())
    }

    async fn trip(&self, breach: &Breach, history: &RolloutHistory) {
        // The statistics belong to this routing; if there was an event since, they say nothing. The write side knows of a
        // rollback by this process before the router does.
        let is_another = self.router.history().place != history.place;
        if is_another || !self.commands.routing().is_guarded() {
            return;
        }
        // Reads would go back to a view that stands still.
        if let Some(status) = self.router.views().serving().get(ReadModel::Legacy)
            && let Err(error) = status.check_writable()
        {
            let guardrail = breach.guardrail.as_str();
            tracing::error!(guardrail, %error, "a guardrail tripped, but reads are not rolled back to a view that cannot be written");
            return;
        }
        let (guardrail, found, limit) = (breach.guardrail.as_str(), &breach.found, &breach.limit);
        tracing::error!(guardrail, %found, %limit, "a guardrail tripped: rolling all reads back to the legacy view; `daybook migrate status` shows the trip");
        self.metrics.tripped(breach.guardrail);
        let tripped = GuardrailTripped {
            guardrail: breach.guardrail,
            model: breach.model,
            found: breach.found.clone(),
            limit: breach.limit.clone(),
            window_seconds: whole_seconds(self.settings.window),
        };
        let origin = Origin { correlation: Some(Uuid::now_v7()), ..Origin::from_actor(Actor::named(ACTOR)) };
        if let Err(error) = self.commands.change_routing(RoutingCommand::TripGuardrail(tripped), origin).await
        {
            tracing::error!(error = %describe(&error), "reads could not be rolled back; trying again after the next window");
        }
    }

    async fn prune(&self) {
        if let Err(error) = async { self.store.prune().await.and(self.shadow.prune().await) }.await {
            tracing::warn!(error = %describe(&error), "old read statistics could not be deleted; trying again later");
        }
    }
}

/// Waits for the next routing event; none if the router has stopped.
async fn next_routing(
    changes: &mut watch::Receiver<Arc<RolloutHistory>>,
    history: &RolloutHistory,
) -> Option<Arc<RolloutHistory>> {
    let next = changes.wait_for(|next| next.place != history.place).await;
    next.ok().map(|next| Arc::clone(&next))
}

/// Rounded up, so that a short window is not recorded as 0 s.
fn whole_seconds(length: Duration) -> u32 {
    u32::try_from(length.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}
