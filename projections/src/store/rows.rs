//! Rows of a generation in PostgreSQL: fetched for a batch, written back with it, or loaded with COPY.

use std::collections::BTreeSet;

use bytes::Bytes;
use chrono::NaiveDate;
use daybook_domain::SubjectId;
use deadpool_postgres::{Client, GenericClient, Transaction};
use futures_util::SinkExt;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio_postgres::IsolationLevel;
use uuid::Uuid;

use crate::control::error::ViewError;
use crate::control::ids::Generation;
use crate::projection::canonical::Digest;
use crate::projection::change::{ERASED, ViewChange};
use crate::projection::closure::ClosureRow;
use crate::projection::day_digests::{DayDigest, DayDigests, add, remove};
use crate::projection::fold::Fold;
use crate::projection::reference::Reference;
use crate::projection::row::ReservationRow;

/// A read-only transaction that sees one consistent state of the database.
pub async fn snapshot(client: &mut Client) -> Result<Transaction<'_>, ViewError> {
    let snapshot = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
    Ok(snapshot.start().await?)
}

/// A transaction that sees one consistent state of the database and fails if a row that it writes has changed since.
pub(crate) async fn writing_snapshot(client: &mut Client) -> Result<Transaction<'_>, ViewError> {
    Ok(client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).start().await?)
}

/// The number of reservations of these patients that are not erased.
pub(crate) async fn count_named(
    client: &impl GenericClient,
    generation: Generation,
    subjects: &[SubjectId],
) -> Result<u64, ViewError> {
    let subjects: Vec<Uuid> = subjects.iter().map(|subject| Uuid::from_bytes(*subject.as_bytes())).collect();
    let sql = format!(
        r#"SELECT count(*) FROM {}.reservations WHERE subject = ANY($1)
           AND ("patientName" <> $2 OR phone <> $2 OR num_nonnulls(email, "birthDate", notes, "adminNotes") > 0)"#,
        generation.schema()
    );
    Ok(client.query_one(&sql, &[&subjects, &ERASED]).await?.try_get::<_, i64>(0)?.unsigned_abs())
}

/// Applies changes to a generation's tables within a transaction. Returns the reference data after them.
pub(crate) async fn apply<R: ReservationRow>(
    transaction: &Transaction<'_>,
    generation: Generation,
    changes: &[&ViewChange],
    reference: Reference,
) -> Result<Reference, ViewError> {
    let mut fold: Fold<R> = Fold::new(reference);
    fetch(transaction, generation, changes, &mut fold).await?;
    let mut change = DayDigests::new();
    let before: Vec<Box<R>> = fold.rows.values().cloned().collect();
    before.iter().for_each(|row| remove(&mut change, row.as_ref(), &fold.reference));
    changes.iter().copied().for_each(|change| fold.apply(change));
    fold.rows.values().for_each(|row| add(&mut change, row.as_ref(), &fold.reference));
    change.retain(|_, day| *day != DayDigest::default());
    save(transaction, generation, &fold, &change).await?;
    Ok(fold.reference)
}

/// Fetches the rows that the changes affect into the fold.
async fn fetch<R: ReservationRow>(
    transaction: &Transaction<'_>,
    generation: Generation,
    changes: &[&ViewChange],
    fold: &mut Fold<R>,
) -> Result<(), ViewError> {
    let mut reservations = BTreeSet::new();
    let mut subjects = Vec::new();
    let mut closures = Vec::new();
    for change in changes {
        match *change {
            ViewChange::Create { reservation, .. }
            | ViewChange::Change { reservation, .. }
            | ViewChange::ForgetReservation { reservation, .. } => {
                reservations.insert(reservation.as_str());
            }
            ViewChange::Forget { subject } => subjects.push(Uuid::from_bytes(*subject.as_bytes())),
            ViewChange::Reopen { closure, .. } => closures.push(closure.as_str()),
            ViewChange::Close { .. }
            | ViewChange::Catalog { .. }
            | ViewChange::Hours { .. }
            | ViewChange::Nothing => {}
        }
    }
    let schema = generation.schema();
    if !reservations.is_empty() || !subjects.is_empty() {
        let sql = format!(
            "SELECT to_json(r)::text FROM {schema}.reservations r WHERE id = ANY($1) OR subject = ANY($2)"
        );
        let ids: Vec<&str> = reservations.into_iter().collect();
        let statement = transaction.prepare_cached(&sql).await?;
        for row in transaction.query(&statement, &[&ids, &subjects]).await? {
            let row: R = read_json(row.try_get(0)?, generation)?;
            fold.rows.insert(row.id().into(), Box::new(row));
        }
    }
    if !closures.is_empty() {
        let sql = format!("SELECT to_json(c)::text FROM {schema}.manual_time_closures c WHERE id = ANY($1)");
        for row in transaction.query(&sql, &[&closures]).await? {
            let row: ClosureRow = read_json(row.try_get(0)?, generation)?;
            fold.closures.insert(row.id.clone(), row);
        }
    }
    Ok(())
}

/// Parses a row that PostgreSQL returns as JSON. The parse error is dropped because it could show the row.
pub(crate) fn read_json<T: DeserializeOwned>(json: &str, generation: Generation) -> Result<T, ViewError> {
    serde_json::from_str(json).map_err(|_| ViewError::Row { generation })
}

fn write_json<T: serde::Serialize>(rows: &[T], generation: Generation) -> Result<String, ViewError> {
    serde_json::to_string(rows).map_err(|_| ViewError::Row { generation })
}

/// Writes the changed rows of a fold and updates the day digests.
async fn save<R: ReservationRow>(
    transaction: &Transaction<'_>,
    generation: Generation,
    fold: &Fold<R>,
    change: &DayDigests,
) -> Result<(), ViewError> {
    let touched = &fold.touched;
    if touched.reference {
        write_reference(transaction, generation, &fold.reference).await?;
    }
    let rows: Vec<&R> = touched.rows.iter().filter_map(|id| fold.rows.get(id)).map(Box::as_ref).collect();
    write_rows(transaction, generation, &rows).await?;
    let closures: Vec<&ClosureRow> = touched.closures.iter().filter_map(|id| fold.closures.get(id)).collect();
    if !closures.is_empty() {
        write_closures(transaction, generation, &closures).await?;
    }
    if !change.is_empty() {
        add_digests(transaction, generation, change).await?;
    }
    Ok(())
}

/// Inserts or replaces reservations.
pub(crate) async fn write_rows<R: ReservationRow>(
    transaction: &Transaction<'_>,
    generation: Generation,
    rows: &[&R],
) -> Result<(), ViewError> {
    if !rows.is_empty() {
        let statement = transaction.prepare_cached(&upsert("reservations", R::COLUMNS, generation)).await?;
        transaction.execute(&statement, &[&write_json(rows, generation)?]).await?;
    }
    Ok(())
}

/// `INSERT … ON CONFLICT DO UPDATE` of rows given as one JSON array.
fn upsert(table: &str, columns: &[&str], generation: Generation) -> String {
    let rows = format!("json_populate_recordset(NULL::{}.{table}, $1::text::json)", generation.schema());
    upsert_from(&rows, table, columns, generation)
}

fn upsert_from(rows: &str, table: &str, columns: &[&str], generation: Generation) -> String {
    let schema = generation.schema();
    let names = columns.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let values = columns.iter().map(|name| format!("excluded.\"{name}\"")).collect::<Vec<_>>().join(", ");
    format!(
        "INSERT INTO {schema}.{table} ({names}) SELECT {names} FROM {rows}
         ON CONFLICT (id) DO UPDATE SET ({names}) = ROW ({values})"
    )
}

/// Writes the reference data, and one row of each other table, again as they are, with the statements that events use.
/// Fails if the view takes no writes at all. Rows with one id are left out: they may be why an event fails.
pub(crate) async fn rewrite<R: ReservationRow>(
    transaction: &Transaction<'_>,
    generation: Generation,
    reference: &Reference,
    other_than: &str,
) -> Result<(), ViewError> {
    write_reference(transaction, generation, reference).await?;
    for (table, columns) in [("reservations", R::COLUMNS), ("manual_time_closures", CLOSURE_COLUMNS)] {
        let schema = generation.schema();
        let rows = format!("(SELECT * FROM {schema}.{table} WHERE id <> $1 LIMIT 1) AS one");
        transaction.execute(&upsert_from(&rows, table, columns, generation), &[&other_than]).await?;
    }
    write_digests(transaction, generation, &DayDigests::new()).await
}

const CLOSURE_COLUMNS: &[&str] = &[
    "id",
    "date",
    "period",
    "startTime",
    "endTime",
    "serviceId",
    "reason",
    "createdBy",
    "createdAt",
    "updatedAt",
    "isActive",
];

/// Inserts or replaces closures.
pub(crate) async fn write_closures(
    client: &impl GenericClient,
    generation: Generation,
    closures: &[&ClosureRow],
) -> Result<(), ViewError> {
    let sql = upsert("manual_time_closures", CLOSURE_COLUMNS, generation);
    client.execute(&sql, &[&write_json(closures, generation)?]).await?;
    Ok(())
}

/// Writes the reference tables. Services and limits are never deleted, hours are.
pub(crate) async fn write_reference(
    client: &impl GenericClient,
    generation: Generation,
    reference: &Reference,
) -> Result<(), ViewError> {
    let schema = generation.schema();
    client.execute(&format!("DELETE FROM {schema}.clinic_time_slots"), &[]).await?;
    let tables = reference.tables(generation.model).map_err(|_| ViewError::Row { generation })?;
    for named in tables {
        let table = named.table;
        let columns = client
            .query_one(
                "SELECT string_agg(format('%I', attname), ', ' ORDER BY attnum) AS names,
                        string_agg(format('excluded.%I', attname), ', ' ORDER BY attnum) AS values
                 FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped",
                &[&format!("{schema}.{table}")],
            )
            .await?;
        let (names, values): (String, String) = (columns.try_get(0)?, columns.try_get(1)?);
        let sql = format!(
            "INSERT INTO {schema}.{table} SELECT * FROM json_populate_recordset(NULL::{schema}.{table}, $1::text::json)
             ON CONFLICT (id) DO UPDATE SET ({names}) = ROW ({values})"
        );
        client.execute(&sql, &[&named.rows]).await?;
    }
    Ok(())
}

/// Adds a change to the day digests. The sums are computed here because PostgreSQL cannot add 16-byte numbers.
pub(crate) async fn add_digests(
    transaction: &Transaction<'_>,
    generation: Generation,
    change: &DayDigests,
) -> Result<(), ViewError> {
    let days: Vec<NaiveDate> = change.keys().copied().collect();
    let sql = format!(
        "SELECT date, reservations, digest FROM {}.day_digests WHERE date = ANY($1)",
        generation.schema()
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let mut sums = change.clone();
    for row in transaction.query(&statement, &[&days]).await? {
        let (date, day) = read_digest(&row)?;
        let sum = sums.entry(date).or_default();
        sum.reservations += day.reservations;
        sum.digest = sum.digest.with(day.digest);
    }
    let (empty, used): (DayDigests, DayDigests) =
        sums.into_iter().partition(|(_, day)| *day == DayDigest::default());
    delete_digests(transaction, generation, &empty).await?;
    write_digests(transaction, generation, &used).await
}

/// Deletes the digests of days whose last reservation was moved to another day: a rebuild writes none.
async fn delete_digests(
    client: &impl GenericClient,
    generation: Generation,
    days: &DayDigests,
) -> Result<(), ViewError> {
    if days.is_empty() {
        return Ok(());
    }
    let dates: Vec<NaiveDate> = days.keys().copied().collect();
    let sql = format!("DELETE FROM {}.day_digests WHERE date = ANY($1)", generation.schema());
    client.execute(&sql, &[&dates]).await?;
    Ok(())
}

/// Inserts or replaces day digests.
async fn write_digests(
    client: &impl GenericClient,
    generation: Generation,
    days: &DayDigests,
) -> Result<(), ViewError> {
    let dates: Vec<NaiveDate> = days.keys().copied().collect();
    let counts: Vec<i64> = days.values().map(|day| day.reservations).collect();
    let digests: Vec<Uuid> = days.values().map(|day| day.digest.to_uuid()).collect();
    let sql = format!(
        "INSERT INTO {}.day_digests (date, reservations, digest)
         SELECT * FROM unnest($1::date[], $2::bigint[], $3::uuid[])
         ON CONFLICT (date) DO UPDATE SET reservations = excluded.reservations, digest = excluded.digest",
        generation.schema()
    );
    client.execute(&sql, &[&dates, &counts, &digests]).await?;
    Ok(())
}

/// The stored digests of all days with reservations.
pub async fn read_digests(
    client: &impl GenericClient,
    generation: Generation,
) -> Result<DayDigests, ViewError> {
    let sql = format!(
        "SELECT date, reservations, digest FROM {}.day_digests WHERE reservations <> 0",
        generation.schema()
    );
    client.query(&sql, &[]).await?.iter().map(read_digest).collect()
}

/// Reads a row of `day_digests`.
pub(crate) fn read_digest(row: &tokio_postgres::Row) -> Result<(NaiveDate, DayDigest), ViewError> {
    let digest = Digest::from_uuid(row.try_get(2)?);
    Ok((row.try_get(0)?, DayDigest { reservations: row.try_get(1)?, digest }))
}

/// Writes the reference data and closures of a new generation.
pub(crate) async fn load_beside(
    client: &impl GenericClient,
    generation: Generation,
    reference: &Reference,
    closures: &[&ClosureRow],
) -> Result<(), ViewError> {
    write_reference(client, generation, reference).await?;
    write_closures(client, generation, closures).await
}

/// Copies the parts of a [`crate::store::copy::CopyBuffer`] into the reservations of a generation.
pub(crate) async fn copy_in<R: ReservationRow>(
    client: &Client,
    generation: Generation,
    mut parts: mpsc::Receiver<Bytes>,
) -> Result<(), ViewError> {
    let names = R::COLUMNS.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let sql = format!("COPY {}.reservations ({names}) FROM STDIN (FORMAT binary)", generation.schema());
    let mut sink = Box::pin(client.copy_in(&sql).await?);
    while let Some(part) = parts.recv().await {
        sink.send(part).await?;
    }
    sink.as_mut().finish().await?;
    Ok(())
}
