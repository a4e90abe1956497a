//! Tables for people. Columns are as wide as their cells on a terminal, where a Hangul syllable takes two columns.

use std::fmt;

use unicode_width::UnicodeWidthStr;

/// The side of the column on which a text is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

/// Between two columns.
const GAP: &str = "  ";

impl Table {
    /// A table without rows.
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row. Cells beyond the last column are dropped.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().take(self.columns.len()).collect());
    }

    /// Whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn width(&self, column: usize) -> usize {
        let heading = self.columns.get(column).map_or(0, |(heading, _)| heading.width());
        let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width());
        cells.fold(heading, usize::max)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.columns.len()).map(|column| self.width(column)).collect();
        let headings = self.columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
        for row in std::iter::once(&headings).chain(&self.rows) {
            let cells = row.iter().zip(&widths).zip(&self.columns);
            let padded: Vec<String> =
                cells.map(|((cell, width), (_, align))| pad(cell, *width, *align)).collect();
            writeln!(formatter, "{}", padded.join(GAP).trim_end())?;
        }
        Ok(())
    }
}

fn pad(cell: &str, width: usize, align: Align) -> String {
    let padding = " ".repeat(width.saturating_sub(cell.width()));
    match align {
        Align::Left => format!("{cell}{padding}"),
        Align::Right => format!("{padding}{cell}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_align_left_numbers_align_right_and_no_line_ends_in_blanks() {
        let mut table = Table::new(&[("view", Align::Left), ("rows", Align::Right), ("note", Align::Left)]);
        assert!(table.is_empty());
        table.row(["legacy_1", "5,000", ""].map(str::to_owned));
        table.row(["dynamic_12", "7", "kept"].map(str::to_owned));
        let text = "view         rows  note\nlegacy_1    5,000\ndynamic_12      7  kept\n";
        assert_eq!(table.to_string(), text);
    }

    #[test]
    fn hangul_takes_two_columns_a_syllable() {
        let mut table =
            Table::new(&[("service", Align::Left), ("서비스", Align::Right), ("rows", Align::Right)]);
        table.row(["기타 상담", "5", "1"].map(str::to_owned));
        table.row(["SKIN_CARE", "12", "7"].map(str::to_owned));
        let text = "service    서비스  rows\n기타 상담       5     1\nSKIN_CARE      12     7\n";
        assert_eq!(table.to_string(), text);
    }
}
