//! How a CSV file is written: the character between fields and the end of a line.

use serde::Serialize;

use super::encoding::TextEncoding;

/// The character between two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Separator(u8);

impl Separator {
    pub(super) const COMMA: Self = Self(b',');

    /// The separators that are tried, most frequent first.
    pub(super) const USUAL: [Self; 4] = [Self::COMMA, Self(b';'), Self(b'\t'), Self(b'|')];

    /// One character of ASCII that no name of a column contains, or the word `tab`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [byte] if byte.is_ascii_punctuation() && !matches!(byte, b'"' | b'_') => Some(Self(*byte)),
            b"\t" => Some(Self(b'\t')),
            _ => matches!(text, "tab" | "TAB" | "\\t").then_some(Self(b'\t')),
        }
    }

    /// As [`Self::parse`] reads it.
    pub fn as_option(self) -> String {
        if self.0 == b'\t' { "tab".to_owned() } else { char::from(self.0).to_string() }
    }

    pub(super) const fn byte(self) -> u8 {
        self.0
    }
}

impl std::fmt::Display for Separator {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            b',' => formatter.write_str("commas"),
            b';' => formatter.write_str("semicolons"),
            b'\t' => formatter.write_str("tabs"),
            other => write!(formatter, "`{}`", char::from(other)),
        }
    }
}

impl Serialize for Separator {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_char(char::from(self.0))
    }
}

/// What the operator says about a file; `None` is found from the file.
#[derive(Debug, Clone, Copy, Default)]
pub struct CsvOptions {
    pub encoding: Option<TextEncoding>,
    pub separator: Option<Separator>,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FileFormat {
    /// The name of the encoding.
    pub encoding: &'static str,
    pub separator: Separator,
}

/// The byte that ends a line, by the first line end outside quotation marks. A file with CR alone comes from an old Mac
/// program; before a line feed, carriage returns are part of the line end.
pub(super) fn line_end(start: &[u8]) -> u8 {
    let mut is_quoted = false;
    for (index, byte) in start.iter().enumerate() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' if !is_quoted => return b'\n',
            b'\r' if !is_quoted => {
                let mut after = start.iter().skip(index).skip_while(|byte| **byte == b'\r');
                return if after.next() == Some(&b'\n') { b'\n' } else { b'\r' };
            }
            _ => {}
        }
    }
    b'\n'
}

/// The separator that a first line such as `sep=;` names. Excel writes and reads that line, and it is not the header.
pub(super) fn named_separator(line: &[u8]) -> Option<Separator> {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'))?;
    let line = line.get(..=end)?;
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let (name, separator) = line.split_at_checked(4)?;
    let [separator] = separator else { return None };
    (name.eq_ignore_ascii_case(b"sep=") && separator.is_ascii()).then_some(Separator(*separator))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_unquoted_line_end_decides() {
        let cases: [(&[u8], u8); 7] = [
            (b"a,b\n1,2\n", b'\n'),
            (b"a,b\r\n1,2\r\n", b'\n'),
            (b"a,b\r\r\n1,2\r\r\n", b'\n'),
            (b"a,b\r1,2\r", b'\r'),
            (b"\"a\nb\",c\r1,2\r", b'\r'),
            (b"a,b\r1,\"2\n3\"", b'\r'),
            (b"a,b", b'\n'),
        ];
        for (text, end) in cases {
            assert_eq!(line_end(text), end, "{text:?}");
        }
    }

    #[test]
    fn a_line_that_names_the_separator_is_recognised() {
        for (line, separator) in
            [("sep=;\r\n", b';'), ("SEP=,", b','), ("\"sep=|\"\n", b'|'), ("sep=\t\n", b'\t')]
        {
            assert_eq!(named_separator(line.as_bytes()), Some(Separator(separator)), "{line:?}");
        }
        for line in ["id,phone", "sep=", "sep=,,", "separator"] {
            assert_eq!(named_separator(line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn a_given_separator_is_one_character() {
        for (text, separator) in
            [(";", Some(b';')), ("tab", Some(b'\t')), ("\\t", Some(b'\t')), ("|", Some(b'|'))]
        {
            assert_eq!(Separator::parse(text).map(Separator::byte), separator, "{text}");
        }
        assert!(["", "ab", "x", "\"", "\n", ";;"].iter().all(|text| Separator::parse(text).is_none()));
    }
}
