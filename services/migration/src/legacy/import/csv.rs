//! Reads a CSV file record by record and recovers after a broken one. Never drops a line without reporting it.
//!
//! The `csv` crate cannot do two things that an import needs. After an unclosed quotation mark it consumes everything up to
//! the next one, while this reader loses only that line. And it does not tell PostgreSQL's NULL (an empty field) from an empty
//! text (`""`).

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};

use tokio::sync::mpsc;

use super::reject::{Place, Reason, Reject};
use super::row::{COLUMNS, RawRow};
use super::{Chunk, ImportError, MAX_ROW_BYTES};

/// Notes contain line breaks, but only a few.
const MAX_RECORD_LINES: usize = 64;

/// Some programs write it at the start of a file.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// `None` is NULL.
type Field = Option<Vec<u8>>;

/// A line of the file, with its line break.
struct Line {
    number: u64,
    /// Empty if the line is too long.
    bytes: Vec<u8>,
    is_too_long: bool,
}

impl Line {
    fn is_blank(&self) -> bool {
        !self.is_too_long && self.bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
    }

    /// Whether the line opens a quoted field that it does not close, or closes one that it did not open.
    fn toggles_quotes(&self) -> bool {
        self.bytes.iter().filter(|byte| **byte == b'"').count() % 2 == 1
    }
}

/// A record with its first line.
struct Record {
    line: u64,
    fields: Result<Vec<Field>, Reason>,
}

/// The records of a file.
struct Records<R> {
    input: BufReader<R>,
    /// Lines of a broken record, to be read again.
    ahead: VecDeque<Line>,
    lines: u64,
    bytes: u64,
}

impl<R: Read> Records<R> {
    fn new(input: R) -> Self {
        Self { input: BufReader::new(input), ahead: VecDeque::new(), lines: 0, bytes: 0 }
    }

    /// `width` is the required number of fields, if known.
    fn next(&mut self, width: Option<usize>) -> io::Result<Option<Record>> {
        let first = loop {
            match self.next_line()? {
                Some(line) if line.is_blank() => {}
                Some(line) => break line,
                None => return Ok(None),
            }
        };
        let line = first.number;
        if first.is_too_long {
            return Ok(Some(Record { line, fields: Err(Reason::TooLong) }));
        }
        let mut lines = vec![first];
        let mut fields = Err(Reason::UnclosedQuote);
        if self.read_until_closed(&mut lines)? {
            fields = read_fields(&lines, width);
        }
        if fields.is_err() && lines.len() > 1 {
            // A stray quotation mark is more likely than a broken record of several lines, so only its line is lost.
            for later in lines.drain(1..).rev() {
                self.ahead.push_front(later);
            }
            fields = Err(Reason::UnclosedQuote);
        }
        Ok(Some(Record { line, fields }))
    }

    /// Reads lines until no quoted field is open, and returns whether it got there.
    fn read_until_closed(&mut self, lines: &mut Vec<Line>) -> io::Result<bool> {
        let mut is_open = lines.iter().filter(|line| line.toggles_quotes()).count() % 2 == 1;
        let mut bytes = lines.iter().map(|line| line.bytes.len()).sum::<usize>();
        while is_open && lines.len() < MAX_RECORD_LINES && bytes <= MAX_ROW_BYTES {
            let Some(line) = self.next_line()? else { break };
            if line.is_too_long {
                self.ahead.push_front(line);
                break;
            }
            is_open ^= line.toggles_quotes();
            bytes += line.bytes.len();
            lines.push(line);
        }
        Ok(!is_open)
    }

    fn next_line(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.ahead.pop_front() {
            return Ok(Some(line));
        }
        let mut bytes = Vec::new();
        let mut is_too_long = false;
        loop {
            let read = (&mut self.input).take(MAX_ROW_BYTES as u64).read_until(b'\n', &mut bytes)?;
            self.bytes += read as u64;
            if read < MAX_ROW_BYTES || bytes.last() == Some(&b'\n') {
                break;
            }
            // Skips the rest of the line piece by piece.
            is_too_long = true;
            bytes.clear();
        }
        if is_too_long {
            bytes.clear();
        } else if bytes.is_empty() {
            return Ok(None);
        }
        if self.lines == 0 && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        self.lines += 1;
        Ok(Some(Line { number: self.lines, bytes, is_too_long }))
    }
}

fn read_fields(lines: &[Line], width: Option<usize>) -> Result<Vec<Field>, Reason> {
    let record: Vec<u8> = lines.iter().flat_map(|line| line.bytes.iter().copied()).collect();
    let record = record.strip_suffix(b"\n").unwrap_or(&record);
    let record = record.strip_suffix(b"\r").unwrap_or(record);
    let fields = split(record).ok_or(Reason::MisplacedQuote)?;
    match width {
        Some(width) if width != fields.len() => Err(Reason::WrongNumberOfFields),
        Some(_) | None => Ok(fields),
    }
}

/// Splits a record into fields; `None` for a misplaced quotation mark.
fn split(record: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    let mut rest = record;
    loop {
        let (field, after) = match rest {
            [b'"', quoted @ ..] => take_quoted(quoted)?,
            plain => take_plain(plain)?,
        };
        fields.push(field);
        match after {
            [] => return Some(fields),
            [b',', more @ ..] => rest = more,
            [_, ..] => return None,
        }
    }
}

fn take_plain(text: &[u8]) -> Option<(Field, &[u8])> {
    let length = text.iter().position(|byte| *byte == b',').unwrap_or(text.len());
    let (field, after) = text.split_at_checked(length)?;
    if field.contains(&b'"') {
        return None;
    }
    Some(((!field.is_empty()).then(|| field.to_vec()), after))
}

/// Takes a field after its opening quotation mark. `""` stands for one mark.
fn take_quoted(mut text: &[u8]) -> Option<(Field, &[u8])> {
    let mut field = Vec::new();
    loop {
        let length = text.iter().position(|byte| *byte == b'"')?;
        let (part, after) = text.split_at_checked(length)?;
        field.extend_from_slice(part);
        match after {
            [b'"', b'"', more @ ..] => {
                field.push(b'"');
                text = more;
            }
            [_closing, more @ ..] => return Some((Some(field), more)),
            [] => return None,
        }
    }
}

/// The index of each column in a record.
struct Header<const N: usize> {
    columns: [&'static str; N],
    width: usize,
    indexes: [usize; N],
}

impl<const N: usize> Header<N> {
    fn read<R: Read>(records: &mut Records<R>, columns: [&'static str; N]) -> Result<Self, ImportError> {
        let record = records.next(None).map_err(ImportError::Read)?;
        let fields = record.and_then(|record| record.fields.ok()).ok_or(ImportError::HeaderUnreadable)?;
        let names: Vec<Vec<u8>> = fields.into_iter().map(Option::unwrap_or_default).collect();
        Self::from_names(columns, &names)
    }

    fn from_names(columns: [&'static str; N], names: &[Vec<u8>]) -> Result<Self, ImportError> {
        let mut indexes = [0; N];
        let mut missing = Vec::new();
        for (index, column) in indexes.iter_mut().zip(columns) {
            let mut found = names.iter().enumerate().filter(|(_, name)| *name == column.as_bytes());
            match (found.next(), found.next()) {
                (Some((first, _)), None) => *index = first,
                (Some(_), Some(_)) => return Err(ImportError::ColumnTwice { column }),
                (None, _) => missing.push(column),
            }
        }
        if missing.is_empty() {
            Ok(Self { columns, width: names.len(), indexes })
        } else {
            Err(ImportError::ColumnsMissing { columns: missing })
        }
    }

    fn row(&self, record: Record) -> Result<Texts<N>, Reject> {
        let place = Place::Line(record.line);
        let reject = |field, reason| Reject { place: place.clone(), field, reason };
        let mut fields = record.fields.map_err(|reason| reject(None, reason))?;
        let mut texts = [const { None }; N];
        for ((text, index), column) in texts.iter_mut().zip(self.indexes).zip(self.columns) {
            if let Some(bytes) = fields.get_mut(index).and_then(Option::take) {
                let read = String::from_utf8(bytes);
                *text = Some(read.map_err(|_| reject(Some(column), Reason::NotUtf8))?);
            }
        }
        Ok(Texts { place, texts })
    }
}

/// The texts of a record, by column.
pub(crate) struct Texts<const N: usize> {
    pub(crate) place: Place,
    pub(crate) texts: [Option<String>; N],
}

/// Reads some columns of a small file. Blocks.
pub(crate) fn read_all<const N: usize>(
    input: impl Read,
    columns: [&'static str; N],
    max_rows: usize,
) -> Result<Vec<Result<Texts<N>, Reject>>, ImportError> {
    let mut records = Records::new(input);
    let header = Header::read(&mut records, columns)?;
    let mut rows = Vec::new();
    while let Some(record) = records.next(Some(header.width)).map_err(ImportError::Read)? {
        if rows.len() >= max_rows {
            return Err(ImportError::TooManyRows { limit: max_rows });
        }
        rows.push(header.row(record));
    }
    Ok(rows)
}

/// Sends all rows of a file until the receiver is gone. Blocks.
pub(super) fn read_chunks(input: impl Read, chunks: &mpsc::Sender<Chunk>) -> Result<(), ImportError> {
    let mut records = Records::new(input);
    let header = Header::read(&mut records, COLUMNS)?;
    loop {
        let mut chunk = Chunk::default();
        while !chunk.is_full() {
            match records.next(Some(header.width)).map_err(ImportError::Read)? {
                Some(record) => {
                    chunk.add(header.row(record).map(|Texts { place, texts }| RawRow { place, texts }))
                }
                None => break,
            }
        }
        chunk.source_bytes = Some(records.bytes);
        let is_last = chunk.rows.is_empty();
        if is_last || chunks.blocking_send(chunk).is_err() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
