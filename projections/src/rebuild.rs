//! Rebuild: a new generation beside the live one, from the whole log.
//!
//! The log is streamed and gathered in memory, reservation by reservation; the rows go by COPY into tables without keys and
//! indexes, which follow; the new generation catches up, is compared with the other view at one position, and takes over in
//! one row. Readers never see a half-built view, and a rebuild that fails leaves the live one alone.

mod clock;
mod culprit;
mod histories;
mod intake;
mod loading;
mod memory;
mod pages;
mod passes;
mod past;
pub mod people;
mod promotion;
mod reading;
mod record;
mod trial;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use daybook_domain::ReadModel;
use daybook_event_log::vault::Vault;
use daybook_event_log::{EventLog, Filter, Position, RecordedEvent};
use deadpool_postgres::{Client, ClientWrapper, Object, Pool};
use futures_util::StreamExt;
use futures_util::future::{try_join, try_join_all};
use serde::Serialize;

use crate::ViewError;
use crate::control::generation::{self, Generation, GenerationState};
use crate::live::parked;
use crate::live::projector::Projector;
use crate::projection::canonical::Digest;
use crate::read::router;
use crate::store::tables::{self, Indexes};

use clock::PhaseClock;
pub use clock::{Listener, Phase, Progress};
pub(crate) use histories::Histories;
pub use intake::{Failing, Failings, MAX_FAILINGS};
use memory::Memory;
pub use memory::{DEFAULT_MEMORY_BYTES, LEAST_MEMORY_BYTES};
use passes::Passes;
pub use past::{InvalidName, Name, PastReport, Until};
use reading::{Source, finished};
use record::Record;
pub use trial::{Trial, TrialView};

/// Advisory lock that a rebuild holds.
pub(crate) const REBUILD_LOCK: i64 = i64::from_be_bytes(*b"dayview\x02");

/// Events of a batch while catching up, at most.
const CATCH_UP_BATCH: usize = 1000;

/// Rounds of catching up before the last one is done with the live views held still.
const MAX_CATCH_UP_ROUNDS: usize = 20;

/// A rebuilt view that is behind by no more than this is promoted: the live views stand still for so few events.
const SMALL_REST: usize = 100;

/// How long a promotion waits for the live views to come to where the new generation stands.
const LIVE_WAIT: Duration = Duration::from_secs(60);

/// Generations of a view that are kept once they no longer serve, unless told otherwise.
pub const KEEP: usize = 1;

/// How long after it was replaced a generation may still be read, by requests that were on their way and by processes
/// that have not seen the flip yet.
pub const LAST_READERS: Duration = Duration::from_secs(30);

/// How long a first start waits for the rebuild of another process, and how often it looks.
const OTHER_REBUILD_WAIT: Duration = Duration::from_secs(600);
const OTHER_REBUILD_PAUSE: Duration = Duration::from_millis(100);

/// What a rebuild did.
#[derive(Debug, Clone, Serialize)]
pub struct RebuildReport {
    /// The generations that now serve.
    pub generations: Vec<Generation>,
    /// Position at which they were promoted.
    pub position: Position,
    /// Events read.
    pub events: u64,
    /// Reservations in each.
    pub reservations: u64,
    /// Digest of each view's facts.
    pub digests: BTreeMap<String, Digest>,
    /// Whether it was compared with the other view.
    pub compared: bool,
    /// Seconds by phase.
    pub seconds: BTreeMap<&'static str, f64>,
    /// Whether the plain-named views for people show the new generation already.
    pub people_views_refreshed: bool,
}

/// Rebuilds views.
#[derive(Debug, Clone)]
pub struct Rebuild {
    log: Arc<dyn EventLog>,
    vault: Vault,
    pool: Pool,
    keep: usize,
    memory_bytes: usize,
}

impl Rebuild {
    /// A rebuild over a log and the views' database that keeps so many former generations of a view.
    pub fn new(log: Arc<dyn EventLog>, vault: Vault, pool: Pool, keep: usize) -> Self {
        Self { log, vault, pool, keep, memory_bytes: DEFAULT_MEMORY_BYTES }
    }

    /// The same within so many bytes of memory. With less of it the log is read more often; it never fails for want of it.
    #[must_use]
    pub fn within(self, memory_bytes: usize) -> Self {
        Self { memory_bytes, ..self }
    }

    /// Builds the views that have no live generation, as at the first start. Gives what it built. A view that is retired is
    /// not missing.
    ///
    /// Where another process does so at the same time, waits for it.
    pub async fn missing(&self) -> Result<Option<RebuildReport>, ViewError> {
        let since = Instant::now();
        loop {
            let (routing, _) = router::read(&*self.log).await?;
            let live = generation::live(&self.client().await?).await?;
            let is_live = |model: &ReadModel| live.iter().any(|standing| standing.generation.model == *model);
            let missing: Vec<ReadModel> = routing.in_use().filter(|model| !is_live(model)).collect();
            if missing.is_empty() {
                return Ok(None);
            }
            match self.run(&missing, &|_| {}).await {
                Err(ViewError::RebuildUnderWay) if since.elapsed() < OTHER_REBUILD_WAIT => {
                    tokio::time::sleep(OTHER_REBUILD_PAUSE).await;
                }
                outcome => return outcome.map(Some),
            }
        }
    }

    /// Drops what a rebuild left behind that was killed half-way. Does nothing where one is under way.
    pub async fn clean_up(&self) -> Result<(), ViewError> {
        match self.alone(self.sweep()).await {
            Err(ViewError::RebuildUnderWay) => Ok(()),
            outcome => outcome,
        }
    }

    /// Rebuilds views and lets them serve.
    ///
    /// # Errors
    /// [`ViewError::Retired`] where one of them is retired; what stopped the rebuild otherwise.
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

    /// Makes sure that none of the views is retired: nobody would be led to it, and the next retirement would drop it.
    async fn check_in_use(&self, models: &[ReadModel]) -> Result<(), ViewError> {
        let (routing, _) = router::read(&*self.log).await?;
        let retired = models.iter().copied().find(|model| routing.is_retired(*model));
        retired.map_or(Ok(()), |model| Err(ViewError::Retired { model }))
    }

    /// Does what only one process may do at a time, under the lock.
    async fn alone<T>(&self, work: impl Future<Output = Result<T, ViewError>>) -> Result<T, ViewError> {
        let lock = self.lock().await?;
        let outcome = work.await;
        Self::unlock(&lock).await;
        outcome
    }

    /// Gives the lock back. The server sees a moment late that a connection was closed; the next rebuild must not be refused
    /// for that. Where this is not answered, the lock ends with the connection.
    pub async fn unlock(lock: &ClientWrapper) {
        drop(lock.execute("SELECT pg_advisory_unlock($1)", &[&REBUILD_LOCK]).await);
    }

    /// Rebuilds views, whether retired or not. Under the lock.
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

    /// Enters a new generation of each view.
    async fn begin(&self, client: &Client, models: &[ReadModel]) -> Result<Vec<Generation>, ViewError> {
        let mut generations = Vec::with_capacity(models.len());
        for model in models {
            generations.push(generation::begin(client, *model).await?);
        }
        Ok(generations)
    }

    /// Hands on what came of building generations; where that is an error, they have failed.
    async fn fail_where_broken<T>(
        &self,
        client: &Client,
        generations: &[Generation],
        built: Result<T, ViewError>,
    ) -> Result<T, ViewError> {
        let built = match built {
            // What PostgreSQL refuses in the middle of a COPY has no name yet.
            Err(error) if error.refused_value().is_some() => {
                Err(culprit::find(self, generations, error).await)
            }
            built => built,
        };
        if let Err(error) = &built {
            for generation in generations {
                parked::note_stop(client, *generation, error).await?;
                generation::fail(client, *generation).await?;
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
        let _record = Record::start(&self.pool, generations, &clock);
        let position = self.log.head().await?;
        let last = self.fill(generations, position, &mut clock).await?;
        let report = self.put_in_place(generations, position, clock).await;
        // Only now, when nobody waits for it any more.
        last.map(loading::release);
        report
    }

    /// Fills new generations with everything up to a position, and makes their keys and indexes. Gives what the last pass
    /// gathered, to be released.
    async fn fill(
        &self,
        generations: &[Generation],
        position: Position,
        clock: &mut PhaseClock<'_>,
    ) -> Result<Option<Arc<Histories>>, ViewError> {
        let mut passes = Passes::new(self.source(position).await?);
        clock.enter(Phase::Reading);
        let first = passes.next(clock);
        let (mut next, ()) = try_join(first, loading::create(&self.pool, generations)).await?;
        let mut last = None;
        while let Some(histories) = next {
            clock.enter(Phase::Loading);
            let histories = Arc::new(histories);
            loading::load(&self.pool, generations, &histories).await?;
            if passes.are_done() {
                last = Some(histories);
                break;
            }
            finished(loading::release(histories)).await;
            clock.enter(Phase::Reading);
            next = passes.next(clock).await?;
        }
        loading::stand_at(&self.pool, generations, position).await?;
        clock.enter(Phase::Indexing);
        let (routing, _) = router::read(&*self.log).await?;
        loading::index(&self.pool, generations, Indexes::under(&routing)).await?;
        Ok(last)
    }

    /// What a replay up to a position reads.
    async fn source(&self, to: Position) -> Result<Source, ViewError> {
        Ok(Source {
            log: Arc::clone(&self.log),
            vault: self.vault.clone(),
            to,
            memory: Memory::new(self.memory_bytes),
            discarded: parked::discarded(&self.client().await?).await?,
            found: None,
            keys: None,
        })
    }

    /// Lets generations that stand at a position catch up, compares them and lets them serve.
    async fn put_in_place(
        &self,
        generations: &[Generation],
        position: Position,
        mut clock: PhaseClock<'_>,
    ) -> Result<RebuildReport, ViewError> {
        clock.enter(Phase::CatchingUp);
        let client = self.client().await?;
        let mut projector = Projector::at(&self.log, &self.vault, &client, generations, position).await?;
        drop(client);
        self.catch_up(&mut projector, generations).await?;
        clock.enter(Phase::Promoting);
        let promoted = promotion::promote(self, &mut projector, generations).await?;
        let people_views_refreshed = people::refresh(&self.pool, generations).await;
        if people_views_refreshed {
            self.drop_old().await?;
        }
        Ok(RebuildReport {
            generations: generations.to_vec(),
            position: promoted.position,
            events: clock.events,
            reservations: promoted.reservations,
            digests: promoted.digests,
            compared: promoted.compared,
            seconds: clock.finish(),
            people_views_refreshed,
        })
    }

    /// Lets a kept generation serve again, once it holds what was appended since. It never ceases to be there: where this
    /// fails, it is kept as it was, only further on.
    ///
    /// # Errors
    /// [`ViewError::NotKept`] where it is no kept generation; otherwise as [`Self::run`].
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
        let standing = generation::list(&client).await?.into_iter().find(|one| one.generation == generation);
        let (state, position) = standing.map(|standing| (standing.state, standing.position)).unzip();
        let is_whole = state == Some(GenerationState::Kept) && tables::exist(&client, generation).await?;
        let Some(position) = position.filter(|_| is_whole) else {
            return Err(ViewError::NotKept { generation, state });
        };
        promotion::check_whole(&client, &[generation]).await?;
        promotion::check_discards(&client, generation).await?;
        let clock = PhaseClock::new(progress);
        let _record = Record::start(&self.pool, &[generation], &clock);
        self.put_in_place(&[generation], position, clock).await
    }

    /// Takes in what was appended meanwhile, until little is left.
    async fn catch_up(&self, projector: &mut Projector, generations: &[Generation]) -> Result<(), ViewError> {
        for _ in 0..MAX_CATCH_UP_ROUNDS {
            let head = self.log.head().await?;
            if self.advance_to(projector, generations, head).await? <= SMALL_REST {
                break;
            }
        }
        Ok(())
    }

    /// Moves generations that are being built on to a position. Gives the number of events that were taken in.
    async fn advance_to(
        &self,
        projector: &mut Projector,
        generations: &[Generation],
        to: Position,
    ) -> Result<usize, ViewError> {
        // Asked once more after its end, for the batch behind the last one.
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
            projector.move_building(client.transaction().await?, generations, &batch).await?;
        }
    }

    /// Takes the lock for rebuilds, on a connection of its own: it ends with it.
    pub async fn lock(&self) -> Result<ClientWrapper, ViewError> {
        let client = Object::take(self.client().await?);
        let row = client.query_one("SELECT pg_try_advisory_lock($1)", &[&REBUILD_LOCK]).await?;
        if row.try_get(0)? { Ok(client) } else { Err(ViewError::RebuildUnderWay) }
    }

    /// Drops what interrupted rebuilds left, and marks live generations whose tables somebody dropped. Under the lock.
    async fn sweep(&self) -> Result<(), ViewError> {
        let client = self.client().await?;
        for standing in generation::list(&client).await? {
            match standing.state {
                GenerationState::Building | GenerationState::Failed => {
                    generation::drop(&client, standing.generation).await?
                }
                GenerationState::Live if !tables::exist(&client, standing.generation).await? => {
                    generation::fail(&client, standing.generation).await?;
                }
                GenerationState::Live | GenerationState::Kept | GenerationState::Past => {}
            }
        }
        Ok(())
    }

    /// Drops the oldest kept generations of each view beyond the number that is kept.
    async fn drop_old(&self) -> Result<(), ViewError> {
        let client = self.client().await?;
        let mut by_model: BTreeMap<ReadModel, Vec<Generation>> = BTreeMap::new();
        for standing in generation::list(&client).await? {
            let since = standing.replaced_at.map(|at| (Utc::now() - at).to_std().unwrap_or_default());
            let unread = since.is_some_and(|since| since > LAST_READERS);
            if standing.state == GenerationState::Kept && unread {
                by_model.entry(standing.generation.model).or_default().push(standing.generation);
            }
        }
        // A connection for each view: most of it is waiting for files to go.
        let drop_all = async |kept: &Vec<Generation>| {
            let client = self.client().await?;
            for old in kept.iter().rev().skip(self.keep) {
                generation::drop(&client, *old).await?;
            }
            Ok::<_, ViewError>(())
        };
        drop(client);
        try_join_all(by_model.values().map(drop_all)).await?;
        Ok(())
    }

    async fn client(&self) -> Result<Client, ViewError> {
        Ok(self.pool.get().await?)
    }
}
