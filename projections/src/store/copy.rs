//! Rows in PostgreSQL's binary COPY format, which is the fastest way into a table.
//!
//! Enum columns receive their label as text bytes, so no type has to be looked up. Format: PostgreSQL manual, COPY,
//! "Binary Format".

use bytes::{BufMut, Bytes, BytesMut};
use chrono::{NaiveDate, NaiveDateTime};
use uuid::Uuid;

use crate::projection::row::{ColumnWriter, ReservationRow};

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: i16 = -1;

/// PostgreSQL counts days and microseconds from 2000-01-01.
const EPOCH: NaiveDate = match NaiveDate::from_ymd_opt(2000, 1, 1) {
    Some(date) => date,
    None => NaiveDate::MIN,
};

/// An empty buffer for one part and the row that exceeds it.
fn room() -> BytesMut {
    BytesMut::with_capacity(CopyBuffer::SEND_BYTES + 4096)
}

/// Encodes rows into a buffer that is sent part by part.
#[derive(Debug)]
pub(crate) struct CopyBuffer {
    buffer: BytesMut,
    columns: i16,
}

impl CopyBuffer {
    /// Bytes after which a part is sent.
    pub(crate) const SEND_BYTES: usize = 256 * 1024;

    /// Starts a COPY of rows with this many columns.
    pub(crate) fn new(columns: i16) -> Self {
        let mut buffer = room();
        buffer.put_slice(SIGNATURE);
        Self { buffer, columns }
    }

    /// Appends a row.
    pub(crate) fn append(&mut self, row: &impl ReservationRow) {
        self.buffer.put_i16(self.columns);
        row.write_columns(self);
    }

    fn field(&mut self, value: Option<&[u8]>) -> &mut Self {
        match value {
            None => self.buffer.put_i32(-1),
            Some(bytes) => {
                self.buffer.put_i32(bytes.len() as i32);
                self.buffer.put_slice(bytes);
            }
        }
        self
    }

    /// The next part, once it is large enough.
    pub(crate) fn ready(&mut self) -> Option<Bytes> {
        (self.buffer.len() >= Self::SEND_BYTES).then(|| std::mem::replace(&mut self.buffer, room()).freeze())
    }

    /// Ends the COPY: the last part and the trailer.
    pub(crate) fn finish(mut self) -> Bytes {
        self.buffer.put_i16(TRAILER);
        self.buffer.freeze()
    }
}

impl ColumnWriter for CopyBuffer {
    fn text(&mut self, value: Option<&str>) -> &mut Self {
        self.field(value.map(str::as_bytes))
    }

    fn integer(&mut self, value: i32) -> &mut Self {
        self.field(Some(&value.to_be_bytes()))
    }

    fn uuid(&mut self, value: Uuid) -> &mut Self {
        self.field(Some(value.as_bytes()))
    }

    fn date(&mut self, value: NaiveDate) -> &mut Self {
        let days = value.signed_duration_since(EPOCH).num_days();
        self.field(Some(&(days as i32).to_be_bytes()))
    }

    fn timestamp(&mut self, value: Option<NaiveDateTime>) -> &mut Self {
        let micros = value.map(|value| value.signed_duration_since(EPOCH.and_time(chrono::NaiveTime::MIN)));
        let micros = micros.map(|since| since.num_microseconds().unwrap_or(i64::MAX).to_be_bytes());
        self.field(micros.as_ref().map(<[u8; 8]>::as_slice))
    }
}
