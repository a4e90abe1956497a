//! Rows of the table of events: columns, the filter as SQL, and the conversion to an event.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::port::{
    Category, EventId, Filter, PageRange, Position, ReadError, RecordedEvent, Revision, Source, StreamName,
};

/// In the order in which every reader expects them.
pub(super) const COLUMNS: &str = "position, revision, event_id, stream, kind, payload, metadata";

/// The row has a value that no adapter writes.
#[derive(Debug, thiserror::Error)]
#[error("column {column} does not contain a valid {what}")]
pub(super) struct BadColumn {
    pub(super) column: &'static str,
    pub(super) what: &'static str,
}

/// The filter as a condition. A category is a range of names: from `hours-` up to `hours.`, the character
/// after the dash.
pub(super) fn condition(filter: &Filter) -> String {
    let categories = filter.selected_categories().map(|selected| {
        let ranges: Vec<_> = selected.iter().map(|category| category_range(*category)).collect();
        if ranges.is_empty() { "false".to_owned() } else { format!("({})", ranges.join(" OR ")) }
    });
    let PageRange { after, until } = filter.pages();
    let after = after.map(|day| format!("stream > '{}'", StreamName::page(day)));
    let until = until.map(|day| format!("stream <= '{}'", StreamName::page(day)));
    let range: Vec<String> = [after, until].into_iter().flatten().collect();
    let pages = (!range.is_empty())
        .then(|| format!("(NOT {} OR ({}))", category_range(Category::Daybook), range.join(" AND ")));
    let conditions: Vec<String> = [categories, pages].into_iter().flatten().collect();
    if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") }
}

fn category_range(category: Category) -> String {
    let name = category.as_str();
    format!("(stream >= '{name}-' AND stream < '{name}.')")
}

/// One row, before validation.
pub(super) struct Columns {
    pub(super) position: i64,
    pub(super) revision: i64,
    pub(super) event_id: Uuid,
    pub(super) stream: StreamName,
    pub(super) event_type: Arc<str>,
    pub(super) payload: Bytes,
    pub(super) metadata: Bytes,
}

impl Columns {
    pub(super) fn into_recorded(self) -> Result<RecordedEvent, BadColumn> {
        let bad = |column, what| BadColumn { column, what };
        Ok(RecordedEvent {
            position: Position::from_parts(self.position, self.position)
                .map_err(|_| bad("position", "position"))?,
            stream: self.stream,
            revision: Revision::try_from(self.revision).map_err(|_| bad("revision", "revision"))?,
            id: EventId(self.event_id),
            event_type: self.event_type,
            payload: self.payload,
            metadata: self.metadata,
        })
    }
}

/// Reads a row of [`COLUMNS`]. `after` is the last valid position, for the error.
pub(super) fn recorded(row: &Row, after: Position) -> Result<RecordedEvent, ReadError> {
    let corrupt = |source: Source| ReadError::Corrupt { position: after, source };
    let columns = columns(row).map_err(corrupt)?;
    columns.into_recorded().map_err(|error| corrupt(Box::new(error)))
}

fn columns(row: &Row) -> Result<Columns, Source> {
    Ok(Columns {
        position: row.try_get(0)?,
        revision: row.try_get(1)?,
        event_id: row.try_get(2)?,
        stream: StreamName::parse(row.try_get::<_, &str>(3)?)?,
        event_type: row.try_get::<_, &str>(4)?.into(),
        payload: row.try_get::<_, JsonText>(5)?.0,
        metadata: row.try_get::<_, JsonText>(6)?.0,
    })
}

/// The text of a `json` column, byte for byte.
#[derive(Debug)]
pub(super) struct JsonText(pub(super) Bytes);

impl FromSql<'_> for JsonText {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Source> {
        Ok(Self(Bytes::copy_from_slice(raw)))
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::JSON
    }
}

impl ToSql for JsonText {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Source> {
        out.put_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(of: &Type) -> bool {
        <Self as FromSql<'_>>::accepts(of)
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Category;

    #[test]
    fn a_filter_becomes_ranges_of_names() {
        assert_eq!(condition(&Filter::all()), "true");
        assert_eq!(condition(&Filter::categories([])), "false");
        let hours = condition(&Filter::categories([Category::Hours]));
        assert_eq!(hours, "((stream >= 'hours-' AND stream < 'hours.'))");
    }
}
