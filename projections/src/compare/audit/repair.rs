//! Repair: replaces rows of one day with rows derived from its stream.
//!
//! It must write exactly what a rebuild would write. A forgotten patient stays forgotten: the key is destroyed, and
//! forgettings are folded with the day.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use daybook_domain::schedule::ScheduleEvent;
use daybook_domain::{Event, ReadModel, ReservationId};
use daybook_event_log::{Category, EventLog, Filter, Position, decode};
use daybook_vault::Vault;
use deadpool_postgres::{GenericClient, Transaction};
use futures_util::TryStreamExt;
use serde::Serialize;
use serde_json::Value;

use super::count::SkippedEvents;
use super::finding::{DayInspector, as_json, closures_of, rows_of};
use super::{MAX_FINDINGS, day_events};
use crate::control::error::ViewError;
use crate::control::generation::GenerationStatus;
use crate::control::ids::Generation;
use crate::projection::closure::ClosureRow;
use crate::projection::day_digests::{self, DayDigests};
use crate::projection::fold::Fold;
use crate::projection::interpret::resume;
use crate::projection::reference::Reference;
use crate::projection::row::ReservationRow;
use crate::projection::row::dynamic::DynamicRow;
use crate::projection::row::legacy::LegacyRow;
use crate::store::rows;

/// What to derive again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    Reservation(ReservationId),
    /// All reservations and closures of a day.
    Day(NaiveDate),
}

/// The result of a repair.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs, reason = "the names of these fields say what they are")]
pub struct Repaired {
    pub generation: Generation,
    pub position: Position,
    /// The day whose stream the rows were derived from.
    pub date: NaiveDate,
    /// Reservations and closures that were inserted or replaced.
    pub written: u64,
    /// Reservations and closures that were deleted.
    pub removed: u64,
    /// Rows that were already right.
    pub unchanged: u64,
    /// The first of the written and deleted rows.
    pub rows: Vec<ChangedRow>,
}

/// A row that was written or deleted.
#[derive(Debug, Clone, Serialize)]
pub struct ChangedRow {
    /// Id of the reservation or closure.
    pub id: String,
    /// Columns whose value changed. Empty if the row is new or was deleted.
    pub columns: Vec<String>,
}

/// The rows to replace.
struct DayRepair<'a> {
    transaction: &'a Transaction<'a>,
    generation: Generation,
    date: NaiveDate,
    reference: &'a Reference,
    only: Option<&'a ReservationId>,
}

/// Repairs within a transaction that locks the checkpoints.
pub(super) async fn run(
    log: &dyn EventLog,
    vault: &Vault,
    transaction: &Transaction<'_>,
    status: &GenerationStatus,
    (date, only): (NaiveDate, Option<&ReservationId>),
) -> Result<Repaired, ViewError> {
    let (generation, position) = (status.generation, status.position);
    let skipped = SkippedEvents::read(transaction, generation, position).await?;
    let (interpreter, reference) = resume(log, vault, position, skipped.positions()).await?;
    let privacy = day_events::read_privacy(log, position).await?;
    let mut inspector = DayInspector {
        generation,
        position,
        log,
        vault,
        skipped: &skipped,
        interpreter,
        reference: &reference,
        privacy,
    };
    let day = inspector.day_events(date).await?;
    let place = DayRepair { transaction, generation, date, reference: &reference, only };
    let mut repaired =
        Repaired { generation, position, date, written: 0, removed: 0, unchanged: 0, rows: vec![] };
    match generation.model {
        ReadModel::Legacy => place.replace::<LegacyRow>(day.fold(&reference), &mut repaired).await?,
        ReadModel::Dynamic => place.replace::<DynamicRow>(day.fold(&reference), &mut repaired).await?,
    }
    Ok(repaired)
}

/// The day of a reservation according to the log. The row may be stored under a wrong day, so it is used only if the
/// log does not know the reservation.
pub(super) async fn date_of(
    log: &dyn EventLog,
    client: &impl GenericClient,
    generation: Generation,
    id: &ReservationId,
) -> Result<NaiveDate, ViewError> {
    let mut events = log.read_all(Position::START, &Filter::categories([Category::Daybook])).await?;
    let mut date = None;
    while let Some(event) = events.try_next().await? {
        // An event that cannot be decoded is parked and creates nothing.
        let entered = match decode(&event) {
            Ok((Event::Schedule(ScheduleEvent::ReservationRequested(e)), _)) => e.reservation == *id,
            Ok((Event::Schedule(ScheduleEvent::ReservationImported(e)), _)) => e.reservation == *id,
            Ok((Event::Schedule(ScheduleEvent::ReservationMovedIn(e)), _)) => e.row.reservation == *id,
            Ok(_) | Err(_) => false,
        };
        if entered {
            date = event.stream.page_date().or(date);
        }
    }
    if let Some(date) = date {
        return Ok(date);
    }
    let sql = format!(r#"SELECT "preferredDate" FROM {}.reservations WHERE id = $1"#, generation.schema());
    match client.query_opt(&sql, &[&id.as_str()]).await? {
        Some(row) => Ok(row.try_get(0)?),
        None => Err(ViewError::NoSuchReservation { generation }),
    }
}

impl DayRepair<'_> {
    async fn replace<R: ReservationRow>(
        &self,
        day: Fold<R>,
        repaired: &mut Repaired,
    ) -> Result<(), ViewError> {
        let there: Vec<R> = rows_of(self.transaction, self.generation, self.date, &day).await?;
        let mut days: BTreeSet<NaiveDate> = there.iter().map(R::date).collect();
        days.insert(self.date);
        let is_meant = |row: &&R| self.only.is_none_or(|only| only.as_str() == row.id());
        let wanted: Vec<&R> = day.rows.values().map(Box::as_ref).filter(is_meant).collect();
        let there: Vec<&R> = there.iter().filter(is_meant).collect();
        let changes = Changes::between(&wanted, &there, |row| row.id());
        self.delete("reservations", &changes.removed).await?;
        rows::write_rows(self.transaction, self.generation, &changes.written).await?;
        changes.record_in(repaired);
        if self.only.is_none() {
            self.replace_closures(&day, repaired).await?;
        }
        self.recount::<R>(&days).await
    }

    async fn replace_closures<R: ReservationRow>(
        &self,
        day: &Fold<R>,
        repaired: &mut Repaired,
    ) -> Result<(), ViewError> {
        let there = closures_of(self.transaction, self.generation, self.date, day).await?;
        let (wanted, there): (Vec<&ClosureRow>, Vec<&ClosureRow>) =
            (day.closures.values().collect(), there.iter().collect());
        let changes = Changes::between(&wanted, &there, |row| &*row.id);
        self.delete("manual_time_closures", &changes.removed).await?;
        if !changes.written.is_empty() {
            rows::write_closures(self.transaction, self.generation, &changes.written).await?;
        }
        changes.record_in(repaired);
        Ok(())
    }

    async fn delete(&self, table: &str, ids: &[&str]) -> Result<(), ViewError> {
        let sql = format!("DELETE FROM {}.{table} WHERE id = ANY($1)", self.generation.schema());
        self.transaction.execute(&sql, &[&ids]).await?;
        Ok(())
    }

    /// Recomputes the digests of the days from their rows.
    async fn recount<R: ReservationRow>(&self, days: &BTreeSet<NaiveDate>) -> Result<(), ViewError> {
        let (schema, days) = (self.generation.schema(), days.iter().copied().collect::<Vec<_>>());
        let sql = format!(
            r#"SELECT to_json(r)::text FROM {schema}.reservations r WHERE "preferredDate" = ANY($1)"#
        );
        let mut sums = DayDigests::new();
        for row in self.transaction.query(&sql, &[&days]).await? {
            let row: R = rows::read_json(row.try_get(0)?, self.generation)?;
            day_digests::add(&mut sums, &row, self.reference);
        }
        let clear = format!("DELETE FROM {schema}.day_digests WHERE date = ANY($1)");
        self.transaction.execute(&clear, &[&days]).await?;
        rows::add_digests(self.transaction, self.generation, &sums).await
    }
}

/// The writes that turn the existing rows into the wanted ones.
struct Changes<'a, T> {
    written: Vec<&'a T>,
    removed: Vec<&'a str>,
    unchanged: u64,
    rows: Vec<ChangedRow>,
}

impl<'a, T: Serialize> Changes<'a, T> {
    fn between(wanted: &[&'a T], there: &[&'a T], id: impl Fn(&'a T) -> &'a str) -> Self {
        let mut changes = Self { written: Vec::new(), removed: Vec::new(), unchanged: 0, rows: Vec::new() };
        let mut strays: BTreeMap<&str, &T> = there.iter().map(|row| (id(row), *row)).collect();
        for row in wanted.iter().copied() {
            let before = strays.remove(id(row));
            let columns = before.map_or_else(Vec::new, |before| differing(before, row));
            if before.is_some() && columns.is_empty() {
                changes.unchanged += 1;
            } else {
                changes.rows.push(ChangedRow { id: id(row).to_owned(), columns });
                changes.written.push(row);
            }
        }
        changes.removed = strays.into_keys().collect();
        let gone = changes.removed.iter().map(|id| ChangedRow { id: (*id).to_owned(), columns: vec![] });
        changes.rows.extend(gone);
        changes
    }

    fn record_in(self, repaired: &mut Repaired) {
        repaired.written += self.written.len() as u64;
        repaired.removed += self.removed.len() as u64;
        repaired.unchanged += self.unchanged;
        let room = MAX_FINDINGS.saturating_sub(repaired.rows.len());
        repaired.rows.extend(self.rows.into_iter().take(room));
    }
}

/// Names of the columns in which two rows differ.
fn differing(before: &impl Serialize, after: &impl Serialize) -> Vec<String> {
    let (Some(Value::Object(before)), Some(Value::Object(after))) = (as_json(before), as_json(after)) else {
        return Vec::new();
    };
    after.into_iter().filter(|(name, value)| before.get(name) != Some(value)).map(|(name, _)| name).collect()
}
