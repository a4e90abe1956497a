//! Finds which rows of a day lack which events, from the day's own stream.
//!
//! Reports contain ids, types and positions, never the contents of an event or a row.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use chrono::{NaiveDate, NaiveDateTime, SubsecRound};
use daybook_domain::ReadModel;
use daybook_event_log::{EventLog, Position, RecordedEvent, codec};
use daybook_vault::Vault;
use deadpool_postgres::{GenericClient, Transaction};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::count::{DayCounts, SkippedEvents};
use super::day_events::{DayEvent, DayEvents};
use super::{MAX_FINDINGS, stream_name};
use crate::control::error::ViewError;
use crate::control::ids::Generation;
use crate::projection::change::{ERASED, Interpreter, ViewChange};
use crate::projection::closure::ClosureRow;
use crate::projection::fold::Fold;
use crate::projection::interpret::interpret_sound;
use crate::projection::reference::Reference;
use crate::projection::row::ReservationRow;
use crate::projection::row::dynamic::DynamicRow;
use crate::projection::row::legacy::LegacyRow;
use crate::store::rows;

/// A day on which the view does not match the log.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the names of these fields say what they are")]
pub struct DayFinding {
    pub stream: String,
    pub date: NaiveDate,
    pub in_log: DayCounts,
    /// Events that the view's rows of that day stand for.
    pub applied: DayCounts,
    /// Wrong rows. 0 if only the number stored with the day's digest is wrong.
    pub differing: u64,
    /// The first wrong rows.
    pub rows: Vec<RowFinding>,
}

/// A row that does not match its events.
#[derive(Debug, Clone, Serialize)]
pub struct RowFinding {
    /// Id of the reservation or closure.
    pub id: String,
    pub fault: Fault,
    /// Its events in the log, without parked and discarded ones.
    pub in_log: i64,
    /// Events that its row stands for; 0 without a row.
    pub applied: i64,
    /// The skipped events. Empty if no run of consecutive events explains the row.
    pub missing: Vec<Missing>,
}

/// An event that was skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Its position in the log.
    pub position: Position,
    pub kind: String,
}

/// The fault of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    NoRow,
    /// Events were skipped.
    Behind,
    /// Events were applied twice, or other events were applied.
    Ahead,
    /// The row is on another day.
    AnotherDay,
    /// The log has no such row.
    Unknown,
    /// The row shows a forgotten patient.
    NotErased,
}

/// A reference table that does not match the log.
#[derive(Debug, Clone, Serialize)]
pub struct TableFinding {
    pub table: &'static str,
    /// Rows that are missing, different or superfluous.
    pub differing: u64,
    /// Ids of the first of these rows.
    pub ids: Vec<String>,
}

/// Inspects days of one generation.
pub(super) struct DayInspector<'a> {
    pub(super) generation: Generation,
    pub(super) position: Position,
    pub(super) log: &'a dyn EventLog,
    pub(super) vault: &'a Vault,
    pub(super) skipped: &'a SkippedEvents,
    pub(super) interpreter: Interpreter,
    pub(super) reference: &'a Reference,
    pub(super) privacy: Vec<RecordedEvent>,
}

impl DayInspector<'_> {
    /// Inspects a day whose counts differ. Returns nothing if every row matches its events: an event about a missing
    /// row changes nothing and is not counted as skipped.
    pub(super) async fn inspect(
        &mut self,
        snapshot: &Transaction<'_>,
        date: NaiveDate,
        [in_log, applied]: [DayCounts; 2],
    ) -> Result<Option<DayFinding>, ViewError> {
        let day = self.day_events(date).await?;
        let mut rows = match self.generation.model {
            ReadModel::Legacy => self.reservations::<LegacyRow>(snapshot, &day, date).await?,
            ReadModel::Dynamic => self.reservations::<DynamicRow>(snapshot, &day, date).await?,
        };
        rows.extend(self.closures(snapshot, &day, date).await?);
        if rows.is_empty() && self.digest_counts_right(snapshot, date, applied).await? {
            return Ok(None);
        }
        let differing = rows.len() as u64;
        rows.truncate(MAX_FINDINGS);
        Ok(Some(DayFinding { stream: stream_name(date), date, in_log, applied, differing, rows }))
    }

    /// The day's events in the log.
    pub(super) async fn day_events(&mut self, date: NaiveDate) -> Result<DayEvents, ViewError> {
        let bounds = (self.position, self.skipped);
        DayEvents::read(self.log, self.vault, &mut self.interpreter, date, &self.privacy, bounds).await
    }

    async fn digest_counts_right(
        &self,
        snapshot: &Transaction<'_>,
        date: NaiveDate,
        applied: DayCounts,
    ) -> Result<bool, ViewError> {
        let sql =
            format!("SELECT reservations FROM {}.day_digests WHERE date = $1", self.generation.schema());
        let kept: Option<i64> =
            snapshot.query_opt(&sql, &[&date]).await?.map(|row| row.try_get(0)).transpose()?;
        Ok(kept.unwrap_or_default() == applied.entered)
    }

    async fn reservations<R: ReservationRow>(
        &self,
        snapshot: &Transaction<'_>,
        day: &DayEvents,
        date: NaiveDate,
    ) -> Result<Vec<RowFinding>, ViewError> {
        let expected: Fold<R> = day.fold(self.reference);
        let there: Vec<R> = rows_of(snapshot, self.generation, date, &expected).await?;
        let by_id: HashMap<&str, &R> = there.iter().map(|row| (row.id(), row)).collect();
        let mut findings = Vec::new();
        for wanted in expected.rows.values() {
            let row = by_id.get(wanted.id()).copied();
            if let Some(fault) = fault(wanted.as_ref(), row, self.reference) {
                findings.push(self.finding(day, wanted.as_ref(), row, fault));
            }
        }
        for row in there.iter().filter(|row| !expected.rows.contains_key(row.id())) {
            let applied = version(row, self.reference);
            findings.push(RowFinding {
                id: row.id().to_owned(),
                fault: Fault::Unknown,
                in_log: 0,
                applied,
                missing: Vec::new(),
            });
        }
        Ok(findings)
    }

    fn finding<R: ReservationRow>(
        &self,
        day: &DayEvents,
        wanted: &R,
        row: Option<&R>,
        fault: Fault,
    ) -> RowFinding {
        let steps: Vec<&DayEvent> = day.about(wanted.id()).collect();
        let applied = row.map_or(0, |row| version(row, self.reference));
        let in_log = version(wanted, self.reference);
        let missing = match (fault, row) {
            (Fault::NoRow, _) => Some(0..steps.len()),
            (Fault::Behind, Some(row)) => {
                let count = usize::try_from(in_log - applied).unwrap_or_default();
                skipped_run(day, row, count, steps.len(), self.reference)
            }
            _ => None,
        };
        let named = steps.get(missing.unwrap_or_default()).unwrap_or_default().iter();
        let missing =
            named.map(|step| Missing { position: step.position, kind: step.kind.to_string() }).collect();
        RowFinding { id: wanted.id().to_owned(), fault, in_log, applied, missing }
    }

    async fn closures(
        &self,
        snapshot: &Transaction<'_>,
        day: &DayEvents,
        date: NaiveDate,
    ) -> Result<Vec<RowFinding>, ViewError> {
        let expected: Fold<LegacyRow> = day.fold(self.reference);
        let there = closures_of(snapshot, self.generation, date, &expected).await?;
        let count = |row: Option<&ClosureRow>| row.map_or(0, |row| 1 + i64::from(!row.is_active));
        let ids: BTreeSet<&str> =
            there.iter().map(|row| &*row.id).chain(expected.closures.keys().map(|id| &**id)).collect();
        let finding = |id: &str| {
            let (wanted, row) = (expected.closures.get(id), there.iter().find(|row| *row.id == *id));
            let (in_log, applied) = (count(wanted), count(row));
            let fault = match (wanted, row) {
                (Some(_), None) => Fault::NoRow,
                (None, _) => Fault::Unknown,
                (Some(wanted), Some(row)) if wanted.date != row.date => Fault::AnotherDay,
                (Some(_), Some(_)) if applied < in_log => Fault::Behind,
                (Some(_), Some(_)) if applied > in_log => Fault::Ahead,
                (Some(_), Some(_)) => return None,
            };
            Some(RowFinding { id: id.to_owned(), fault, in_log, applied, missing: Vec::new() })
        };
        Ok(ids.into_iter().filter_map(finding).collect())
    }

    /// Days with rows that show a patient who was forgotten after the row was created. They include a patient who
    /// booked again if old rows were imported later; the inspection of the day decides.
    pub(super) async fn days_with_a_forgotten_patient(
        &mut self,
        snapshot: &Transaction<'_>,
    ) -> Result<BTreeSet<NaiveDate>, ViewError> {
        let (mut subjects, mut moments): (Vec<Uuid>, Vec<NaiveDateTime>) = (Vec::new(), Vec::new());
        self.privacy.retain(|event| !self.skipped.holds(event.position));
        let changes = interpret_sound(&mut self.interpreter, self.vault, &self.privacy).await?;
        for (event, change) in self.privacy.iter().zip(&changes) {
            if let (ViewChange::Forget { subject }, Ok((_, metadata))) =
                (change, codec::decode_metadata(&event.metadata))
            {
                subjects.push(Uuid::from_bytes(*subject.as_bytes()));
                moments.push(metadata.recorded_at.naive_utc().trunc_subsecs(3));
            }
        }
        let sql = format!(
            r#"SELECT DISTINCT "preferredDate"
               FROM {}.reservations r JOIN unnest($1::uuid[], $2::timestamp[]) AS forgotten (subject, at) USING (subject)
               WHERE r."createdAt" < at AND r."patientName" <> $3"#,
            self.generation.schema()
        );
        let rows = snapshot.query(&sql, &[&subjects, &moments, &ERASED]).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }
}

fn version<R: ReservationRow>(row: &R, reference: &Reference) -> i64 {
    row.canonical(reference).version.into()
}

fn fault<R: ReservationRow>(wanted: &R, row: Option<&R>, reference: &Reference) -> Option<Fault> {
    let Some(row) = row else { return Some(Fault::NoRow) };
    let (there, in_log) = (version(row, reference), version(wanted, reference));
    let is_erased = |row: &R| row.canonical(reference).patient_name == ERASED;
    if row.date() != wanted.date() {
        Some(Fault::AnotherDay)
    } else if is_erased(wanted) && !is_erased(row) {
        Some(Fault::NotErased)
    } else if there < in_log {
        Some(Fault::Behind)
    } else {
        (there > in_log).then_some(Fault::Ahead)
    }
}

/// The run of `count` consecutive events without which the reservation's row would be as it is. The last run is tried
/// first, because a view usually lacks the latest events.
fn skipped_run<R: ReservationRow>(
    day: &DayEvents,
    row: &R,
    count: usize,
    of: usize,
    reference: &Reference,
) -> Option<Range<usize>> {
    let there = as_json(row);
    let would_be = |range: &Range<usize>| {
        day.row_without::<R>(row.id(), range, reference).is_some_and(|row| as_json(&row) == there)
    };
    (1..=of.checked_sub(count)?).rev().map(|start| start..start + count).find(would_be)
}

/// A row's columns. Nothing if it cannot be serialised, which equals no row.
pub(super) fn as_json(row: &impl Serialize) -> Option<Value> {
    serde_json::to_value(row).ok()
}

/// The rows stored under a day, and those that belong to it but are stored elsewhere.
pub(super) async fn rows_of<R: ReservationRow>(
    client: &impl GenericClient,
    generation: Generation,
    date: NaiveDate,
    day: &Fold<R>,
) -> Result<Vec<R>, ViewError> {
    let sql = format!(
        r#"SELECT to_json(r)::text FROM {}.reservations r WHERE "preferredDate" = $1 OR id = ANY($2)"#,
        generation.schema()
    );
    let ids: Vec<&str> = day.rows.keys().map(|id| &**id).collect();
    let rows = client.query(&sql, &[&date, &ids]).await?;
    rows.iter().map(|row| rows::read_json(row.try_get(0)?, generation)).collect()
}

/// The closures stored under a day, and those that belong to it but are stored elsewhere.
pub(super) async fn closures_of<R: ReservationRow>(
    client: &impl GenericClient,
    generation: Generation,
    date: NaiveDate,
    day: &Fold<R>,
) -> Result<Vec<ClosureRow>, ViewError> {
    let sql = format!(
        "SELECT to_json(c)::text FROM {}.manual_time_closures c WHERE date = $1 OR id = ANY($2)",
        generation.schema()
    );
    let ids: Vec<&str> = day.closures.keys().map(|id| &**id).collect();
    let rows = client.query(&sql, &[&date, &ids]).await?;
    rows.iter().map(|row| rows::read_json(row.try_get(0)?, generation)).collect()
}

/// Reference tables that do not match the log.
pub(super) async fn tables(
    snapshot: &Transaction<'_>,
    generation: Generation,
    reference: &Reference,
) -> Result<Vec<TableFinding>, ViewError> {
    let mut findings = Vec::new();
    for named in reference.tables(generation.model).map_err(|_| ViewError::Row { generation })? {
        let table = format!("{}.{}", generation.schema(), named.table);
        let sql = format!(
            "SELECT coalesce(have.id, want.id)
             FROM json_populate_recordset(NULL::{table}, $1::text::json) AS want FULL JOIN {table} AS have USING (id)
             WHERE have IS DISTINCT FROM want ORDER BY 1"
        );
        let rows = snapshot.query(&sql, &[&named.rows]).await?;
        if !rows.is_empty() {
            let ids = rows.iter().take(MAX_FINDINGS).map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
            findings.push(TableFinding { table: named.table, differing: rows.len() as u64, ids });
        }
    }
    Ok(findings)
}
