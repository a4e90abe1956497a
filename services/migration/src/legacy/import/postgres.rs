//! Reads the reservations of the old system's live database in one snapshot. Never writes to it.

use std::pin::pin;

use chrono::{DateTime, NaiveDateTime, Utc};
use daybook_domain::ReservationId;
use futures_util::TryStreamExt;
use tokio::sync::mpsc;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, Config, NoTls, Row};

use super::reject::{Place, Reason, Reject, UnreadRow};
use super::row::{COLUMNS, RawRow};
use super::row_contents::RowHash;
use super::{Chunk, ImportError};

/// One snapshot for the count and the rows, with dates in the parser's format and moments in UTC, whatever their column's
/// type and the server's settings are. A database without an encoding sends its bytes as they are, because it would refuse the
/// whole query for one row that is not UTF-8; [`raw_row`] refuses the row.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL timezone = 'UTC';
    SELECT set_config('client_encoding', 'SQL_ASCII', true) WHERE current_setting('server_encoding') = 'SQL_ASCII'";

const COUNT: &str =
    r#"SELECT count(*), now() FROM reservations WHERE $1::timestamp IS NULL OR "updatedAt" >= $1"#;

const SELECT: &str = include_str!("select_legacy_reservations.sql");

/// Sends all rows, or those changed since a time, until the receiver is gone.
pub(super) async fn read_chunks(
    config: &Config,
    since: Option<DateTime<Utc>>,
    chunks: &mpsc::Sender<Chunk>,
) -> Result<(), ImportError> {
    let (client, connection) = config.connect(NoTls).await.map_err(ImportError::Database)?;
    // The client reports its errors too.
    let connection = tokio::spawn(connection);
    let read =
        read(&client, since.map(|since| since.naive_utc()), chunks).await.map_err(ImportError::Database);
    drop(client);
    connection.abort();
    read
}

async fn read(
    client: &Client,
    since: Option<NaiveDateTime>,
    chunks: &mpsc::Sender<Chunk>,
) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(BEGIN).await?;
    let counted = client.query_one(COUNT, &[&since]).await?;
    let (rows_total, as_of) = (u64::try_from(counted.try_get::<_, i64>(0)?).ok(), Some(counted.try_get(1)?));
    let empty = || Chunk { rows_total, as_of, ..Chunk::default() };
    let mut rows = pin!(client.query_raw(SELECT, [since]).await?);
    let mut chunk = empty();
    let mut number = 0;
    while let Some(row) = rows.try_next().await? {
        number += 1;
        chunk.add(raw_row(&row, number));
        if chunk.is_full() {
            let full = std::mem::replace(&mut chunk, empty());
            if chunks.send(full).await.is_err() {
                return Ok(());
            }
        }
    }
    // An error only means that the receiver is gone.
    let _ = chunks.send(chunk).await;
    Ok(())
}

fn raw_row(row: &Row, number: u64) -> Result<RawRow, UnreadRow> {
    let id = row.try_get::<_, &str>(0).ok().and_then(|id| ReservationId::parse(id).ok());
    let place = id.map_or(Place::Number(number), Place::Row);
    let mut texts: [Option<String>; COLUMNS.len()] = Default::default();
    for (at, (text, column)) in texts.iter_mut().zip(COLUMNS).enumerate() {
        *text = row.try_get(at).map_err(|_| UnreadRow {
            reject: Reject::new(place.clone(), Some(column), Reason::NotUtf8),
            hash: RowHash::from_fields(
                (0..row.len()).map(|at| row.try_get::<_, Bytes>(at).ok().map(|bytes| bytes.0)),
            ),
        })?;
    }
    Ok(RawRow::new(place, texts))
}

/// A text that may not be UTF-8.
struct Bytes<'r>(&'r [u8]);

impl<'r> FromSql<'r> for Bytes<'r> {
    fn from_sql(_: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
