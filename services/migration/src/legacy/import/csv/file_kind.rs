//! Files that are no CSV, recognised by their first bytes, with the way to a CSV export.

/// What a file is, if it is no CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    Workbook,
    OldWorkbook,
    OpenDocument,
    Archive(&'static str),
    Pdf,
    Html,
    Json,
    SqlDump,
    CustomDump,
    BinaryCopy,
    Sqlite,
    Parquet,
    AlignedTable,
    Utf32,
    Utf7,
}

impl std::fmt::Display for FileKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const COPY: &str = "\\copy reservations TO 'reservations.csv' (FORMAT csv, HEADER)";
        match self {
            Self::Workbook => formatter.write_str(
                "an Excel workbook (.xlsx), not CSV; in Excel choose File, Save As, CSV UTF-8, and import that file",
            ),
            Self::OldWorkbook => formatter.write_str(
                "an old or encrypted Excel workbook (.xls), not CSV; in Excel choose File, Save As, CSV UTF-8, and import that file",
            ),
            Self::OpenDocument => formatter.write_str(
                "an OpenDocument file (.ods), not CSV; choose File, Save As, Text CSV, and import that file",
            ),
            Self::Archive(name) => write!(formatter, "a {name} archive; unpack it and import the CSV file in it"),
            Self::Pdf => formatter.write_str("a PDF, not CSV; export the table itself as CSV"),
            Self::Html => formatter.write_str(
                "HTML or XML, not CSV; if a program calls it .xls, open it in Excel and choose File, Save As, CSV UTF-8",
            ),
            Self::Json => formatter.write_str("JSON, not CSV; export the table as CSV"),
            Self::SqlDump => write!(
                formatter,
                "a dump in SQL, not CSV; load it into a PostgreSQL and use `daybook import run --from`, or export with psql: {COPY}"
            ),
            Self::CustomDump => formatter.write_str(
                "a dump of pg_dump, not CSV; load it with pg_restore into a PostgreSQL and use `daybook import run --from`",
            ),
            Self::BinaryCopy => write!(formatter, "a binary COPY, not CSV; export with psql: {COPY}"),
            Self::Sqlite => formatter.write_str("an SQLite database, not CSV; export the table with .mode csv"),
            Self::Parquet => formatter.write_str("a Parquet file, not CSV; export the table as CSV"),
            Self::AlignedTable => write!(formatter, "a table drawn for a terminal, not CSV; export with psql: {COPY}"),
            Self::Utf32 => formatter.write_str("UTF-32 text, which no export tool should write; export it as UTF-8"),
            Self::Utf7 => formatter.write_str("UTF-7 text, in which names look like +rYA-; export it as UTF-8"),
        }
    }
}

/// First bytes that only one kind of file has.
const MAGIC: [(&[u8], FileKind); 14] = [
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind::OldWorkbook),
    (b"\x1f\x8b", FileKind::Archive("gzip")),
    (b"BZh", FileKind::Archive("bzip2")),
    (b"\xfd7zXZ\0", FileKind::Archive("xz")),
    (b"\x28\xb5\x2f\xfd", FileKind::Archive("zstd")),
    (b"7z\xbc\xaf\x27\x1c", FileKind::Archive("7z")),
    (b"Rar!\x1a\x07", FileKind::Archive("RAR")),
    (b"%PDF-", FileKind::Pdf),
    (b"PGDMP", FileKind::CustomDump),
    (b"PGCOPY\n\xff\r\n\0", FileKind::BinaryCopy),
    (b"SQLite format 3\0", FileKind::Sqlite),
    (b"PAR1", FileKind::Parquet),
    (b"\xff\xfe\0\0", FileKind::Utf32),
    (b"\0\0\xfe\xff", FileKind::Utf32),
];

/// Words that a dump in SQL starts with.
const SQL: [&str; 9] = ["--", "/*", "insert ", "create ", "copy ", "set ", "begin;", "drop ", "\\restrict"];

/// Recognises a file by its first bytes.
pub(super) fn by_bytes(start: &[u8]) -> Option<FileKind> {
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        return Some(zipped(start));
    }
    MAGIC.iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, kind)| *kind)
}

/// Recognises a file by the start of its text.
pub(super) fn by_text(start: &[u8]) -> Option<FileKind> {
    let text = String::from_utf8_lossy(start.get(..start.len().min(2000)).unwrap_or_default());
    let text = text.trim_start().to_ascii_lowercase();
    let after_bracket = text.strip_prefix('[').map(str::trim_start);
    if text.lines().take(2).any(is_ruled_line) {
        return Some(FileKind::AlignedTable);
    }
    if text.starts_with('<') {
        return Some(FileKind::Html);
    }
    if text.starts_with('{') || after_bracket.is_some_and(|rest| rest.starts_with('{') || rest == "]") {
        return Some(FileKind::Json);
    }
    if SQL.iter().any(|word| text.starts_with(word)) {
        return Some(FileKind::SqlDump);
    }
    is_utf7(start).then_some(FileKind::Utf7)
}

/// Whether letters are written as runs such as `+rkC7/MIY-`. UTF-7 writes a plus as `+-`, so that in it every run can be
/// decoded: in a file with pluses of its own, one that cannot shows that it is none.
fn is_utf7(start: &[u8]) -> bool {
    const BETWEEN: &[u8] = b" \t\r\n,;|\"";
    if !start.is_ascii() {
        return false;
    }
    // What comes last may go on.
    let whole = start.iter().rposition(|byte| BETWEEN.contains(byte)).unwrap_or(0);
    let words = start.split_at(whole).0.split(|byte| BETWEEN.contains(byte));
    let mut with_letters = 0;
    // An address such as `kim+abc@example.com` may be decoded by chance.
    for run in words.filter(|word| !word.contains(&b'@')).flat_map(runs) {
        let Some(text) = decoded(run) else { return false };
        with_letters += usize::from(!is_word(run) && text.contains(is_letter_of_names));
    }
    with_letters > 1
}

/// The runs of Base64 after a plus, without numbers: a calling code follows a plus too.
fn runs(word: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let pieces = word.split(move |byte| !is_base64(byte));
    let runs =
        pieces.filter_map(|piece| piece.split_at_checked(piece.iter().position(|byte| *byte == b'+')? + 1));
    runs.map(|(_, run)| run).filter(|run| !run.iter().all(u8::is_ascii_digit))
}

/// Whether a run may be a word, as in `botox+eye`.
fn is_word(run: &[u8]) -> bool {
    let after_first = run.get(1..).unwrap_or_default();
    after_first.iter().all(u8::is_ascii_lowercase) || run.iter().all(u8::is_ascii_uppercase)
}

fn is_letter_of_names(c: char) -> bool {
    matches!(c, 'À'..='Ö' | 'Ø'..='ö' | 'ø'..='ÿ' | '\u{3041}'..='\u{30ff}' | '\u{3131}'..='\u{318e}')
        || matches!(c, '\u{4e00}'..='\u{9fff}' | '가'..='힣')
}

/// The text of a run of modified Base64, which holds UTF-16; `None` if it holds none.
fn decoded(run: &[u8]) -> Option<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut held) = (0_u32, 0);
    let mut units = Vec::new();
    for byte in run {
        let value = ALPHABET.iter().position(|letter| letter == byte)?;
        bits = bits << 6 | value as u32;
        held += 6;
        if held >= 16 {
            held -= 16;
            units.push(u16::try_from(bits >> held).ok()?);
            bits &= (1 << held) - 1;
        }
    }
    (held < 6 && bits == 0).then(|| String::from_utf16(&units).ok())?
}

/// The names of the files in an archive tell what it is.
fn zipped(start: &[u8]) -> FileKind {
    let names = |name: &[u8]| start.windows(name.len()).any(|window| window == name);
    if names(b"xl/") || names(b"[Content_Types].xml") {
        FileKind::Workbook
    } else if names(b"application/vnd.oasis.opendocument") {
        FileKind::OpenDocument
    } else {
        FileKind::Archive("ZIP")
    }
}

/// The line below the header that psql and mysql draw.
fn is_ruled_line(line: &str) -> bool {
    line.len() >= 3
        && line.contains("--")
        && line.trim().bytes().all(|byte| matches!(byte, b'-' | b'+' | b'|'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_csv_are_named_for_what_they_are() {
        let cases: [(&[u8], &str); 10] = [
            (b"PK\x03\x04\x14\0\x06\0[Content_Types].xml", "Excel workbook (.xlsx)"),
            (b"PK\x03\x04\x14\0export.csv", "ZIP archive; unpack it"),
            (b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "OpenDocument"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1..", "Excel workbook (.xls)"),
            (b"\x1f\x8b\x08\0", "gzip archive"),
            (b"%PDF-1.7", "PDF"),
            (b"PGDMP\x01", "pg_restore"),
            (b"SQLite format 3\0", "SQLite"),
            (b"\xff\xfe\0\0i\0\0\0", "UTF-32"),
            (b"PGCOPY\n\xff\r\n\0", "binary COPY"),
        ];
        for (bytes, name) in cases {
            let kind = by_bytes(bytes).map(|kind| kind.to_string()).unwrap_or_default();
            assert!(kind.contains(name), "{bytes:?}: {kind}");
        }
    }

    #[test]
    fn texts_that_are_no_csv_are_named_and_headers_are_not() {
        let cases = [
            ("\n<html><body><table>", "HTML"),
            ("<?xml version=\"1.0\"?>", "HTML or XML"),
            ("[\n {\"id\": 1}]", "JSON"),
            ("--\n-- PostgreSQL database dump\n--", "dump in SQL"),
            ("INSERT INTO reservations VALUES", "dump in SQL"),
            (" id | patientName\n----+------------\n 1  | x", "drawn for a terminal"),
            ("+----+---+\n| id | a |", "drawn for a terminal"),
            ("id,patientName\n1,+rkC7/MIY-\n2,+rYA- +rYA-\n", "UTF-7"),
            // Python and iconv write no dash where the run ends anyway, and iconv writes signs as runs too.
            ("id,patientName\n1,+rkC7/MIY,+xiTWxA 3+wtw\n", "UTF-7"),
            ("id,name\n+-82-10,kim+AF8-a+AEA-x.kr,+ACLGJNbE 3+wtwAIg\nJos+AOk,Garc+AO0-a\n", "UTF-7"),
            ("id,name\n1,+82-10-5550-0001,+c4tcD2YO-\n2,+821055500002,+kz6XWw-\n", "UTF-7"),
        ];
        for (text, name) in cases {
            let kind = by_text(text.as_bytes()).map(|kind| kind.to_string()).unwrap_or_default();
            assert!(kind.contains(name), "{text}: {kind}");
        }
        for header in [
            "id,patientName",
            "[id],[phone]",
            "\"id\";\"phone\"",
            "settings,id",
            "id|a\n-|-",
            "id\n+82-10\n+821-1\n",
            "id\n+82-10-5550-0001,+1-212-555-1234\n+12125551234,+821055500004\n+82-2-345-6789,+81-90\n",
            "id\nkim+Abc@x.kr,kim+a1B@x.kr,kim+a1B-c@x.kr\n",
            "id\nbotox+eye,skin+EYE,+lip +arm\n",
            "id\n+rYA-\n",
            "id\n+rYA-,+abd-,+rYA-\n",
            "id\n+stg-,+vDA-,+eye-\n",
        ] {
            assert_eq!(by_text(header.as_bytes()), None, "{header}");
        }
    }
}
