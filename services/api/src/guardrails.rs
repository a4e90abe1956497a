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
    GuardrailTripped, Inconclusive, Judgement, Routing, RoutingCommand, Share, Stage, Trip, judge,
};
use daybook_projections::shadow::Shadow;
use daybook_projections::watch::{LookBack, Watch};
use daybook_projections::{Router, ViewError, describe};
use tokio::sync::watch;
use uuid::Uuid;

use crate::metrics::GuardMetrics;
use crate::settings::Watching;
use crate::windows::Windows;

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
    pub(crate) judgement: Option<Judgement>,
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
    pub(crate) windows: Arc<Windows>,
    pub(crate) watch: Watch,
    pub(crate) shadow: Shadow,
    pub(crate) router: Router,
    pub(crate) commands: Commands,
    pub(crate) metrics: GuardMetrics,
    pub(crate) latest: Latest,
}

/// How reads are led: a window is cut where that changes, so that each tells of one way.
#[derive(Debug, Clone, PartialEq)]
struct Way {
    share: Share,
    stage: Stage,
    is_guarded: bool,
}

impl Way {
    fn of(routing: &Routing) -> Self {
        Self { share: routing.share, stage: routing.stage, is_guarded: routing.is_guarded() }
    }
}

/// What ended a window.
enum End {
    Time,
    NewWay(Way),
    Stopped,
}

impl Guard {
    /// Goes on until the other end of the channel is dropped.
    pub(crate) async fn run(self, mut stopped: watch::Receiver<()>) {
        self.metrics.limits(&self.settings.limits);
        let (process, mut routing) = (Uuid::now_v7(), self.router.changes());
        let mut way = Way::of(&routing.borrow_and_update());
        let (mut since, mut begun, mut windows) = (Instant::now(), Instant::now(), 0_u32);
        loop {
            let end = tokio::select! {
                _ = stopped.changed() => End::Stopped,
                new_way = next_way(&mut routing, &way) => new_way.map_or(End::Stopped, End::NewWay),
                () = tokio::time::sleep_until((begun + self.settings.window).into()) => End::Time,
            };
            let (seen, length) = (self.windows.take(), begun.elapsed());
            begun = Instant::now();
            let written = self.watch.write(process, length, &seen).await;
            match end {
                End::Stopped => return,
                End::NewWay(new_way) => (way, since) = (new_way, begun),
                End::Time => {}
            }
            let looked = match written {
                Ok(()) => self.look_and_judge(&way, since).await,
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
    async fn look_and_judge(&self, way: &Way, since: Instant) -> Result<(), ViewError> {
        let Watching { window, limits, .. } = &self.settings;
        let seen = self.watch.look_back(*window, since.elapsed()).await?;
        let judgement = way.is_guarded.then(|| {
            // Where the last window holds too little, those before it may say more; and what one of them proved stays true.
            let (last, longer) =
                (judge(&seen.last, way.share, limits), judge(&seen.longer, way.share, limits));
            match (&last, &longer) {
                (Judgement::Tripped(_), _) => last,
                (_, Judgement::Tripped(_)) => longer,
                (Judgement::Inconclusive(Inconclusive::TooFewRequests { .. }), _) => longer,
                (Judgement::Fine | Judgement::Inconclusive(_), _) => last,
            }
        });
        self.metrics.judged(&seen.longer, judgement.as_ref());
        match &judgement {
            Some(Judgement::Tripped(trip)) => self.trip(trip, way).await,
            Some(Judgement::Inconclusive(odd @ Inconclusive::SampleRatio { .. })) => {
                tracing::warn!(found = %odd, "subjects are not led as their shares say; guardrails hold");
            }
            Some(Judgement::Fine | Judgement::Inconclusive(_)) | None => {}
        }
        self.latest.set(Judged { seen, judgement });
        Ok(())
    }

    async fn trip(&self, trip: &Trip, way: &Way) {
        // What was judged was seen while reads were led this way; if they no longer are, it says nothing.
        if Way::of(&self.router.routing()) != *way {
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
        let origin = Origin { correlation: Some(Uuid::now_v7()), ..Origin::of(Actor::named(ACTOR)) };
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

/// Waits until reads are led another way; none where nobody follows the routing any more.
async fn next_way(routing: &mut watch::Receiver<Arc<Routing>>, way: &Way) -> Option<Way> {
    let changed = routing.wait_for(|routing| Way::of(routing) != *way).await;
    changed.ok().map(|routing| Way::of(&routing))
}

/// Rounded up, so that a short window is not told as none.
fn whole_seconds(length: Duration) -> u32 {
    u32::try_from(length.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}
