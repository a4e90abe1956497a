//! PostgreSQL's binary COPY format, read without copying. The server sends whole rows, so a chunk never ends
//! inside one.
//!
//! It knows nothing about the meaning of columns. Format: PostgreSQL manual, COPY, "Binary Format".

use bytes::Bytes;

/// Signature of the format. Flags and the length of an extension follow, four bytes each.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// Marks the end of the rows.
const TRAILER: i16 = -1;

/// The data is not in the format, or does not have the expected columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("PostgreSQL sent a malformed COPY")]
pub struct BrokenCopy;

/// Reads one copy, chunk after chunk.
#[derive(Debug)]
pub struct BinaryCopy {
    columns: i16,
    in_rows: bool,
}

impl BinaryCopy {
    /// A copy of rows with this many columns.
    pub const fn new(columns: i16) -> Self {
        Self { columns, in_rows: false }
    }

    /// Advances to the next row of a chunk and returns whether there is one. The columns then follow in
    /// order.
    pub fn next_row(&mut self, chunk: &mut Chunk<'_>) -> Result<bool, BrokenCopy> {
        if !self.in_rows {
            chunk.skip_header()?;
            self.in_rows = true;
        }
        if chunk.is_read() {
            return Ok(false);
        }
        match chunk.array().map(i16::from_be_bytes)? {
            TRAILER => Ok(false),
            columns if columns == self.columns => Ok(true),
            _ => Err(BrokenCopy),
        }
    }
}

/// A chunk of a copy, and the read offset in it.
#[derive(Debug)]
pub struct Chunk<'c> {
    bytes: &'c Bytes,
    at: usize,
}

impl<'c> Chunk<'c> {
    /// An unread chunk.
    pub const fn new(bytes: &'c Bytes) -> Self {
        Self { bytes, at: 0 }
    }

    fn is_read(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn take(&mut self, length: usize) -> Result<&'c [u8], BrokenCopy> {
        let end = self.at.checked_add(length).ok_or(BrokenCopy)?;
        let taken = self.bytes.get(self.at..end).ok_or(BrokenCopy)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], BrokenCopy> {
        self.take(LENGTH)?.try_into().map_err(|_| BrokenCopy)
    }

    fn skip_header(&mut self) -> Result<(), BrokenCopy> {
        if self.take(SIGNATURE.len())? != SIGNATURE {
            return Err(BrokenCopy);
        }
        let _flags: [u8; 4] = self.array()?;
        let extension = u32::from_be_bytes(self.array()?);
        self.take(extension as usize).map(|_| ())
    }

    /// The next column, `None` for null.
    pub fn nullable(&mut self) -> Result<Option<&'c [u8]>, BrokenCopy> {
        match i32::from_be_bytes(self.array()?) {
            -1 => Ok(None),
            length => self.take(usize::try_from(length).map_err(|_| BrokenCopy)?).map(Some),
        }
    }

    /// The next column, which must not be null.
    pub fn field(&mut self) -> Result<&'c [u8], BrokenCopy> {
        self.nullable()?.ok_or(BrokenCopy)
    }

    /// The next column, which must have this length.
    pub fn fixed<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], BrokenCopy> {
        self.field()?.try_into().map_err(|_| BrokenCopy)
    }

    /// The next column, as a slice that shares the chunk's memory.
    pub fn part(&mut self) -> Result<Bytes, BrokenCopy> {
        Ok(self.bytes.slice_ref(self.field()?))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn header() -> Vec<u8> {
        [SIGNATURE, &[0; 8]].concat()
    }

    fn row(fields: &[Option<&[u8]>]) -> Vec<u8> {
        let mut row = (fields.len() as i16).to_be_bytes().to_vec();
        for field in fields {
            row.extend(field.map_or(-1, |field| field.len() as i32).to_be_bytes());
            row.extend(field.unwrap_or_default());
        }
        row
    }

    #[test]
    fn columns_are_read_in_order_and_null_differs_from_empty() {
        let bytes = Bytes::from([header(), row(&[Some(b"ab"), None, Some(b"")]), vec![0xff, 0xff]].concat());
        let (mut copy, mut chunk) = (BinaryCopy::new(3), Chunk::new(&bytes));
        assert!(copy.next_row(&mut chunk).unwrap());
        assert_eq!(chunk.fixed().unwrap(), *b"ab");
        assert_eq!(chunk.nullable().unwrap(), None);
        assert_eq!(chunk.part().unwrap(), Bytes::new());
        assert!(!copy.next_row(&mut chunk).unwrap());
    }

    #[test]
    fn malformed_copies_are_refused() {
        let whole = [header(), row(&[Some(b"ab")])].concat();
        let read = |bytes: &[u8], columns| {
            let bytes = Bytes::copy_from_slice(bytes);
            let mut chunk = Chunk::new(&bytes);
            let next = BinaryCopy::new(columns).next_row(&mut chunk);
            next.and_then(|there| if there { chunk.field().map(<[u8]>::to_vec) } else { Ok(vec![]) })
        };
        assert_eq!(read(&whole, 1).unwrap(), b"ab");
        for end in (0..whole.len()).filter(|end| *end != header().len()) {
            assert_eq!(read(&whole[..end], 1), Err(BrokenCopy), "{end}");
        }
        assert_eq!(read(&whole, 2), Err(BrokenCopy));
        assert_eq!(read(&[header(), row(&[None])].concat(), 1), Err(BrokenCopy));
        assert_eq!(read(b"something else, and long", 1), Err(BrokenCopy));
    }
}
