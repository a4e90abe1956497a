//! Drilling down: which rows of a page miss which events, by the page's own stream.
//!
//! Ids, types and positions are told, never what an event or a row says.

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

use super::count::{LeftOut, PageCounts};
use super::page::{Page, Step};
use super::{MAX_FINDINGS, page_name};
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

/// A page on which a view does not hold what the log does.
#[derive(Debug, Clone, Serialize)]
pub struct PageFinding {
    /// The stream.
    pub stream: String,
    /// Its day.
    pub date: NaiveDate,
    /// Events in the log.
    pub in_log: PageCounts,
    /// Events that the view's rows of that day stand for.
    pub applied: PageCounts,
    /// Rows that are at fault. None where only the number beside the day's digest is.
    pub differing: u64,
    /// The first of them.
    pub rows: Vec<RowFinding>,
}

/// A row that does not stand for the events that there are.
#[derive(Debug, Clone, Serialize)]
pub struct RowFinding {
    /// Id of the reservation or closure.
    pub id: String,
    /// What is wrong.
    pub fault: Fault,
    /// Events of it in the log, without those that are parked or were discarded.
    pub in_log: i64,
    /// Events that its row stands for; 0 where there is no row.
    pub applied: i64,
    /// Which were passed over. Empty where the row is not what it would be without some that follow one another.
    pub missing: Vec<Missing>,
}

/// An event that was passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Where it stands.
    pub position: Position,
    /// Its type.
    pub kind: String,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It is not there.
    NoRow,
    /// Events were passed over.
    Behind,
    /// Events were applied more than once, or others than these.
    Ahead,
    /// It stands on another day.
    AnotherDay,
    /// The page never held it.
    Unknown,
    /// It shows a patient who was forgotten.
    NotErased,
}

/// A table of services, limits or hours that does not hold what the log does.
#[derive(Debug, Clone, Serialize)]
pub struct TableFinding {
    /// Its name.
    pub table: &'static str,
    /// Rows that are missing, differ, or should not be there.
    pub differing: u64,
    /// Ids of the first of them.
    pub ids: Vec<String>,
}

/// What is needed to look into pages of one generation.
pub(super) struct Drill<'a> {
    pub(super) generation: Generation,
    pub(super) position: Position,
    pub(super) log: &'a dyn EventLog,
    pub(super) vault: &'a Vault,
    pub(super) left_out: &'a LeftOut,
    pub(super) interpreter: Interpreter,
    pub(super) reference: &'a Reference,
    pub(super) privacy: Vec<RecordedEvent>,
}

impl Drill<'_> {
    /// Looks into a page whose counts differ. Nothing where every row is what the events make of it: an event about what is not
    /// there changes nothing, and is no hole.
    pub(super) async fn look_into(
        &mut self,
        snapshot: &Transaction<'_>,
        date: NaiveDate,
        [in_log, applied]: [PageCounts; 2],
    ) -> Result<Option<PageFinding>, ViewError> {
        let page = self.page(date).await?;
        let mut rows = match self.generation.model {
            ReadModel::Legacy => self.reservations::<LegacyRow>(snapshot, &page, date).await?,
            ReadModel::Dynamic => self.reservations::<DynamicRow>(snapshot, &page, date).await?,
        };
        rows.extend(self.closures(snapshot, &page, date).await?);
        if rows.is_empty() && self.digest_counts_right(snapshot, date, applied).await? {
            return Ok(None);
        }
        let differing = rows.len() as u64;
        rows.truncate(MAX_FINDINGS);
        Ok(Some(PageFinding { stream: page_name(date), date, in_log, applied, differing, rows }))
    }

    /// The page as the log has it.
    pub(super) async fn page(&mut self, date: NaiveDate) -> Result<Page, ViewError> {
        let bounds = (self.position, self.left_out);
        Page::read(self.log, self.vault, &mut self.interpreter, date, &self.privacy, bounds).await
    }

    async fn digest_counts_right(
        &self,
        snapshot: &Transaction<'_>,
        date: NaiveDate,
        applied: PageCounts,
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
        page: &Page,
        date: NaiveDate,
    ) -> Result<Vec<RowFinding>, ViewError> {
        let expected: Fold<R> = page.fold(self.reference);
        let there: Vec<R> = rows_of(snapshot, self.generation, date, &expected).await?;
        let by_id: HashMap<&str, &R> = there.iter().map(|row| (row.id(), row)).collect();
        let mut findings = Vec::new();
        for wanted in expected.rows.values() {
            let row = by_id.get(wanted.id()).copied();
            if let Some(fault) = fault(wanted.as_ref(), row, self.reference) {
                findings.push(self.finding(page, wanted.as_ref(), row, fault));
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
        page: &Page,
        wanted: &R,
        row: Option<&R>,
        fault: Fault,
    ) -> RowFinding {
        let steps: Vec<&Step> = page.about(wanted.id()).collect();
        let applied = row.map_or(0, |row| version(row, self.reference));
        let in_log = version(wanted, self.reference);
        let missing = match (fault, row) {
            (Fault::NoRow, _) => Some(0..steps.len()),
            (Fault::Behind, Some(row)) => {
                let count = usize::try_from(in_log - applied).unwrap_or_default();
                passed_over(page, row, count, steps.len(), self.reference)
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
        page: &Page,
        date: NaiveDate,
    ) -> Result<Vec<RowFinding>, ViewError> {
        let expected: Fold<LegacyRow> = page.fold(self.reference);
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

    /// Days with rows that show a patient who was forgotten after they were made. One who booked anew since is among
    /// them where old rows were imported later; the page tells.
    pub(super) async fn days_with_a_forgotten_patient(
        &mut self,
        snapshot: &Transaction<'_>,
    ) -> Result<BTreeSet<NaiveDate>, ViewError> {
        let (mut subjects, mut moments): (Vec<Uuid>, Vec<NaiveDateTime>) = (Vec::new(), Vec::new());
        self.privacy.retain(|event| !self.left_out.holds(event.position));
        let effects = interpret_sound(&mut self.interpreter, self.vault, &self.privacy).await?;
        for (event, effect) in self.privacy.iter().zip(&effects) {
            if let (ViewChange::Forget { subject }, Ok((_, metadata))) =
                (effect, codec::decode_metadata(&event.metadata))
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
    row.fact(reference).version.into()
}

fn fault<R: ReservationRow>(wanted: &R, row: Option<&R>, reference: &Reference) -> Option<Fault> {
    let Some(row) = row else { return Some(Fault::NoRow) };
    let (there, in_log) = (version(row, reference), version(wanted, reference));
    let is_erased = |row: &R| row.fact(reference).patient_name == ERASED;
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

/// The so many events that follow one another without which a reservation's row would be as it is; the last ones first, since
/// a view mostly misses those.
fn passed_over<R: ReservationRow>(
    page: &Page,
    row: &R,
    count: usize,
    of: usize,
    reference: &Reference,
) -> Option<Range<usize>> {
    let there = as_json(row);
    let would_be = |range: &Range<usize>| {
        page.row_without::<R>(row.id(), range, reference).is_some_and(|row| as_json(&row) == there)
    };
    (1..=of.checked_sub(count)?).rev().map(|start| start..start + count).find(would_be)
}

/// What a row holds, column by column. Nothing where it cannot be said, which equals no row.
pub(super) fn as_json(row: &impl Serialize) -> Option<Value> {
    serde_json::to_value(row).ok()
}

/// The rows of a day, and those that belong on its page wherever they stand.
pub(super) async fn rows_of<R: ReservationRow>(
    client: &impl GenericClient,
    generation: Generation,
    date: NaiveDate,
    page: &Fold<R>,
) -> Result<Vec<R>, ViewError> {
    let sql = format!(
        r#"SELECT to_json(r)::text FROM {}.reservations r WHERE "preferredDate" = $1 OR id = ANY($2)"#,
        generation.schema()
    );
    let ids: Vec<&str> = page.rows.keys().map(|id| &**id).collect();
    let rows = client.query(&sql, &[&date, &ids]).await?;
    rows.iter().map(|row| rows::read_json(row.try_get(0)?, generation)).collect()
}

/// The closures of a day, and those that belong on its page wherever they stand.
pub(super) async fn closures_of<R: ReservationRow>(
    client: &impl GenericClient,
    generation: Generation,
    date: NaiveDate,
    page: &Fold<R>,
) -> Result<Vec<ClosureRow>, ViewError> {
    let sql = format!(
        "SELECT to_json(c)::text FROM {}.manual_time_closures c WHERE date = $1 OR id = ANY($2)",
        generation.schema()
    );
    let ids: Vec<&str> = page.closures.keys().map(|id| &**id).collect();
    let rows = client.query(&sql, &[&date, &ids]).await?;
    rows.iter().map(|row| rows::read_json(row.try_get(0)?, generation)).collect()
}

/// Tables of services, limits and hours that do not hold what the log does.
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
