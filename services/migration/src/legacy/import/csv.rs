//! Reads a CSV file record by record and recovers after a broken one. Never drops a line without reporting it; lines without
//! a value are counted.
//!
//! The `csv` crate cannot do two things that an import needs. After an unclosed quotation mark it consumes everything up to
//! the next one, while this reader loses only that line. And it does not tell PostgreSQL's NULL (an empty field) from an empty
//! text (`""`).
//!
//! Encoding, separator and line ends are found from the start of the file. A file that is no CSV is named for what it is.

mod dialect;
mod encoding;
mod file_kind;
mod header;
mod korean;

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};

use chrono::{DateTime, Utc};
use daybook_domain::value::without_ignorable;
use tokio::sync::mpsc;

use super::reject::{Reason, Reject};
use super::row::{COLUMNS, RawRow};
use super::row_contents::{RowHash, RowHasher};
use super::{Chunk, ImportError, MAX_ROW_BYTES};
use encoding::Decoded;
use header::Header;

pub use dialect::{CsvOptions, FileFormat, Separator};
pub use encoding::TextEncoding;
pub use file_kind::FileKind;
pub(crate) use header::Texts;

/// Notes contain line breaks, but only a few.
const MAX_RECORD_LINES: usize = 64;

/// Programs of old systems end a file with Ctrl-Z, and others fill its last block with zeros.
const PADDING: [u8; 2] = [0, 0x1a];

/// `None` is NULL.
type Field = Option<Vec<u8>>;

/// A line of the file, with its line break.
struct Line {
    number: u64,
    /// Empty if the line is too long.
    bytes: Vec<u8>,
    /// Of a line that is too long.
    hash: Option<RowHash>,
}

impl Line {
    /// Whether the line has no value, whatever the separator is.
    fn is_empty(&self) -> bool {
        let is_mark = |byte: &u8| *byte == b'"' || Separator::USUAL.iter().any(|usual| usual.byte() == *byte);
        self.hash.is_none() && self.bytes.split(is_mark).all(is_blank)
    }

    /// Whether the line opens a quoted field that it does not close, or closes one that it did not open.
    fn toggles_quotes(&self) -> bool {
        self.bytes.iter().filter(|byte| **byte == b'"').count() % 2 == 1
    }
}

/// A record with its first line.
struct Record {
    line: u64,
    /// Or what is wrong with it, and a hash of its first line.
    fields: Result<Vec<Field>, (Reason, RowHash)>,
}

/// The records of a file.
struct Records<R> {
    input: BufReader<Decoded<R>>,
    line_end: u8,
    separator: Separator,
    given_separator: Option<Separator>,
    /// Lines of a broken record, to be read again.
    ahead: VecDeque<Line>,
    lines: u64,
    /// Lines without a value, which were skipped.
    empty_lines: u64,
}

impl<R: Read> Records<R> {
    /// Finds the encoding and the line ends of a file, and refuses one that is no CSV.
    fn open(input: R, options: CsvOptions) -> Result<Self, ImportError> {
        let mut input = Decoded::open(input, options.encoding)?;
        let start = input.preview(MAX_ROW_BYTES).map_err(ImportError::from_read)?;
        if let Some(kind) = file_kind::by_text(start) {
            return Err(ImportError::NotCsv { kind });
        }
        Ok(Self {
            line_end: dialect::line_end(start),
            input: BufReader::new(input),
            separator: Separator::COMMA,
            given_separator: options.separator,
            ahead: VecDeque::new(),
            lines: 0,
            empty_lines: 0,
        })
    }

    /// Skips a line that names the separator. Returns the separator that is given or named.
    fn start(&mut self) -> io::Result<Option<Separator>> {
        let Some(line) = self.next_line()? else { return Ok(self.given_separator) };
        let named = dialect::named_separator(&line.bytes);
        if named.is_none() {
            self.ahead.push_front(line);
        }
        Ok(self.given_separator.or(named))
    }

    /// Looks at the first line that has a value.
    fn first_line(&mut self, look: impl FnOnce(&[u8]) -> Separator) -> io::Result<Separator> {
        while let Some(line) = self.next_line()? {
            if !line.is_empty() {
                let separator = look(&line.bytes);
                self.ahead.push_front(line);
                return Ok(separator);
            }
            self.empty_lines += 1;
        }
        Ok(Separator::COMMA)
    }

    fn format(&self) -> FileFormat {
        FileFormat { encoding: self.input.get_ref().encoding().name(), separator: self.separator }
    }

    /// The next record with a value. `width` is the required number of fields, if known.
    fn next(&mut self, width: Option<usize>) -> io::Result<Option<Record>> {
        while let Some(first) = self.next_line()? {
            let line = first.number;
            let fields = self.read_record(first, width)?;
            if !fields.as_ref().is_ok_and(Vec::is_empty) {
                return Ok(Some(Record { line, fields }));
            }
            self.empty_lines += 1;
        }
        Ok(None)
    }

    /// Reads the record that starts with a line; no fields if it has no value.
    fn read_record(
        &mut self,
        first: Line,
        width: Option<usize>,
    ) -> io::Result<Result<Vec<Field>, (Reason, RowHash)>> {
        if let Some(hash) = first.hash {
            return Ok(Err((Reason::TooLong, hash)));
        }
        let mut lines = vec![first];
        let mut fields = Err(Reason::UnclosedQuote);
        if self.read_until_closed(&mut lines)? {
            fields = read_fields(&lines, self.separator.byte(), width);
        }
        if fields.is_err() && lines.len() > 1 {
            // A stray quotation mark is more likely than a broken record of several lines, so only its line is lost.
            for later in lines.drain(1..).rev() {
                self.ahead.push_front(later);
            }
            fields = Err(Reason::UnclosedQuote);
        }
        let first = || lines.first().map(|line| without_line_end(&line.bytes));
        Ok(fields.map_err(|reason| (reason, RowHash::from_fields([first()]))))
    }

    /// Reads lines until no quoted field is open, and returns whether it got there.
    fn read_until_closed(&mut self, lines: &mut Vec<Line>) -> io::Result<bool> {
        let mut is_open = lines.iter().filter(|line| line.toggles_quotes()).count() % 2 == 1;
        let mut bytes = lines.iter().map(|line| line.bytes.len()).sum::<usize>();
        while is_open && lines.len() < MAX_RECORD_LINES && bytes <= MAX_ROW_BYTES {
            let Some(line) = self.next_line()? else { break };
            if line.hash.is_some() {
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
        let mut too_long: Option<RowHasher> = None;
        loop {
            let read = (&mut self.input).take(MAX_ROW_BYTES as u64).read_until(self.line_end, &mut bytes)?;
            if read < MAX_ROW_BYTES || bytes.last() == Some(&self.line_end) {
                break;
            }
            // Skips the rest of the line piece by piece.
            too_long.get_or_insert_default().add(Some(&bytes));
            bytes.clear();
        }
        if bytes.last() != Some(&self.line_end) {
            bytes.truncate(length_without(&bytes, &PADDING));
        }
        if let Some(hasher) = &mut too_long {
            hasher.add(Some(without_line_end(&bytes)));
            bytes.clear();
        } else if bytes.is_empty() {
            return Ok(None);
        }
        self.lines += 1;
        Ok(Some(Line { number: self.lines, bytes, hash: too_long.map(RowHasher::finish) }))
    }
}

/// The length of a text without these bytes at its end.
fn length_without(text: &[u8], end: &[u8]) -> usize {
    text.iter().rposition(|byte| !end.contains(byte)).map_or(0, |last| last + 1)
}

fn without_line_end(text: &[u8]) -> &[u8] {
    text.get(..length_without(text, b"\r\n")).unwrap_or_default()
}

/// Whether a reader sees nothing in a cell, and no program a value: spreadsheets write such lines below their data.
fn is_blank(cell: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(cell) else { return false };
    !cell.iter().any(u8::is_ascii_graphic)
        && without_ignorable(text).chars().all(|c| c.is_whitespace() || c.is_control())
}

/// No fields if all are blank, however many there are.
fn read_fields(lines: &[Line], separator: u8, width: Option<usize>) -> Result<Vec<Field>, Reason> {
    let record: Vec<u8> = lines.iter().flat_map(|line| line.bytes.iter().copied()).collect();
    let fields = split(without_line_end(&record), separator).ok_or(Reason::MisplacedQuote)?;
    match width {
        _ if fields.iter().flatten().all(|field| is_blank(field)) => Ok(Vec::new()),
        Some(width) if width != fields.len() => Err(Reason::WrongNumberOfFields),
        Some(_) | None => Ok(fields),
    }
}

/// Splits a record into fields; `None` for a misplaced quotation mark.
fn split(record: &[u8], separator: u8) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    let mut rest = record;
    loop {
        let (field, after) = match rest {
            [b'"', quoted @ ..] => take_quoted(quoted)?,
            plain => take_plain(plain, separator)?,
        };
        fields.push(field);
        match after {
            [] => return Some(fields),
            [byte, more @ ..] if *byte == separator => rest = more,
            [_, ..] => return None,
        }
    }
}

fn take_plain(text: &[u8], separator: u8) -> Option<(Field, &[u8])> {
    let length = text.iter().position(|byte| *byte == separator).unwrap_or(text.len());
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

/// Reads some columns of a small file. Blocks.
pub(crate) fn read_all<const N: usize>(
    input: impl Read,
    options: CsvOptions,
    columns: [&'static str; N],
    max_rows: usize,
) -> Result<Vec<Result<Texts<N>, Reject>>, ImportError> {
    let mut records = Records::open(input, options)?;
    let header = Header::read(&mut records, columns)?;
    let mut rows = Vec::new();
    while let Some(record) = records.next(Some(header.width)).map_err(ImportError::from_read)? {
        if rows.len() >= max_rows {
            return Err(ImportError::TooManyRows { limit: max_rows });
        }
        rows.push(header.row(record).map_err(|row| row.reject));
    }
    Ok(rows)
}

/// Sends all rows of a file until the receiver is gone. Blocks.
pub(super) fn read_chunks(
    input: impl Read,
    options: CsvOptions,
    exported_by: DateTime<Utc>,
    chunks: &mpsc::Sender<Chunk>,
) -> Result<(), ImportError> {
    let mut records = Records::open(input, options)?;
    let header = Header::read(&mut records, COLUMNS)?;
    loop {
        let mut chunk = Chunk { as_of: Some(exported_by), ..Chunk::default() };
        while !chunk.is_full() {
            match records.next(Some(header.width)).map_err(ImportError::from_read)? {
                Some(record) => {
                    chunk.add(header.row(record).map(|Texts { place, texts }| RawRow::new(place, texts)));
                }
                None => break,
            }
        }
        chunk.file = Some(records.format());
        chunk.source_bytes = Some(records.input.get_ref().bytes_read());
        chunk.empty_lines = records.empty_lines;
        let is_last = chunk.rows.is_empty();
        if is_last || chunks.blocking_send(chunk).is_err() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
