//! Verification: two generations, each reduced to canonical facts from its own rows, compared at one position.
//!
//! The quick way compares the digests that are kept for every day, and reads rows only of days that differ. The full way
//! reads all rows, and so checks those digests as well. What differs is followed to the events that wrote it. What a full
//! comparison of both views found is written down, for the gates of the migration. Nothing here writes to a view, and no
//! report shows what a patient's field says.

mod check;
mod declared;
mod difference;
pub mod ledger;
mod pairs;
mod proof;
mod recount;
mod side;
mod trail;
mod verdict;

use std::time::{Duration, Instant};

use daybook_event_log::vault::Vault;
use daybook_event_log::{EventLog, Filter, Position};
use deadpool_postgres::{Pool, Transaction};
use futures_util::TryStreamExt;

use crate::ViewError;
use crate::control::generation::Generation;
use crate::live::parked::{self, LeftOut};
use crate::projection::interpret::resume;
use crate::read::router;
use crate::store::rows;
use difference::Suspect;
use recount::Tally;
use side::{Choice, Sides};

pub use check::{Checked, CheckedDetails, CheckedView, check_proof};
pub use declared::Declared;
pub use difference::{Difference, DifferingField, SideValue, WrittenBy};
pub use difference::{Fields, NOT_SHOWN, WHOLE, differing_names, find as find_field};
pub use proof::{Proof, ProofDay, ProofError, ProofView};
pub use verdict::differing_days;
pub use verdict::{Days, Mode, Verdict};

/// Differences that are told one by one, at most; all are counted.
pub const MAX_DIFFERENCES: usize = 20;

/// Days that are named, at most; all are counted.
pub const MAX_DAYS: usize = 20;

/// How long to wait for two generations to stand at one position, no earlier than the head.
const ALIGN_WAIT: Duration = Duration::from_secs(30);

/// Pause between two looks at where they stand.
const ALIGN_PAUSE: Duration = Duration::from_millis(20);

/// What to compare, and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct Comparison {
    /// How thoroughly.
    pub mode: Mode,
    /// The two generations; none for the two views that serve.
    pub generations: Option<[Generation; 2]>,
}

/// Compares in full the two views that serve, at a position that holds everything that the log held when this was called.
pub async fn verify(log: &dyn EventLog, vault: &Vault, pool: &Pool) -> Result<Verdict, ViewError> {
    compare(log, vault, pool, Comparison::default()).await
}

/// Compares two generations at one position. Those that serve hold by then what the log held when this was called.
///
/// # Errors
/// [`ViewError::Retired`] where one that is to serve is retired; [`ViewError::Apart`] where they never meet.
pub async fn compare(
    log: &dyn EventLog,
    vault: &Vault,
    pool: &Pool,
    comparison: Comparison,
) -> Result<Verdict, ViewError> {
    Ok(find(log, vault, pool, comparison).await?.0)
}

/// Compares two generations in full, and writes down what each of them holds; nothing where they differ.
pub async fn prove(
    log: &dyn EventLog,
    vault: &Vault,
    pool: &Pool,
    generations: Option<[Generation; 2]>,
) -> Result<(Verdict, Option<Proof>), ViewError> {
    let comparison = Comparison { mode: Mode::Full, generations };
    let (verdict, tallies) = find(log, vault, pool, comparison).await?;
    if !verdict.agrees() {
        return Ok((verdict, None));
    }
    let events = count_events(log, verdict.position).await?;
    let discarded = parked::discarded_places(&pool.get().await?).await?;
    let proof = Proof::of(&verdict, events, discarded, &tallies);
    Ok((verdict, Some(proof)))
}

/// Finds how two generations compare, and writes down what a full comparison found. Tells a view that is retired from one that
/// is missing.
async fn find(
    log: &dyn EventLog,
    vault: &Vault,
    pool: &Pool,
    comparison: Comparison,
) -> Result<(Verdict, [Tally; 2]), ViewError> {
    let (verdict, tallies) = match find_together(log, vault, pool, comparison).await {
        Err(ViewError::NotLive { model }) if router::read(log).await?.0.is_retired(model) => {
            return Err(ViewError::Retired { model });
        }
        found => found?,
    };
    if verdict.mode == Mode::Full {
        ledger::note(&pool.get().await?, &verdict).await?;
    }
    Ok((verdict, tallies))
}

/// Waits until both sides stand at one position, and compares them in the snapshot that shows it.
async fn find_together(
    log: &dyn EventLog,
    vault: &Vault,
    pool: &Pool,
    comparison: Comparison,
) -> Result<(Verdict, [Tally; 2]), ViewError> {
    let mut client = pool.get().await?;
    let since = Instant::now();
    let head = log.head().await?;
    loop {
        let snapshot = rows::snapshot(&mut client).await?;
        if let Choice::Together(sides) = side::choose(&snapshot, comparison.generations, head).await? {
            return judge(log, vault, &snapshot, &sides, comparison.mode).await;
        }
        if since.elapsed() > ALIGN_WAIT {
            let what = "the two generations to stand at one position; is `daybook serve` running?";
            return Err(ViewError::TimedOut { what, seconds: ALIGN_WAIT.as_secs() });
        }
        snapshot.rollback().await?;
        tokio::time::sleep(ALIGN_PAUSE).await;
    }
}

/// Compares both sides, and follows what differs to the events that wrote it.
async fn judge(
    log: &dyn EventLog,
    vault: &Vault,
    snapshot: &Transaction<'_>,
    sides: &Sides,
    mode: Mode,
) -> Result<(Verdict, [Tally; 2]), ViewError> {
    let left_out = left_out(snapshot, sides).await?;
    let (interpreter, reference) = resume(log, vault, sides.position, &left_out).await?;
    let found = match mode {
        Mode::Full => recount::fully(snapshot, sides, &reference).await?,
        Mode::Quick => recount::quickly(snapshot, sides, &reference).await?,
    };
    let trails = trail::read(log, vault, interpreter, (sides.position, &left_out), &found.suspects).await?;
    let explain = |suspect: &Suspect| suspect.explain(sides, trails.get(&*suspect.reservation), &reference);
    let differences = found.suspects.iter().map(explain).collect();
    Ok((Verdict::of(sides, mode, &found, differences), found.tallies))
}

/// What either side has gone on without.
async fn left_out(snapshot: &Transaction<'_>, sides: &Sides) -> Result<LeftOut, ViewError> {
    let mut left_out = LeftOut::new();
    for generation in sides.generations {
        left_out.extend(parked::left_out(snapshot, generation).await?);
    }
    Ok(left_out)
}

/// Events that a log holds up to a position.
async fn count_events(log: &dyn EventLog, until: Position) -> Result<u64, ViewError> {
    let mut events = log.read_all(Position::START, &Filter::all()).await?;
    let mut count = 0;
    while events.try_next().await?.is_some_and(|event| event.position <= until) {
        count += 1;
    }
    Ok(count)
}
