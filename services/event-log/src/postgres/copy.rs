//! Replay: all events by `COPY … (FORMAT binary)`, on a connection of its own, in one snapshot.
//!
//! Payloads are slices of what came off the socket; nothing is copied but the two short names.

use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio_postgres::{Client, Config, CopyOutStream};
use uuid::Uuid;

use super::connection::Driver;
use super::error::PostgresError;
use super::row::{self, BadColumn, Columns};
use crate::port::{Filter, Position, ReadError, Recorded, RecordedStream};

/// Longest time in which nothing comes.
const SILENCE_DEADLINE: Duration = Duration::from_secs(30);

/// Events that are passed on together, where that many have come.
const BATCH_EVENTS: usize = 256;

/// First bytes of the format, before flags and an extension, both counted in four bytes.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// Columns of a row, and the mark that there are no more rows.
const FIELDS: i16 = 7;
const TRAILER: i16 = -1;

/// All events after a position that pass the filter.
pub(super) async fn read_all(
    config: &Config,
    after: Position,
    filter: &Filter,
) -> Result<RecordedStream, ReadError> {
    let reading = Reading::start(config, after, filter).await.map_err(PostgresError::into_read)?;
    let batches = stream::unfold(Some(reading), |reading| async {
        let mut reading = reading?;
        let (batch, is_last) = reading.next_batch().await;
        Some((stream::iter(batch), (!is_last).then_some(reading)))
    });
    Ok(batches.flatten().boxed())
}

struct Reading {
    rows: std::pin::Pin<Box<CopyOutStream>>,
    parser: Parser,
    /// Both dropped with the reading, which ends the copy on the server.
    driver: Driver,
    _client: Client,
}

impl Reading {
    async fn start(config: &Config, after: Position, filter: &Filter) -> Result<Self, PostgresError> {
        let (client, mut driver) = Driver::open(config, "daybook replay").await?;
        let (columns, condition) = (row::COLUMNS, row::condition(filter));
        // COPY takes no parameters; a position is a number and the condition is made of our own names.
        let (position, _) = after.to_parts();
        let sql = format!(
            "COPY (SELECT {columns} FROM event_log.events WHERE position > {position} AND {condition} \
             ORDER BY position) TO STDOUT (FORMAT binary)"
        );
        let rows = driver.within(SILENCE_DEADLINE, client.copy_out(&sql)).await?;
        Ok(Self { rows: Box::pin(rows), parser: Parser::new(after), driver, _client: client })
    }

    /// The next events, and whether they are the last: because there are no more, or because the last one is an error.
    async fn next_batch(&mut self) -> (Vec<Result<Recorded, ReadError>>, bool) {
        let mut batch = Vec::with_capacity(BATCH_EVENTS);
        let first = match self.driver.within(SILENCE_DEADLINE, self.rows.try_next()).await {
            Ok(chunk) => chunk,
            Err(error) => return (vec![Err(error.into_read())], true),
        };
        let mut arrived = Some(first.map(Ok));
        while let Some(chunk) = arrived {
            if !self.take(chunk, &mut batch) {
                return (batch, true);
            }
            arrived = if batch.len() < BATCH_EVENTS { self.rows.next().now_or_never() } else { None };
        }
        (batch, false)
    }

    /// Takes in what the server sent, and says whether there can be more.
    fn take(
        &mut self,
        chunk: Option<Result<Bytes, tokio_postgres::Error>>,
        batch: &mut Vec<Result<Recorded, ReadError>>,
    ) -> bool {
        match chunk {
            None => false,
            Some(Ok(chunk)) => self.parser.parse(chunk, batch),
            Some(Err(error)) => {
                batch.push(Err(PostgresError::from(error).into_read()));
                false
            }
        }
    }
}

/// Reads the binary format. The server sends whole rows, so that a chunk never ends within one.
struct Parser {
    in_rows: bool,
    last: Position,
}

impl Parser {
    const fn new(after: Position) -> Self {
        Self { in_rows: false, last: after }
    }

    /// Appends the events of a chunk, and says whether all of it was sound.
    fn parse(&mut self, mut chunk: Bytes, events: &mut Vec<Result<Recorded, ReadError>>) -> bool {
        loop {
            match self.next(&mut chunk) {
                Ok(Some(event)) => {
                    self.last = event.position;
                    events.push(Ok(event));
                }
                Ok(None) => return true,
                Err(error) => {
                    events.push(Err(ReadError::Corrupt { position: self.last, source: Box::new(error) }));
                    return false;
                }
            }
        }
    }

    fn next(&mut self, chunk: &mut Bytes) -> Result<Option<Recorded>, BadColumn> {
        if !self.in_rows {
            skip_header(chunk)?;
            self.in_rows = true;
        }
        if !chunk.has_remaining() {
            return Ok(None);
        }
        match chunk.try_get_i16().map_err(|_| broken())? {
            FIELDS => take_row(chunk).map(Some),
            TRAILER => Ok(None),
            _ => Err(broken()),
        }
    }
}

const fn broken() -> BadColumn {
    BadColumn { column: "of the copy", what: "row in binary format" }
}

fn skip_header(chunk: &mut Bytes) -> Result<(), BadColumn> {
    if take(chunk, SIGNATURE.len())? != SIGNATURE {
        return Err(broken());
    }
    let _flags = chunk.try_get_i32().map_err(|_| broken())?;
    let extension = chunk.try_get_u32().map_err(|_| broken())?;
    take(chunk, extension as usize).map(|_| ())
}

fn take(chunk: &mut Bytes, bytes: usize) -> Result<Bytes, BadColumn> {
    if chunk.remaining() < bytes { Err(broken()) } else { Ok(chunk.split_to(bytes)) }
}

/// A column's bytes. None of the columns may be null, which the format would write as a length of -1.
fn take_field(chunk: &mut Bytes) -> Result<Bytes, BadColumn> {
    let length = chunk.try_get_i32().map_err(|_| broken())?;
    take(chunk, usize::try_from(length).map_err(|_| broken())?)
}

fn take_row(chunk: &mut Bytes) -> Result<Recorded, BadColumn> {
    let position = take_number(chunk)?;
    let revision = take_number(chunk)?;
    let event_id = Uuid::from_slice(&take_field(chunk)?).map_err(|_| broken())?;
    let (stream, kind) = (take_field(chunk)?, take_field(chunk)?);
    let columns = Columns {
        position,
        revision,
        event_id,
        stream: text(&stream)?,
        kind: text(&kind)?,
        payload: take_field(chunk)?,
        metadata: take_field(chunk)?,
    };
    columns.into_recorded()
}

fn take_number(chunk: &mut Bytes) -> Result<i64, BadColumn> {
    let field = take_field(chunk)?;
    field.as_ref().try_into().map(i64::from_be_bytes).map_err(|_| broken())
}

fn text(field: &Bytes) -> Result<&str, BadColumn> {
    std::str::from_utf8(field).map_err(|_| broken())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn header() -> Vec<u8> {
        [SIGNATURE, &[0; 8]].concat()
    }

    fn row(position: i64) -> Vec<u8> {
        let mut row = FIELDS.to_be_bytes().to_vec();
        let fields: [&[u8]; 7] =
            [&position.to_be_bytes(), &[0; 8], &[7; 16], b"hours-main", b"Set", b"{\"a\":1}", b"{}"];
        for field in fields {
            row.extend((field.len() as i32).to_be_bytes());
            row.extend(field);
        }
        row
    }

    fn parse(parser: &mut Parser, chunk: impl Into<Bytes>) -> Vec<Result<Recorded, ReadError>> {
        let mut events = Vec::new();
        let sound = parser.parse(chunk.into(), &mut events);
        assert_eq!(sound, events.iter().all(Result::is_ok));
        events
    }

    #[test]
    fn rows_are_read_however_many_a_chunk_holds() {
        let mut parser = Parser::new(Position::START);
        assert!(parse(&mut parser, header()).is_empty());
        let events = parse(&mut parser, [row(1), row(2)].concat());
        let positions: Vec<_> =
            events.iter().map(|event| event.as_ref().unwrap().position.commit()).collect();
        assert_eq!(positions, [1, 2]);
        assert_eq!(events[0].as_ref().unwrap().payload, &b"{\"a\":1}"[..]);
        assert!(parse(&mut parser, vec![0xff, 0xff]).is_empty());

        let together = parse(&mut Parser::new(Position::START), [header(), row(3)].concat());
        assert_eq!(together.len(), 1);
    }

    #[test]
    fn a_broken_copy_is_reported_with_the_last_sound_position() {
        let cut = [header(), row(5), row(6)[..40].to_vec()].concat();
        let events = parse(&mut Parser::new(Position::START), cut);
        let five = Position::new(5, 5).unwrap();
        assert!(matches!(events[1], Err(ReadError::Corrupt { position, .. }) if position == five));
        let wrong = parse(&mut Parser::new(Position::START), &b"something else, and long"[..]);
        assert!(matches!(wrong[0], Err(ReadError::Corrupt { .. })));
    }
}
