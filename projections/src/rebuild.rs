//! Rebuild: a new generation next to the live one, built from the whole log.
//!
//! The log is read into memory, one history per reservation. The rows are copied into tables without keys and indexes,
//! which are added afterwards. The new generation then catches up, is compared with the other view at one position, and
//! goes live with an update of one row. Readers never see a half-built view, and a failed rebuild does not touch the
//! live one.

mod batch_build;
mod discarding;
mod dry_run;
mod erasure;
mod former;
mod loading;
mod memory_budget;
mod passes;
mod past;
mod phase_clock;
mod progress_recorder;
mod promotion;
mod rebuild_interpreter;
mod replay;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daybook_domain::ReadModel;
use daybook_event_log::{EventLog, Filter, Position, RecordedEvent};
use daybook_vault::Vault;
use deadpool_postgres::{Client, ClientWrapper, Object, Pool};
use futures_util::StreamExt;
use futures_util::future::join;
use serde::Serialize;

use crate::control::error::{ViewError, describe};
use crate::control::ids::{Generation, GenerationState};
use crate::control::{generation, locks};
use crate::live::parked;
use crate::live::projector::{FailurePolicy, Projector};
use crate::projection::canonical::Digest;
use crate::projection::histories::Histories;
use crate::read::routing;
use crate::store::published_schemas;
use crate::store::tables::{self, Indexes};

pub use discarding::DiscardReport;
pub use dry_run::{DryRun, DryRunView};
pub use erasure::{ErasureReport, FORGET_GRACE, RewriteReport};
use memory_budget::MemoryBudget;
pub use memory_budget::{DEFAULT_MEMORY_BYTES, LEAST_MEMORY_BYTES};
use passes::Passes;
pub use past::{GenerationName, InvalidGenerationName, PastReport, PointInTime};
use phase_clock::PhaseClock;
pub use phase_clock::{Listener, Phase, Progress};
use progress_recorder::ProgressRecorder;
pub use rebuild_interpreter::{FailingEvent, FailingEvents, MAX_FAILING_EVENTS};
use replay::{ReplaySource, finished};

/// Most events in a batch while catching up.
const CATCH_UP_BATCH: usize = 1000;

/// Most rounds of catching up. The last round runs while the live views are locked.
const MAX_CATCH_UP_ROUNDS: usize = 20;

/// A rebuilt view that is at most this many events behind is promoted: the live views are locked only briefly.
const SMALL_REST: usize = 100;

/// How long a promotion waits for the live views to reach the new generation's position.
const LIVE_WAIT: Duration = Duration::from_secs(60);

/// Former generations of a view that are kept by default.
pub const KEEP: usize = 1;

/// How long a replaced generation may still be read: by requests in progress, and by processes that have not seen the
/// promotion yet.
pub const LAST_READERS: Duration = Duration::from_secs(30);

/// How long a first start waits for another process's rebuild, and how often it checks.
const OTHER_REBUILD_WAIT: Duration = Duration::from_secs(600);
const OTHER_REBUILD_PAUSE: Duration = Duration::from_millis(100);

/// The result of a rebuild.
#[derive(Debug, Clone, Serialize)]
pub struct RebuildReport {
    /// The generations that are live now.
    pub generations: Vec<Generation>,
    /// Position at which they were promoted.
    pub position: Position,
    pub events: u64,
    pub reservations: u64,
    /// Digest of each view's canonical reservations, by generation.
    pub digests: BTreeMap<String, Digest>,
    /// Whether it was compared with the other view.
    pub compared: bool,
    pub seconds: BTreeMap<&'static str, f64>,
    /// Events that the new generations lack, because they cannot be applied.
    pub parked: FailingEvents,
    /// Whether the plain-named schemas already show the new generation.
    pub people_views_refreshed: bool,
}

/// Rebuilds views.
#[derive(Debug, Clone)]
pub struct Rebuild {
    log: Arc<dyn EventLog>,
    vault: Vault,
    pool: Pool,
    keep: usize,
    last_readers: Duration,
    memory_bytes: usize,
    policy: FailurePolicy,
}

impl Rebuild {
    /// A rebuild over a log and the views' database. `keep` former generations of each view are kept.
    pub fn new(log: Arc<dyn EventLog>, vault: Vault, pool: Pool, keep: usize) -> Self {
        let (memory_bytes, policy) = (DEFAULT_MEMORY_BYTES, FailurePolicy::AsLive);
        Self { log, vault, pool, keep, last_readers: LAST_READERS, memory_bytes, policy }
    }

    /// Sets how long a replaced generation may still be read before it is dropped. With a shorter time than
    /// [`LAST_READERS`], reads in progress may fail.
    #[must_use]
    pub fn with_last_readers(self, last_readers: Duration) -> Self {
        Self { last_readers, ..self }
    }

    /// Limits the memory. With less memory the log is read more often; too little memory never fails a rebuild.
    #[must_use]
    pub fn within(self, memory_bytes: usize) -> Self {
        Self { memory_bytes, ..self }
    }

    /// Parks every event that cannot be applied. Otherwise a rebuild parks only those that the live generation has parked,
    /// and stops at any other: no live view loses an event by a rebuild.
    #[must_use]
    pub fn parking(self) -> Self {
        Self { policy: FailurePolicy::Park, ..self }
    }

    /// Builds the views that have no live generation, as on first start, and returns what it built. A retired view does
    /// not count as missing. Events that cannot be applied are parked: a view without them is better than none.
    ///
    /// If another process is rebuilding, this waits for it.
    pub async fn missing(&self) -> Result<Option<RebuildReport>, ViewError> {
        let since = Instant::now();
        loop {
            let (routing, _) = routing::read(&*self.log).await?;
            let live = generation::live(&self.client().await?).await?;
            let is_live = |model: &ReadModel| live.iter().any(|status| status.generation.model == *model);
            let missing: Vec<ReadModel> = routing.in_use().filter(|model| !is_live(model)).collect();
            if missing.is_empty() {
                return Ok(None);
            }
            match self.clone().parking().run(&missing, &|_| {}).await {
                Err(ViewError::RebuildUnderWay) if since.elapsed() < OTHER_REBUILD_WAIT => {
                    tokio::time::sleep(OTHER_REBUILD_PAUSE).await;
                }
                outcome => return outcome.map(Some),
            }
        }
    }

    /// Drops the remains of a rebuild that was killed. Does nothing while a rebuild runs.
    pub async fn clean_up(&self) -> Result<(), ViewError> {
        match self.alone(self.sweep()).await {
            Err(ViewError::RebuildUnderWay) => Ok(()),
            outcome => outcome,
        }
    }

    /// Rebuilds views and promotes them.
    ///
    /// # Errors
    /// [`ViewError::Retired`] if one of the views is retired; otherwise the failure of the rebuild.
    pub async fn run(
        &self,
        models: &[ReadModel],
        progress: Listener<'_>,
    ) -> Result<RebuildReport, ViewError> {
        self.alone(async {
            self.check_in_use(models).await?;
            self.run_alone(models, progress).await
        })
        .await
    }

    /// Checks that none of the views is retired: no reader would be routed to it, and the next retirement would drop
    /// it.
    async fn check_in_use(&self, models: &[ReadModel]) -> Result<(), ViewError> {
        let (routing, _) = routing::read(&*self.log).await?;
        let retired = models.iter().copied().find(|model| routing.is_retired(*model));
        retired.map_or(Ok(()), |model| Err(ViewError::Retired { model }))
    }

    /// Runs `work` under the rebuild lock.
    async fn alone<T>(&self, work: impl Future<Output = Result<T, ViewError>>) -> Result<T, ViewError> {
        let lock = self.lock().await?;
        let outcome = work.await;
        Self::unlock(&lock).await;
        outcome
    }

    /// Releases the lock explicitly. The server notices a closed connection a moment late, and the next rebuild must
    /// not be refused because of that. If this fails, the lock ends with the connection.
    pub async fn unlock(lock: &ClientWrapper) {
        drop(lock.execute("SELECT pg_advisory_unlock($1)", &[&locks::REBUILD]).await);
    }

    /// Rebuilds views, retired or not. The caller holds the lock.
    pub async fn run_alone(
        &self,
        models: &[ReadModel],
        progress: Listener<'_>,
    ) -> Result<RebuildReport, ViewError> {
        self.sweep().await?;
        let client = self.client().await?;
        let generations = self.begin(&client, models).await?;
        let built = self.build(&generations, progress).await;
        self.fail_where_broken(&client, &generations, built).await
    }

    /// Inserts a new generation of each view.
    async fn begin(&self, client: &Client, models: &[ReadModel]) -> Result<Vec<Generation>, ViewError> {
        let mut generations = Vec::with_capacity(models.len());
        for model in models {
            generations.push(generation::insert(client, *model).await?);
        }
        Ok(generations)
    }

    /// Returns the result of building generations. If it is an error, the generations are marked as failed.
    async fn fail_where_broken<T>(
        &self,
        client: &Client,
        generations: &[Generation],
        built: Result<T, ViewError>,
    ) -> Result<T, ViewError> {
        if let Err(error) = &built {
            for generation in generations {
                parked::record_failure(client, *generation, error).await?;
                generation::mark_failed(client, *generation).await?;
                // Nobody will read its rows, and they hold patients' details.
                tables::drop(client, *generation).await?;
            }
        }
        built
    }

    async fn build(
        &self,
        generations: &[Generation],
        progress: Listener<'_>,
    ) -> Result<RebuildReport, ViewError> {
        let mut clock = PhaseClock::new(progress);
        let _record = ProgressRecorder::start(&self.pool, generations, &clock);
        let position = self.log.head().await?;
        let last = self.fill(generations, position, &mut clock).await?;
        let report = self.put_in_place(generations, position, clock).await;
        // Freeing memory takes a while, so it happens after everything that somebody waits for.
        last.map(loading::release);
        report
    }

    /// Fills new generations with all events up to a position: from histories, or batch by batch if an event cannot be
    /// applied. Returns the histories of the last pass, to be freed by the caller.
    async fn fill(
        &self,
        generations: &[Generation],
        position: Position,
        clock: &mut PhaseClock<'_>,
    ) -> Result<Option<Arc<Histories>>, ViewError> {
        let error = match self.fill_from_histories(generations, position, clock).await {
            Err(error) if batch_build::may_go_on(self, &error).await? => error,
            outcome => return outcome,
        };
        tracing::warn!(error = %describe(&error), "an event cannot be applied; building the views batch by batch");
        clock.start(Phase::Loading);
        batch_build::fill(self, generations, position, clock).await?;
        Ok(None)
    }

    /// Fills new generations from histories and creates their keys and indexes.
    async fn fill_from_histories(
        &self,
        generations: &[Generation],
        position: Position,
        clock: &mut PhaseClock<'_>,
    ) -> Result<Option<Arc<Histories>>, ViewError> {
        let mut passes = Passes::new(self.source(position).await?);
        clock.start(Phase::Reading);
        let first = passes.next(clock);
        // Both to their end: a statement goes on in the server when nobody waits for it any more.
        let (first, created) = join(first, loading::create(&self.pool, generations)).await;
        created?;
        let mut next = first?;
        let mut last = None;
        while let Some(histories) = next {
            clock.start(Phase::Loading);
            let histories = Arc::new(histories);
            loading::load(&self.pool, generations, &histories).await?;
            if passes.are_done() {
                last = Some(histories);
                break;
            }
            finished(loading::release(histories)).await?;
            clock.start(Phase::Reading);
            next = passes.next(clock).await?;
        }
        loading::stand_at(&self.pool, generations, position).await?;
        clock.start(Phase::Indexing);
        let (routing, _) = routing::read(&*self.log).await?;
        loading::index(&self.pool, generations, Indexes::under(&routing)).await?;
        Ok(last)
    }

    /// The input of a replay up to a position.
    async fn source(&self, to: Position) -> Result<ReplaySource, ViewError> {
        Ok(ReplaySource {
            log: Arc::clone(&self.log),
            vault: self.vault.clone(),
            to,
            memory: MemoryBudget::new(self.memory_bytes),
            discarded: parked::discarded(&self.client().await?).await?,
            failures: None,
            keys: None,
        })
    }

    /// Lets generations catch up from a position, compares them and promotes them.
    async fn put_in_place(
        &self,
        generations: &[Generation],
        position: Position,
        mut clock: PhaseClock<'_>,
    ) -> Result<RebuildReport, ViewError> {
        clock.start(Phase::CatchingUp);
        let client = self.client().await?;
        let mut projector = Projector::at(&self.log, &self.vault, &client, generations, position).await?;
        drop(client);
        self.catch_up(&mut projector, generations).await?;
        clock.start(Phase::Promoting);
        let promoted = promotion::promote(self, &mut projector, generations).await?;
        let parked = FailingEvents::parked_in(&self.client().await?, generations).await?;
        let people_views_refreshed = published_schemas::refresh(&self.pool, generations).await;
        if people_views_refreshed {
            self.drop_old().await?;
        }
        if promoted.left_behind {
            tokio::time::sleep(self.last_readers).await;
            self.sweep().await?;
        }
        Ok(RebuildReport {
            generations: generations.to_vec(),
            position: promoted.position,
            events: clock.events,
            reservations: promoted.reservations,
            digests: promoted.digests,
            compared: promoted.compared,
            seconds: clock.finish(),
            parked,
            people_views_refreshed,
        })
    }

    /// Points the schemas for people at the live generations when a process starts: an earlier release may not have
    /// created them, the last promotion may have been killed before that step, or somebody may have been reading them.
    /// If it fails, the next promotion does it.
    pub async fn refresh_people(&self) {
        if let Err(error) = published_schemas::show_what_serves(&self.pool).await {
            tracing::warn!(error = %describe(&error), "the views for people were not refreshed");
        }
    }

    /// Promotes a kept generation again after it has caught up. If that fails, it stays kept, only further ahead.
    ///
    /// # Errors
    /// [`ViewError::NotKept`] if it is not a kept generation; otherwise as [`Self::run`].
    pub async fn promote_again(
        &self,
        generation: Generation,
        progress: Listener<'_>,
    ) -> Result<RebuildReport, ViewError> {
        self.alone(self.promote_kept(generation, progress)).await
    }

    async fn promote_kept(
        &self,
        generation: Generation,
        progress: Listener<'_>,
    ) -> Result<RebuildReport, ViewError> {
        self.check_in_use(&[generation.model]).await?;
        let client = self.client().await?;
        let status = generation::list(&client).await?.into_iter().find(|one| one.generation == generation);
        let (state, position) = status.map(|status| (status.state, status.position)).unzip();
        let is_whole = state == Some(GenerationState::Kept) && tables::exist(&client, generation).await?;
        let Some(position) = position.filter(|_| is_whole) else {
            return Err(ViewError::NotKept { generation, state });
        };
        promotion::check_whole(&client, &[generation]).await?;
        promotion::check_discards(&client, generation).await?;
        let clock = PhaseClock::new(progress);
        let _record = ProgressRecorder::start(&self.pool, &[generation], &clock);
        self.put_in_place(&[generation], position, clock).await
    }

    /// Applies the events that were appended meanwhile, until only a few are left.
    async fn catch_up(&self, projector: &mut Projector, generations: &[Generation]) -> Result<(), ViewError> {
        for _ in 0..MAX_CATCH_UP_ROUNDS {
            let head = self.log.head().await?;
            if self.advance_to(projector, generations, head).await? <= SMALL_REST {
                break;
            }
        }
        Ok(())
    }

    /// Advances generations that are being built to a position. Returns the number of events.
    async fn advance_to(
        &self,
        projector: &mut Projector,
        generations: &[Generation],
        to: Position,
    ) -> Result<usize, ViewError> {
        // Fused, because it is polled once more after its end.
        let mut events = self.log.read_all(projector.position(), &Filter::all()).await?.fuse();
        let mut count = 0;
        loop {
            let mut batch: Vec<RecordedEvent> = Vec::new();
            while batch.len() < CATCH_UP_BATCH {
                match events.next().await.transpose()? {
                    Some(event) if event.position <= to => batch.push(event),
                    Some(_) | None => break,
                }
            }
            if batch.is_empty() {
                return Ok(count);
            }
            count += batch.len();
            let mut client = self.client().await?;
            let transaction = client.transaction().await?;
            projector.move_building(transaction, generations, &batch, self.policy).await?;
        }
    }

    /// Takes the rebuild lock on a connection of its own. The lock ends with the connection.
    pub async fn lock(&self) -> Result<ClientWrapper, ViewError> {
        let client = Object::take(self.client().await?);
        let row = client.query_one("SELECT pg_try_advisory_lock($1)", &[&locks::REBUILD]).await?;
        if row.try_get(0)? { Ok(client) } else { Err(ViewError::RebuildUnderWay) }
    }

    /// Drops the remains of interrupted rebuilds, and marks live generations whose tables somebody dropped. The caller
    /// holds the lock.
    async fn sweep(&self) -> Result<(), ViewError> {
        let client = self.client().await?;
        for status in generation::list(&client).await? {
            match status.state {
                GenerationState::Building | GenerationState::Failed => {
                    tables::drop_generation(&client, status.generation).await?
                }
                GenerationState::Live if !tables::exist(&client, status.generation).await? => {
                    generation::mark_failed(&client, status.generation).await?;
                }
                GenerationState::Live | GenerationState::Kept | GenerationState::Past => {}
            }
        }
        Ok(())
    }

    async fn client(&self) -> Result<Client, ViewError> {
        Ok(self.pool.get().await?)
    }
}
