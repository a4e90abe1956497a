//! Repair: rows of one page derived anew from its stream, in place of those that are there.
//!
//! It must write what a rebuild would write and nothing else: a patient who was forgotten stays so, since a destroyed key
//! opens nothing and what was forgotten is folded with the page.

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

use super::count::LeftOut;
use super::finding::{Drill, as_json, closures_of, rows_of};
use super::{MAX_FINDINGS, page};
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

/// What is to be derived anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// One reservation.
    Reservation(ReservationId),
    /// All reservations and closures of a day.
    Day(NaiveDate),
}

/// What a repair changed.
#[derive(Debug, Clone, Serialize)]
pub struct Repaired {
    /// In which generation.
    pub generation: Generation,
    /// Up to where it holds everything.
    pub position: Position,
    /// Which page the rows were derived from.
    pub date: NaiveDate,
    /// Reservations and closures that were written, anew or in place of what was there.
    pub written: u64,
    /// Reservations and closures that were taken out.
    pub removed: u64,
    /// Rows that are as they should be already.
    pub unchanged: u64,
    /// The first of those that were written or taken out.
    pub rows: Vec<ChangedRow>,
}

/// A row that was changed.
#[derive(Debug, Clone, Serialize)]
pub struct ChangedRow {
    /// Id of the reservation or closure.
    pub id: String,
    /// Columns that hold something else now. Empty where the row was not there, or is not there any more.
    pub columns: Vec<String>,
}

/// What has to be known of a page before its rows are replaced.
struct Place<'a> {
    transaction: &'a Transaction<'a>,
    generation: Generation,
    date: NaiveDate,
    reference: &'a Reference,
    only: Option<&'a ReservationId>,
}

/// Repairs within a transaction that holds the checkpoints.
pub(super) async fn run(
    log: &dyn EventLog,
    vault: &Vault,
    transaction: &Transaction<'_>,
    standing: &GenerationStatus,
    (date, only): (NaiveDate, Option<&ReservationId>),
) -> Result<Repaired, ViewError> {
    let (generation, position) = (standing.generation, standing.position);
    let left_out = LeftOut::read(transaction, generation, position).await?;
    let (interpreter, reference) = resume(log, vault, position, left_out.positions()).await?;
    let privacy = page::read_privacy(log, position).await?;
    let mut drill = Drill {
        generation,
        position,
        log,
        vault,
        left_out: &left_out,
        interpreter,
        reference: &reference,
        privacy,
    };
    let page = drill.page(date).await?;
    let place = Place { transaction, generation, date, reference: &reference, only };
    let mut repaired =
        Repaired { generation, position, date, written: 0, removed: 0, unchanged: 0, rows: vec![] };
    match generation.model {
        ReadModel::Legacy => place.replace::<LegacyRow>(page.fold(&reference), &mut repaired).await?,
        ReadModel::Dynamic => place.replace::<DynamicRow>(page.fold(&reference), &mut repaired).await?,
    }
    Ok(repaired)
}

/// The day on whose page a reservation is: the log says. A row may stand on a wrong day, and is asked only for what the log
/// does not know.
pub(super) async fn date_of(
    log: &dyn EventLog,
    client: &impl GenericClient,
    generation: Generation,
    id: &ReservationId,
) -> Result<NaiveDate, ViewError> {
    let mut events = log.read_all(Position::START, &Filter::categories([Category::Daybook])).await?;
    while let Some(event) = events.try_next().await? {
        // An event that cannot be understood is parked, and enters nothing.
        let entered = match decode(&event) {
            Ok((Event::Schedule(ScheduleEvent::ReservationRequested(e)), _)) => e.reservation == *id,
            Ok((Event::Schedule(ScheduleEvent::ReservationImported(e)), _)) => e.reservation == *id,
            Ok(_) | Err(_) => false,
        };
        if let Some(date) = event.stream.page_date().filter(|_| entered) {
            return Ok(date);
        }
    }
    let sql = format!(r#"SELECT "preferredDate" FROM {}.reservations WHERE id = $1"#, generation.schema());
    match client.query_opt(&sql, &[&id.as_str()]).await? {
        Some(row) => Ok(row.try_get(0)?),
        None => Err(ViewError::NoSuchReservation { generation }),
    }
}

impl Place<'_> {
    async fn replace<R: ReservationRow>(
        &self,
        page: Fold<R>,
        repaired: &mut Repaired,
    ) -> Result<(), ViewError> {
        let there: Vec<R> = rows_of(self.transaction, self.generation, self.date, &page).await?;
        let mut days: BTreeSet<NaiveDate> = there.iter().map(R::date).collect();
        days.insert(self.date);
        let is_meant = |row: &&R| self.only.is_none_or(|only| only.as_str() == row.id());
        let wanted: Vec<&R> = page.rows.values().map(Box::as_ref).filter(is_meant).collect();
        let there: Vec<&R> = there.iter().filter(is_meant).collect();
        let changes = Changes::between(&wanted, &there, |row| row.id());
        self.delete("reservations", &changes.removed).await?;
        rows::write_rows(self.transaction, self.generation, &changes.written).await?;
        changes.enter(repaired);
        if self.only.is_none() {
            self.replace_closures(&page, repaired).await?;
        }
        self.recount::<R>(&days).await
    }

    async fn replace_closures<R: ReservationRow>(
        &self,
        page: &Fold<R>,
        repaired: &mut Repaired,
    ) -> Result<(), ViewError> {
        let there = closures_of(self.transaction, self.generation, self.date, page).await?;
        let (wanted, there): (Vec<&ClosureRow>, Vec<&ClosureRow>) =
            (page.closures.values().collect(), there.iter().collect());
        let changes = Changes::between(&wanted, &there, |row| &*row.id);
        self.delete("manual_time_closures", &changes.removed).await?;
        if !changes.written.is_empty() {
            rows::write_closures(self.transaction, self.generation, &changes.written).await?;
        }
        changes.enter(repaired);
        Ok(())
    }

    async fn delete(&self, table: &str, ids: &[&str]) -> Result<(), ViewError> {
        let sql = format!("DELETE FROM {}.{table} WHERE id = ANY($1)", self.generation.schema());
        self.transaction.execute(&sql, &[&ids]).await?;
        Ok(())
    }

    /// Sums up the days anew, from their rows as they are now.
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

/// What has to be done so that the rows that are there become those that are wanted.
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

    fn enter(self, repaired: &mut Repaired) {
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
