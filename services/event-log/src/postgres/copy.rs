//! Replay: all events by `COPY … (FORMAT binary)`, on a connection of its own, in one snapshot.
//!
//! Nothing is copied: payloads are slices of the received bytes, and names are shared.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio_postgres::{Client, Config, CopyOutStream};
use uuid::Uuid;

use super::binary::{BinaryCopy, Chunk};
use super::connection::Driver;
use super::error::PostgresError;
use super::interner::NameInterner;
use super::row::{self, Columns};
use crate::port::{Filter, Position, ReadError, RecordedEvent, RecordedStream, Source};

/// Time limit for the next chunk.
const SILENCE_DEADLINE: Duration = Duration::from_secs(30);

/// Events that are passed on together, if that many have arrived.
const BATCH_EVENTS: usize = 256;

/// Columns of a row.
const FIELDS: i16 = 7;

pub(super) async fn read_all(
    config: &Config,
    after: Position,
    filter: &Filter,
) -> Result<RecordedStream, ReadError> {
    let reader = CopyReader::start(config, after, filter).await.map_err(PostgresError::into_read)?;
    let batches = stream::unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        let (batch, is_last) = reader.next_batch().await;
        Some((stream::iter(batch), (!is_last).then_some(reader)))
    });
    Ok(batches.flatten().boxed())
}

struct CopyReader {
    rows: std::pin::Pin<Box<CopyOutStream>>,
    parser: Parser,
    /// Dropping both ends the copy on the server.
    driver: Driver,
    _client: Client,
}

impl CopyReader {
    async fn start(config: &Config, after: Position, filter: &Filter) -> Result<Self, PostgresError> {
        let (client, mut driver) = Driver::open(config, "daybook replay").await?;
        let (columns, condition) = (row::COLUMNS, row::condition(filter));
        // COPY takes no parameters. The position is a number, and the condition contains only our own names.
        let (position, _) = after.to_parts();
        let sql = format!(
            "COPY (SELECT {columns} FROM event_log.events WHERE position > {position} AND {condition} \
             ORDER BY position) TO STDOUT (FORMAT binary)"
        );
        let rows = driver.within(SILENCE_DEADLINE, client.copy_out(&sql)).await?;
        Ok(Self { rows: Box::pin(rows), parser: Parser::new(after), driver, _client: client })
    }

    /// The next events, and whether the stream ends with them.
    async fn next_batch(&mut self) -> (Vec<Result<RecordedEvent, ReadError>>, bool) {
        let mut batch = Vec::with_capacity(BATCH_EVENTS);
        let first = match self.driver.within(SILENCE_DEADLINE, self.rows.try_next()).await {
            Ok(chunk) => chunk,
            Err(error) => return (vec![Err(error.into_read())], true),
        };
        let mut arrived = Some(first.map(Ok));
        while let Some(chunk) = arrived {
            if !self.parse_chunk(chunk, &mut batch) {
                return (batch, true);
            }
            arrived = if batch.len() < BATCH_EVENTS { self.rows.next().now_or_never() } else { None };
        }
        (batch, false)
    }

    /// Parses a chunk and returns whether there can be more.
    fn parse_chunk(
        &mut self,
        chunk: Option<Result<Bytes, tokio_postgres::Error>>,
        batch: &mut Vec<Result<RecordedEvent, ReadError>>,
    ) -> bool {
        match chunk {
            None => false,
            Some(Ok(chunk)) => self.parser.parse(&chunk, batch),
            Some(Err(error)) => {
                batch.push(Err(PostgresError::from(error).into_read()));
                false
            }
        }
    }
}

/// Turns rows into events.
struct Parser {
    copy: BinaryCopy,
    names: NameInterner,
    last: Position,
}

impl Parser {
    fn new(after: Position) -> Self {
        Self { copy: BinaryCopy::new(FIELDS), names: NameInterner::default(), last: after }
    }

    /// Appends the events of a chunk and returns whether all of it was valid.
    fn parse(&mut self, chunk: &Bytes, events: &mut Vec<Result<RecordedEvent, ReadError>>) -> bool {
        let mut chunk = Chunk::new(chunk);
        loop {
            match self.next(&mut chunk) {
                Ok(Some(event)) => {
                    self.last = event.position;
                    events.push(Ok(event));
                }
                Ok(None) => return true,
                Err(error) => {
                    events.push(Err(ReadError::Corrupt { position: self.last, source: error }));
                    return false;
                }
            }
        }
    }

    fn next(&mut self, chunk: &mut Chunk<'_>) -> Result<Option<RecordedEvent>, Source> {
        if !self.copy.next_row(chunk)? {
            return Ok(None);
        }
        let columns = Columns {
            position: i64::from_be_bytes(chunk.fixed()?),
            revision: i64::from_be_bytes(chunk.fixed()?),
            event_id: Uuid::from_bytes(chunk.fixed()?),
            stream: self.names.stream(std::str::from_utf8(chunk.field()?)?)?,
            event_type: self.names.event_type(std::str::from_utf8(chunk.field()?)?),
            payload: chunk.part()?,
            metadata: chunk.part()?,
        };
        Ok(Some(columns.into_recorded()?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn header() -> Vec<u8> {
        [&b"PGCOPY\n\xff\r\n\0"[..], &[0; 8]].concat()
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

    fn parse(parser: &mut Parser, chunk: impl Into<Bytes>) -> Vec<Result<RecordedEvent, ReadError>> {
        let mut events = Vec::new();
        let sound = parser.parse(&chunk.into(), &mut events);
        assert_eq!(sound, events.iter().all(Result::is_ok));
        events
    }

    #[test]
    fn rows_are_read_however_many_a_chunk_has() {
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
    fn a_malformed_copy_is_reported_with_the_last_valid_position() {
        let cut = [header(), row(5), row(6)[..40].to_vec()].concat();
        let events = parse(&mut Parser::new(Position::START), cut);
        let five = Position::new(5, 5).unwrap();
        assert!(matches!(events[1], Err(ReadError::Corrupt { position, .. }) if position == five));
        let wrong = parse(&mut Parser::new(Position::START), &b"something else, and long"[..]);
        assert!(matches!(wrong[0], Err(ReadError::Corrupt { .. })));
    }
}
