//! The guardrails of this process: after each window they write down what was seen, judge what all processes saw, and roll
//! reads back where a limit was passed.
//!
//! They only ever lead back: no share is raised and no rollback ended here. Several processes judge, and one event comes of
//! it, since nothing is recorded where reads were rolled back already.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use daybook_commands::{Commands, Origin};
use daybook_domain::Actor;
use daybook_domain::routing::{
    Breach, GuardrailTripped, GuardrailVerdict, Routing, RoutingCommand, evaluate,
};
use daybook_projections::read_stats::{LookBack, ReadStatsStore};
use daybook_projections::shadow::Shadow;
use daybook_projections::{Router, ViewError, describe};
use tokio::sync::watch;
use uuid::Uuid;

use crate::metrics::GuardMetrics;
use crate::settings::Watching;
use crate::windows::TrafficWindow;

/// Who is named for what guardrails do.
const ACTOR: &str = "guardrail";

/// Windows after which what is old is dropped.
const PRUNE_EVERY: u32 = 30;

/// What was last seen and thought. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latest(Arc<Mutex<Option<Judged>>>);

/// What was seen in the last windows, and what to think of it.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) seen: LookBack,
    /// None where there is nothing to roll back.
    pub(crate) judgement: Option<GuardrailVerdict>,
}

impl Latest {
    /// What was judged last; none before the first window has ended.
    pub(crate) fn get(&self) -> Option<Judged> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, judged: Judged) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(judged);
    }
}

/// What guardrails work with.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) settings: Watching,
    pub(crate) windows: Arc<TrafficWindow>,
    pub(crate) watch: ReadStatsStore,
    pub(crate) shadow: Shadow,
    pub(crate) router: Router,
    pub(crate) commands: Commands,
    pub(crate) metrics: GuardMetrics,
    pub(crate) latest: Latest,
}

/// What ended a window.
enum End {
    Time,
    NewRouting(Arc<Routing>),
    Stopped,
}

impl Guard {
    /// Goes on until the other end of the channel is dropped. A window is cut at every event of the routing, so that each tells
    /// of one way of leading reads, and what was seen before says nothing about what came after: even where all is as it was,
    /// there may have been a rollback in between.
    pub(crate) async fn run(self, mut stopped: watch::Receiver<()>) {
        self.metrics.limits(&self.settings.limits);
        let (process, mut changes) = (Uuid::now_v7(), self.router.changes());
        let mut routing = self.router.routing();
        let (mut since, mut begun, mut windows) = (Instant::now(), Instant::now(), 0_u32);
        loop {
            let end = tokio::select! {
                _ = stopped.changed() => End::Stopped,
                next = next_routing(&mut changes, &routing) => next.map_or(End::Stopped, End::NewRouting),
                () = tokio::time::sleep_until((begun + self.settings.window).into()) => End::Time,
            };
            let (seen, length) = (self.windows.take(), begun.elapsed());
            begun = Instant::now();
            let written = self.watch.write(process, length, &seen).await;
            match end {
                End::Stopped => return,
                End::NewRouting(next) => (routing, since) = (next, begun),
                End::Time => {}
            }
            let looked = match written {
                Ok(()) => self.look_and_judge(&routing, since).await,
                Err(error) => Err(error),
            };
            if let Err(error) = looked {
                self.metrics.lost();
                tracing::warn!(error = %describe(&error), "what was seen of the reads could not be judged");
            }
            windows = windows.wrapping_add(1);
            if windows % PRUNE_EVERY == 1 {
                self.prune().await;
            }
        }
    }

    /// Looks at what all processes saw since reads are led this way, and rolls back where a limit was passed.
    async fn look_and_judge(&self, routing: &Arc<Routing>, since: Instant) -> Result<(), ViewError> {
        let Watching { window, limits, .. } = &self.settings;
        let seen = self.watch.look_back(*window, since.elapsed()).await?;
        let judgement = routing.is_guarded().then(|| {
            // Where the last window holds too little, those before it may say more; and what one of them proved stays true.
            let (last, longer) = (evaluate(&seen.last, limits), evaluate(&seen.longer, limits));
            match (&last, &longer) {
                (GuardrailVerdict::Tripped(_), _) => last,
                (_, GuardrailVerdict::Tripped(_)) => longer,
                (GuardrailVerdict::Inconclusive(_), _) => longer,
                (GuardrailVerdict::Fine, _) => last,
            }
        });
        self.metrics.judged(&seen.longer, judgement.as_ref());
        match &judgement {
            Some(GuardrailVerdict::Tripped(trip)) => self.trip(trip, routing).await,
            Some(GuardrailVerdict::Fine | GuardrailVerdict::Inconclusive(_)) | None => {}
        }
        self.latest.set(Judged { seen, judgement });
        Ok(())
    }

    async fn trip(&self, trip: &Breach, routing: &Arc<Routing>) {
        // What was judged was seen under this routing; if there is another by now, it says nothing. The write side knows of a
        // rollback of this process's own before the router does.
        let is_another = !Arc::ptr_eq(&self.router.routing(), routing);
        if is_another || !self.commands.routing().is_guarded() {
            return;
        }
        let (guardrail, found, limit) = (trip.guardrail.as_str(), &trip.found, &trip.limit);
        tracing::error!(guardrail, %found, %limit, "a guardrail tripped: reads go back to the legacy view");
        self.metrics.tripped(trip.guardrail);
        let tripped = GuardrailTripped {
            guardrail: trip.guardrail,
            model: trip.model,
            found: trip.found.clone(),
            limit: trip.limit.clone(),
            window_seconds: whole_seconds(self.settings.window),
        };
        let origin = Origin { correlation: Some(Uuid::now_v7()), ..Origin::from_actor(Actor::named(ACTOR)) };
        if let Err(error) = self.commands.change_routing(RoutingCommand::TripGuardrail(tripped), origin).await
        {
            tracing::error!(error = %describe(&error), "reads could not be rolled back; trying again after the next window");
        }
    }

    async fn prune(&self) {
        if let Err(error) = async { self.watch.prune().await.and(self.shadow.prune().await) }.await {
            tracing::warn!(error = %describe(&error), "what was seen of the reads long ago could not be dropped");
        }
    }
}

/// Waits for another routing; none where nobody follows it any more.
async fn next_routing(
    changes: &mut watch::Receiver<Arc<Routing>>,
    routing: &Arc<Routing>,
) -> Option<Arc<Routing>> {
    let next = changes.wait_for(|next| !Arc::ptr_eq(next, routing)).await;
    next.ok().map(|next| Arc::clone(&next))
}

/// Rounded up, so that a short window is not told as none.
fn whole_seconds(length: Duration) -> u32 {
    u32::try_from(length.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}
