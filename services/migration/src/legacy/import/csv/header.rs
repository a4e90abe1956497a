//! The header of a CSV file: the index of each column in a record.

use std::io::Read;

use super::dialect::Separator;
use super::{Field, Record, Records, split};
use crate::legacy::import::ImportError;
use crate::legacy::import::reject::{Place, Reason, Reject, UnreadRow};
use crate::legacy::import::row_contents::RowHash;

/// The texts of a record, by column.
pub(crate) struct Texts<const N: usize> {
    pub(crate) place: Place,
    pub(crate) texts: [Option<String>; N],
}

/// The index of each column in a record.
pub(super) struct Header<const N: usize> {
    columns: [&'static str; N],
    pub(super) width: usize,
    pub(super) indexes: [usize; N],
}

impl<const N: usize> Header<N> {
    /// Reads the header, and finds the separator unless it is given: the one that separates the most names of columns.
    pub(super) fn read<R: Read>(
        records: &mut Records<R>,
        columns: [&'static str; N],
    ) -> Result<Self, ImportError> {
        records.separator = match records.start().map_err(ImportError::from_read)? {
            Some(separator) => separator,
            None => {
                records.first_line(|line| likely_separator(line, &columns)).map_err(ImportError::from_read)?
            }
        };
        let record = records.next(None).map_err(ImportError::from_read)?.ok_or(ImportError::NoHeader)?;
        let fields = record.fields.map_err(|_| ImportError::HeaderUnreadable)?;
        let names: Vec<Vec<u8>> = fields.into_iter().map(Option::unwrap_or_default).collect();
        Self::from_names(columns, &names)
    }

    /// A name is matched as it is or, failing that, without regard to case, blanks and quotation marks.
    pub(super) fn from_names(columns: [&'static str; N], names: &[Vec<u8>]) -> Result<Self, ImportError> {
        let mut indexes = [0; N];
        let mut missing = Vec::new();
        for (index, column) in indexes.iter_mut().zip(columns) {
            let exact = find(names, |name| name == column.as_bytes());
            let found = exact.or_else(|| find(names, |name| folded(name) == folded(column.as_bytes())));
            match found {
                Some((first, true)) => *index = first,
                Some((_, false)) => return Err(ImportError::ColumnTwice { column }),
                None => missing.push(column),
            }
        }
        if missing.is_empty() {
            Ok(Self { columns, width: names.len(), indexes })
        } else {
            Err(ImportError::ColumnsMissing { columns: missing, of: N })
        }
    }

    /// The texts of the columns of a record.
    pub(super) fn row(&self, record: Record) -> Result<Texts<N>, UnreadRow> {
        let place = Place::Line(record.line);
        let unread =
            |field, reason, hash| UnreadRow { reject: Reject::new(place.clone(), field, reason), hash };
        let mut fields = record.fields.map_err(|(reason, hash)| unread(None, reason, hash))?;
        if let Some((column, reason)) = self.fault(&fields) {
            let hash = RowHash::from_fields(fields.iter().map(Option::as_deref));
            return Err(unread(column, reason, hash));
        }
        let mut texts = [const { None }; N];
        for (text, index) in texts.iter_mut().zip(self.indexes) {
            *text =
                fields.get_mut(index).and_then(Option::take).and_then(|bytes| String::from_utf8(bytes).ok());
        }
        Ok(Texts { place, texts })
    }

    /// What keeps the texts of a record from being read, with the column.
    fn fault(&self, fields: &[Field]) -> Option<(Option<&'static str>, Reason)> {
        if self.is_repeated_by(fields) {
            return Some((None, Reason::HeaderAgain));
        }
        let is_text = |index: usize| {
            fields
                .get(index)
                .and_then(Option::as_deref)
                .is_none_or(|bytes| std::str::from_utf8(bytes).is_ok())
        };
        let (column, _) = self.columns.iter().zip(self.indexes).find(|(_, index)| !is_text(*index))?;
        Some((Some(column), Reason::NotUtf8))
    }

    /// Whether a record is the header again, as where two exports were joined.
    fn is_repeated_by(&self, fields: &[Field]) -> bool {
        self.columns.iter().zip(self.indexes).all(|(column, index)| {
            let field = fields.get(index).and_then(Option::as_deref).unwrap_or_default();
            folded(field) == folded(column.as_bytes())
        })
    }
}

/// The first name that matches, and whether it is the only one.
fn find(names: &[Vec<u8>], matches: impl Fn(&[u8]) -> bool) -> Option<(usize, bool)> {
    let mut found = names.iter().enumerate().filter(|(_, name)| matches(name));
    let (first, _) = found.next()?;
    Some((first, found.next().is_none()))
}

/// A name without case, blanks, quotation marks and underscores: programs write `patient_name` and ` "PatientName"`.
fn folded(name: &[u8]) -> Vec<u8> {
    let letters = name.iter().filter(|byte| byte.is_ascii_alphanumeric());
    letters.map(u8::to_ascii_lowercase).collect()
}

fn likely_separator(line: &[u8], columns: &[&str]) -> Separator {
    let line = line.trim_ascii_end();
    let known = |separator: &Separator| {
        let fields = split(line, separator.byte()).unwrap_or_default();
        let names: Vec<Vec<u8>> = fields.iter().flatten().map(|name| folded(name)).collect();
        columns.iter().filter(|column| names.contains(&folded(column.as_bytes()))).count()
    };
    // Of equally good ones, the last one that `max_by_key` sees is the most frequent one.
    Separator::USUAL.into_iter().rev().max_by_key(known).unwrap_or(Separator::COMMA)
}
