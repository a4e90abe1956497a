//! Verification reduces the rows of two generations to canonical reservations and compares them at one position.
//!
//! A quick comparison uses the stored digests of each day and reads rows only of days that differ. A full comparison
//! reads all rows and so checks the digests as well. Each difference is traced to the events that wrote it. The result
//! of a full comparison of both views is recorded for the migration's gates. Nothing here writes to a view, and no
//! report shows a patient's data.

mod alignment;
mod days;
mod declared;
mod difference;
mod fields;
mod pairs;
mod proof;
mod proof_check;
pub mod recorded_verdicts;
mod row_comparison;
mod suspect;
mod trail;
mod verdict;

use std::time::Duration;

use daybook_event_log::{EventLog, Filter, Position};
use daybook_vault::Vault;
use deadpool_postgres::{Pool, Transaction};
use futures_util::TryStreamExt;

use crate::control::error::ViewError;
use crate::control::generation::GenerationStatus;
use crate::control::ids::{Generation, SkippedPositions};
use crate::live::parked;
use crate::projection::interpret::resume;
use crate::read::routing;
use crate::read::settled::settled_snapshot;
use alignment::ComparedPair;
use row_comparison::RowDigests;
use suspect::Suspect;

pub use days::{Days, MAX_DAYS};
pub use declared::Declared;
pub use difference::{Difference, DifferingField, GenerationValue};
pub use fields::{Fields, NOT_SHOWN, WHOLE, differing_names, find as find_field};
pub use proof::{Proof, ProofDay, ProofError, ProofView};
pub use proof_check::{Checked, CheckedDetails, CheckedView, check_proof};
pub use suspect::MAX_DIFFERENCES;
pub use trail::WrittenBy;
pub use verdict::{Mode, Verdict};

/// How long to wait for two generations to reach one position, no earlier than the head.
const ALIGNMENT_PATIENCE: Duration = Duration::from_secs(30);

/// What to compare, and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct Comparison {
    /// How thoroughly to compare.
    pub mode: Mode,
    /// The two generations; none stands for the two live views.
    pub generations: Option<[Generation; 2]>,
}

/// Compares the two live views in full, at a position no earlier than the head of the log at the time of the call.
pub async fn verify(log: &dyn EventLog, vault: &Vault, pool: &Pool) -> Result<Verdict, ViewError> {
    compare(log, vault, pool, Comparison::default()).await
}

/// Compares two generations at one position. Live generations first reach the head of the log at the time of the call.
///
/// # Errors
/// [`ViewError::Retired`] if one of the live views is retired; [`ViewError::Apart`] if the two never reach one
/// position.
pub async fn compare(
    log: &dyn EventLog,
    vault: &Vault,
    pool: &Pool,
    comparison: Comparison,
) -> Result<Verdict, ViewError> {
    Ok(run(log, vault, pool, comparison).await?.0)
}

/// Compares two generations in full and, if they match, creates a proof of their contents. A generation that lacks events
/// of the log has none.
pub async fn prove(
    log: &dyn EventLog,
    vault: &Vault,
    pool: &Pool,
    generations: Option<[Generation; 2]>,
) -> Result<(Verdict, Option<Proof>), ViewError> {
    let comparison = Comparison { mode: Mode::Full, generations };
    let (verdict, row_digests) = run(log, vault, pool, comparison).await?;
    if !verdict.agrees() || !verdict.parked.is_empty() {
        return Ok((verdict, None));
    }
    let events = count_events(log, verdict.position).await?;
    let discarded = parked::list_discarded(&pool.get().await?).await?;
    let proof = Proof::new(&verdict, events, discarded, &row_digests);
    Ok((verdict, Some(proof)))
}

/// Runs a comparison and records the result of a full one. Reports a retired view as retired, not as missing.
async fn run(
    log: &dyn EventLog,
    vault: &Vault,
    pool: &Pool,
    comparison: Comparison,
) -> Result<(Verdict, [RowDigests; 2]), ViewError> {
    let (verdict, row_digests) = match compare_aligned(log, vault, pool, comparison).await {
        Err(ViewError::NotLive { model }) if routing::read(log).await?.0.is_retired(model) => {
            return Err(ViewError::Retired { model });
        }
        found => found?,
    };
    if verdict.mode == Mode::Full {
        recorded_verdicts::insert(&pool.get().await?, &verdict).await?;
    }
    Ok((verdict, row_digests))
}

/// Waits until both generations are at one position and compares them in that snapshot.
async fn compare_aligned(
    log: &dyn EventLog,
    vault: &Vault,
    pool: &Pool,
    comparison: Comparison,
) -> Result<(Verdict, [RowDigests; 2]), ViewError> {
    let mut client = pool.get().await?;
    let head = log.head().await?;
    let choose = |statuses: &[GenerationStatus]| alignment::choose(statuses, comparison.generations, head);
    let (snapshot, pair) = settled_snapshot(&mut client, ALIGNMENT_PATIENCE, choose).await?;
    let Some(pair) = pair else {
        let what = "the two generations to reach one position; is `daybook serve` running?";
        return Err(ViewError::TimedOut { what, seconds: ALIGNMENT_PATIENCE.as_secs() });
    };
    compare_in(log, vault, &snapshot, &pair, comparison.mode).await
}

/// Compares both generations and traces differences to the events that wrote them.
async fn compare_in(
    log: &dyn EventLog,
    vault: &Vault,
    snapshot: &Transaction<'_>,
    pair: &ComparedPair,
    mode: Mode,
) -> Result<(Verdict, [RowDigests; 2]), ViewError> {
    let skipped = skipped(snapshot, pair).await?;
    let (interpreter, reference) = resume(log, vault, pair.position, &skipped).await?;
    let found = match mode {
        Mode::Full => row_comparison::compare_rows(snapshot, pair, &reference).await?,
        Mode::Quick => row_comparison::compare_digests(snapshot, pair, &reference).await?,
    };
    let trails = trail::read(log, vault, interpreter, (pair.position, &skipped), &found.suspects).await?;
    let explain = |suspect: &Suspect| suspect.explain(pair, trails.get(&*suspect.reservation), &reference);
    let differences = found.suspects.iter().map(explain).collect();
    let mut parked = parked::list(snapshot).await?;
    parked.retain(|group| pair.generations.contains(&group.first.generation));
    parked.truncate(MAX_DIFFERENCES);
    Ok((Verdict::new(pair, mode, &found, differences, parked), found.row_digests))
}

/// Events that either generation left out.
async fn skipped(snapshot: &Transaction<'_>, pair: &ComparedPair) -> Result<SkippedPositions, ViewError> {
    let mut skipped = SkippedPositions::new();
    for generation in pair.generations {
        skipped.extend(parked::skipped(snapshot, generation).await?);
    }
    Ok(skipped)
}

/// Number of events in a log up to a position.
async fn count_events(log: &dyn EventLog, until: Position) -> Result<u64, ViewError> {
    let mut events = log.read_all(Position::START, &Filter::all()).await?;
    let mut count = 0;
    while events.try_next().await?.is_some_and(|event| event.position <= until) {
        count += 1;
    }
    Ok(count)
}
