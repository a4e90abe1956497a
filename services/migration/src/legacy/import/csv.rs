//! Reads a CSV export record by record, and finds its way again after a broken one.
//!
//! A parser made for the job rather than the usual crate, for two things that it does not do. A quotation mark that is
//! never closed swallows everything up to the next one; here it costs its own line, and reading goes on with the line
//! after it. And PostgreSQL writes a null as nothing and an empty text as `""`; here the two stay apart.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};

use tokio::sync::mpsc;

use super::report::{Place, Reason, Reject};
use super::row::{COLUMNS, RawRow};
use super::{Chunk, ImportError, MAX_ROW_BYTES};

/// Lines that one record may span: notes have line breaks, but not many.
const MAX_RECORD_LINES: usize = 64;

/// What some programs put before the first character of a file.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A field: none is SQL's null.
type Field = Option<Vec<u8>>;

/// A line of the file.
struct Line {
    number: u64,
    /// With its end of line; empty where it was too long to be kept.
    bytes: Vec<u8>,
    is_too_long: bool,
}

impl Line {
    fn is_blank(&self) -> bool {
        !self.is_too_long && self.bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
    }

    /// Whether a quoted field that is open before it is closed after it, and the other way round.
    fn toggles_quotes(&self) -> bool {
        self.bytes.iter().filter(|byte| **byte == b'"').count() % 2 == 1
    }
}

/// A record: the line it starts on, and its fields or what is wrong with it.
struct Record {
    line: u64,
    fields: Result<Vec<Field>, Reason>,
}

/// The records of a file.
struct Records<R> {
    input: BufReader<R>,
    /// Lines that were taken for a record that proved broken, and are looked at again.
    ahead: VecDeque<Line>,
    lines: u64,
    bytes: u64,
}

impl<R: Read> Records<R> {
    fn new(input: R) -> Self {
        Self { input: BufReader::new(input), ahead: VecDeque::new(), lines: 0, bytes: 0 }
    }

    /// The next record. `width` is the number of fields it must have, where that is known.
    fn next(&mut self, width: Option<usize>) -> io::Result<Option<Record>> {
        let Some(first) = self.next_line_with_text()? else { return Ok(None) };
        let line = first.number;
        if first.is_too_long {
            return Ok(Some(Record { line, fields: Err(Reason::TooLong) }));
        }
        let mut taken = vec![first];
        let closed = self.take_until_closed(&mut taken)?;
        let fields = if closed { read_fields(&taken, width) } else { Err(Reason::UnclosedQuote) };
        let fields = match fields {
            // A record that spans lines and makes no sense: a lone quotation mark is likelier. Only its line is lost.
            Err(_) if taken.len() > 1 => {
                for later in taken.drain(1..).rev() {
                    self.ahead.push_front(later);
                }
                Err(Reason::UnclosedQuote)
            }
            fields => fields,
        };
        Ok(Some(Record { line, fields }))
    }

    fn next_line_with_text(&mut self) -> io::Result<Option<Line>> {
        while let Some(line) = self.next_line()? {
            if !line.is_blank() {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    /// Takes lines until no quoted field is open; says whether it came to that.
    fn take_until_closed(&mut self, taken: &mut Vec<Line>) -> io::Result<bool> {
        let mut is_open = taken.iter().filter(|line| line.toggles_quotes()).count() % 2 == 1;
        let mut bytes = taken.iter().map(|line| line.bytes.len()).sum::<usize>();
        while is_open && taken.len() < MAX_RECORD_LINES && bytes <= MAX_ROW_BYTES {
            let Some(line) = self.next_line()? else { break };
            if line.is_too_long {
                self.ahead.push_front(line);
                break;
            }
            is_open ^= line.toggles_quotes();
            bytes += line.bytes.len();
            taken.push(line);
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
            // The rest of the line is read and thrown away, a piece at a time.
            is_too_long = true;
            bytes.clear();
        }
        if bytes.is_empty() && !is_too_long {
            return Ok(None);
        }
        if is_too_long {
            bytes.clear();
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

/// Cuts a record into its fields; none where a quotation mark stands where none may.
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

/// Takes a field whose opening quotation mark is gone; `""` in it is one.
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

/// Where in a record each of the columns stands.
struct Header<const N: usize> {
    columns: [&'static str; N],
    width: usize,
    places: [usize; N],
}

impl<const N: usize> Header<N> {
    fn read<R: Read>(records: &mut Records<R>, columns: [&'static str; N]) -> Result<Self, ImportError> {
        let record = records.next(None).map_err(ImportError::Read)?;
        let fields = record.and_then(|record| record.fields.ok()).ok_or(ImportError::HeaderUnreadable)?;
        let names: Vec<Vec<u8>> = fields.into_iter().map(Option::unwrap_or_default).collect();
        Self::of(columns, &names)
    }

    fn of(columns: [&'static str; N], names: &[Vec<u8>]) -> Result<Self, ImportError> {
        let mut places = [0; N];
        let mut missing = Vec::new();
        for (place, column) in places.iter_mut().zip(columns) {
            let mut found = names.iter().enumerate().filter(|(_, name)| *name == column.as_bytes());
            match (found.next(), found.next()) {
                (Some((first, _)), None) => *place = first,
                (Some(_), Some(_)) => return Err(ImportError::ColumnTwice { column }),
                (None, _) => missing.push(column),
            }
        }
        if missing.is_empty() {
            Ok(Self { columns, width: names.len(), places })
        } else {
            Err(ImportError::ColumnsMissing { columns: missing })
        }
    }

    fn row(&self, record: Record) -> Result<Texts<N>, Reject> {
        let place = Place::Line(record.line);
        let reject = |field, reason| Reject { place: place.clone(), field, reason };
        let mut fields = record.fields.map_err(|reason| reject(None, reason))?;
        let mut texts = [const { None }; N];
        for ((text, at), column) in texts.iter_mut().zip(self.places).zip(self.columns) {
            if let Some(bytes) = fields.get_mut(at).and_then(Option::take) {
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

/// Reads some columns of a whole file, which is small. Blocks.
pub(crate) fn read_all<const N: usize>(
    input: impl Read,
    columns: [&'static str; N],
    most: usize,
) -> Result<Vec<Result<Texts<N>, Reject>>, ImportError> {
    let mut records = Records::new(input);
    let header = Header::read(&mut records, columns)?;
    let mut rows = Vec::new();
    while let Some(record) = records.next(Some(header.width)).map_err(ImportError::Read)? {
        if rows.len() >= most {
            return Err(ImportError::TooManyRows { limit: most });
        }
        rows.push(header.row(record));
    }
    Ok(rows)
}

/// Reads a file to its end, or until nobody wants its rows any more. Blocks.
pub(super) fn read_chunks(input: impl Read, chunks: &mpsc::Sender<Chunk>) -> Result<(), ImportError> {
    let mut records = Records::new(input);
    let header = Header::read(&mut records, COLUMNS)?;
    loop {
        let mut chunk = Chunk::default();
        while !chunk.is_full() {
            match records.next(Some(header.width)).map_err(ImportError::Read)? {
                Some(record) => chunk.add(header.row(record).map(RawRow::from)),
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
