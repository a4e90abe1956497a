//! Verification: both views, each reduced to canonical facts from its own rows, compared at one position.
//!
//! The days' digests tell where to look, and are checked themselves: a full recount is made of both.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use daybook_domain::ReadModel;
use daybook_event_log::vault::Vault;
use daybook_event_log::{EventLog, Position};
use deadpool_postgres::{Pool, Transaction};
use futures_util::TryStreamExt;
use serde::Serialize;
use tokio_postgres::Row;

use crate::ViewError;
use crate::fact::{Digest, Fact, RULES_VERSION};
use crate::fold::Reference;
use crate::generation::{self, Generation, Standing};
use crate::interpret::resume;
use crate::router;
use crate::row::ReservationRow;
use crate::row::dynamic::DynamicRow;
use crate::row::legacy::LegacyRow;
use crate::store::{self, DayDigests, read_digest, read_json};

/// Differences that are told one by one, at most; all are counted.
pub const MAX_DIFFERENCES: usize = 20;

/// How long to wait for the two views to stand at one position, no earlier than the head.
const ALIGN_WAIT: Duration = Duration::from_secs(30);

/// What a comparison found.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// The position at which both views were read.
    pub position: Position,
    /// The generations that were compared.
    pub generations: Vec<Generation>,
    /// Reservations in each, by generation.
    pub reservations: BTreeMap<String, u64>,
    /// Digest of each view's facts, by generation.
    pub digests: BTreeMap<String, Digest>,
    /// Version of the rules by which rows were reduced.
    pub rules_version: u32,
    /// Whether the digests that are kept with the rows agree with the recount.
    pub kept_digests_agree: bool,
    /// Reservations that differ or are in one view only.
    pub differing: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
    /// What both views cannot say alike, counted by kind.
    pub declared: BTreeMap<&'static str, u64>,
}

impl Verdict {
    /// Whether the views say the same.
    pub const fn agrees(&self) -> bool {
        self.differing == 0 && self.kept_digests_agree
    }
}

/// A reservation on which the views differ.
#[derive(Debug, Clone, Serialize)]
pub struct Difference {
    /// Its id.
    pub reservation: String,
    /// The fields that differ with the legacy view's value and the dynamic view's. A patient's are not shown.
    pub fields: Vec<(&'static str, String, String)>,
}

/// Tells a view that is retired from one that is missing.
async fn tell_retired(log: &dyn EventLog, missing: ViewError) -> ViewError {
    let ViewError::NotLive { model } = missing else { return missing };
    match router::read(log).await {
        Ok((routing, _)) if routing.is_retired(model) => ViewError::Retired { model },
        Ok(_) => missing,
        Err(error) => error,
    }
}

/// Compares the two live views at one position that holds everything that the log held when this was called.
///
/// # Errors
/// [`ViewError::Retired`] where one of them is retired and not there.
pub async fn verify(log: &dyn EventLog, vault: &Vault, pool: &Pool) -> Result<Verdict, ViewError> {
    match compare_live(log, vault, pool).await {
        Err(error) => Err(tell_retired(log, error).await),
        compared => compared,
    }
}

async fn compare_live(log: &dyn EventLog, vault: &Vault, pool: &Pool) -> Result<Verdict, ViewError> {
    let mut client = pool.get().await?;
    let since = Instant::now();
    let head = log.head().await?;
    loop {
        let snapshot = client
            .build_transaction()
            .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        let live = generation::live(&snapshot).await?;
        let (legacy, dynamic) = (find(&live, ReadModel::Legacy)?, find(&live, ReadModel::Dynamic)?);
        if legacy.position == dynamic.position && legacy.position >= head {
            let (_, reference) = resume(log, vault, legacy.position).await?;
            return compare(&snapshot, legacy, dynamic, &reference).await;
        }
        if since.elapsed() > ALIGN_WAIT {
            let what = "the two views to hold all of the log at one position; is `daybook serve` running?";
            return Err(ViewError::TimedOut { what, seconds: ALIGN_WAIT.as_secs() });
        }
        snapshot.rollback().await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn find(live: &[Standing], model: ReadModel) -> Result<&Standing, ViewError> {
    live.iter().find(|standing| standing.generation.model == model).ok_or(ViewError::NotLive { model })
}

/// What was counted while comparing.
#[derive(Default)]
struct Tally {
    days: DayDigests,
    rows: u64,
}

impl Tally {
    fn take<R: ReservationRow>(&mut self, row: Option<&R>, reference: &Reference) {
        if let Some(row) = row {
            self.rows += 1;
            store::add(&mut self.days, row, reference);
        }
    }

    fn total(&self) -> Digest {
        self.days.values().fold(Digest::EMPTY, |sum, day| sum.with(day.digest))
    }
}

/// Reads both views side by side, in the order of ids.
async fn compare(
    snapshot: &Transaction<'_>,
    legacy: &Standing,
    dynamic: &Standing,
    reference: &Reference,
) -> Result<Verdict, ViewError> {
    let mut pairs = std::pin::pin!(pairs(snapshot, legacy.generation, dynamic.generation).await?);
    let (mut legacy_tally, mut dynamic_tally) = (Tally::default(), Tally::default());
    let (mut differing, mut differences) = (0, Vec::new());
    let mut declared = BTreeMap::new();
    while let Some((legacy_row, dynamic_row)) = pairs.try_next().await? {
        legacy_tally.take(legacy_row.as_ref(), reference);
        dynamic_tally.take(dynamic_row.as_ref(), reference);
        if let Some(row) = &dynamic_row {
            declare(row, reference, &mut declared);
        }
        let facts =
            (legacy_row.as_ref().map(|r| r.fact(reference)), dynamic_row.as_ref().map(|r| r.fact(reference)));
        if let Some(difference) = difference(facts) {
            differing += 1;
            if differences.len() < MAX_DIFFERENCES {
                differences.push(difference);
            }
        }
    }
    let kept_digests_agree = kept_digests(snapshot, legacy.generation).await? == legacy_tally.days
        && kept_digests(snapshot, dynamic.generation).await? == dynamic_tally.days;
    let both = [(legacy.generation, &legacy_tally), (dynamic.generation, &dynamic_tally)];
    Ok(Verdict {
        position: legacy.position,
        generations: both.iter().map(|(generation, _)| *generation).collect(),
        reservations: both.iter().map(|(generation, tally)| (generation.to_string(), tally.rows)).collect(),
        digests: both.iter().map(|(generation, tally)| (generation.to_string(), tally.total())).collect(),
        rules_version: RULES_VERSION,
        kept_digests_agree,
        differing,
        differences,
        declared,
    })
}

/// A reservation in both views, or in the one that has it.
type Pair = (Option<LegacyRow>, Option<DynamicRow>);

/// Every reservation of either view, in the order of ids. One stream: two on one connection would wait for each other.
async fn pairs(
    snapshot: &Transaction<'_>,
    legacy: Generation,
    dynamic: Generation,
) -> Result<impl futures_util::Stream<Item = Result<Pair, ViewError>> + use<>, ViewError> {
    let sql = format!(
        r#"SELECT CASE WHEN l.id IS NOT NULL THEN to_json(l)::text END,
                  CASE WHEN d.id IS NOT NULL THEN to_json(d)::text END
           FROM {}.reservations l FULL JOIN {}.reservations d ON d.id = l.id
           ORDER BY COALESCE(l.id, d.id) COLLATE "C""#,
        legacy.schema(),
        dynamic.schema()
    );
    let no_parameters: [&str; 0] = [];
    let rows = snapshot.query_raw(&sql, no_parameters).await?;
    Ok(rows.map_err(ViewError::from).and_then(move |row| {
        let pair = || Ok((read_side(&row, 0, legacy)?, read_side(&row, 1, dynamic)?));
        std::future::ready(pair())
    }))
}

fn read_side<R: ReservationRow>(
    row: &Row,
    column: usize,
    generation: Generation,
) -> Result<Option<R>, ViewError> {
    let json: Option<&str> = row.try_get(column)?;
    json.map(|json| read_json(json, generation)).transpose()
}

async fn kept_digests(snapshot: &Transaction<'_>, generation: Generation) -> Result<DayDigests, ViewError> {
    let sql = format!(
        "SELECT date, reservations, digest FROM {}.day_digests WHERE reservations <> 0",
        generation.schema()
    );
    let rows = snapshot.query(&sql, &[]).await?;
    rows.iter().map(read_digest).collect()
}

/// Counts what the enum view cannot say, or only as text.
fn declare(row: &DynamicRow, reference: &Reference, declared: &mut BTreeMap<&'static str, u64>) {
    let mut count = |kind| *declared.entry(kind).or_default() += 1;
    if reference.legacy_value(&row.service_id).is_none() {
        count("service_without_enum_value");
    }
    match (&row.time_slot_start, &row.period) {
        (Some(_), _) => {}
        (None, Some(_)) => count("period_without_time"),
        (None, None) => count("time_under_review"),
    }
}

fn difference((legacy, dynamic): (Option<Fact<'_>>, Option<Fact<'_>>)) -> Option<Difference> {
    let only = |reservation: &str, legacy: &str, dynamic: &str| {
        let fields = vec![("reservation", legacy.to_owned(), dynamic.to_owned())];
        Some(Difference { reservation: reservation.to_owned(), fields })
    };
    let (legacy, dynamic) = match (legacy, dynamic) {
        (Some(legacy), Some(dynamic)) => (legacy, dynamic),
        (Some(legacy), None) => return only(legacy.id, "there", "missing"),
        (None, Some(dynamic)) => return only(dynamic.id, "missing", "there"),
        (None, None) => return None,
    };
    let pairs = legacy.fields().into_iter().zip(dynamic.fields());
    let fields: Vec<_> = pairs
        .filter(|((_, left), (_, right))| left != right)
        .map(|((field, left), (other, right))| {
            let show = |value: &str| {
                if field.shown && other.shown { value.to_owned() } else { "(not shown)".to_owned() }
            };
            (field.name, show(&left), show(&right))
        })
        .collect();
    (!fields.is_empty()).then(|| Difference { reservation: legacy.id.to_owned(), fields })
}
