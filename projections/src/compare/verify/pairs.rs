//! Rows of two generations side by side, read from one snapshot in the order of their ids.

use chrono::NaiveDate;
use daybook_domain::ReadModel;
use deadpool_postgres::Transaction;
use futures_util::{Stream, TryStreamExt};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::alignment::ComparedPair;
use crate::control::error::ViewError;
use crate::control::ids::Generation;
use crate::projection::canonical::CanonicalReservation;
use crate::projection::reference::Reference;
use crate::projection::row::ReservationRow;
use crate::projection::row::dynamic::DynamicRow;
use crate::projection::row::legacy::LegacyRow;
use crate::store::rows::read_json;

/// A row of either view.
pub(super) enum AnyRow {
    Legacy(Box<LegacyRow>),
    Dynamic(Box<DynamicRow>),
}

impl AnyRow {
    fn read(json: &str, generation: Generation) -> Result<Self, ViewError> {
        match generation.model {
            ReadModel::Legacy => read_json(json, generation).map(Self::Legacy),
            ReadModel::Dynamic => read_json(json, generation).map(Self::Dynamic),
        }
    }

    /// The row if it belongs to the dynamic view.
    pub(super) fn dynamic(&self) -> Option<&DynamicRow> {
        match self {
            Self::Legacy(_) => None,
            Self::Dynamic(row) => Some(row),
        }
    }

    pub(super) fn canonical<'a>(&'a self, reference: &'a Reference) -> CanonicalReservation<'a> {
        match self {
            Self::Legacy(row) => row.canonical(reference),
            Self::Dynamic(row) => row.canonical(reference),
        }
    }
}

/// A reservation in both generations, or in the one that has it.
pub(super) type Pair = [Option<AnyRow>; 2];

/// All reservations of either generation, or those of some days. One stream, because two streams on one connection
/// would wait for each other.
pub(super) async fn pairs(
    snapshot: &Transaction<'_>,
    pair: &ComparedPair,
    days: Option<&[NaiveDate]>,
) -> Result<impl Stream<Item = Result<Pair, ViewError>> + use<>, ViewError> {
    let generations = pair.generations;
    let [left, right] = generations.map(|generation| match days {
        Some(_) => {
            format!(r#"(SELECT * FROM {}.reservations WHERE "preferredDate" = ANY($1))"#, generation.schema())
        }
        None => format!("{}.reservations", generation.schema()),
    });
    let sql = format!(
        r#"SELECT CASE WHEN l.id IS NOT NULL THEN to_json(l)::text END,
                  CASE WHEN r.id IS NOT NULL THEN to_json(r)::text END
           FROM {left} l FULL JOIN {right} r ON r.id = l.id
           ORDER BY COALESCE(l.id, r.id) COLLATE "C""#
    );
    let parameters: Vec<&(dyn ToSql + Sync)> = days.iter().map(|days| days as &(dyn ToSql + Sync)).collect();
    let rows = snapshot.query_raw(&sql, parameters).await?;
    let read = move |row: Row| {
        let [left, right] = generations;
        Ok([read_side(&row, 0, left)?, read_side(&row, 1, right)?])
    };
    Ok(rows.map_err(ViewError::from).and_then(move |row| std::future::ready(read(row))))
}

fn read_side(row: &Row, column: usize, generation: Generation) -> Result<Option<AnyRow>, ViewError> {
    let json: Option<&str> = row.try_get(column)?;
    json.map(|json| AnyRow::read(json, generation)).transpose()
}
