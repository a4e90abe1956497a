//! Other programs' CSV is read back, and a broken line costs only that line.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::legacy::import::reject::{Place, UnreadRow};

type Texts = Result<Vec<Option<String>>, Reason>;

fn open(text: &[u8]) -> Records<&[u8]> {
    Records::open(text, CsvOptions::default()).ok().unwrap()
}

/// Line and fields, or line and reason, of each record after the header.
fn read(text: &[u8]) -> Vec<(u64, Texts)> {
    let mut records = open(text);
    let width = records.next(None).unwrap().unwrap().fields.unwrap().len();
    let mut all = Vec::new();
    while let Some(record) = records.next(Some(width)).unwrap() {
        let texts = |fields: Vec<Field>| {
            fields.into_iter().map(|field| field.map(|bytes| String::from_utf8(bytes).unwrap())).collect()
        };
        all.push((record.line, record.fields.map(texts).map_err(|(reason, _)| reason)));
    }
    all
}

fn plain(fields: &[&str]) -> Texts {
    Ok(fields.iter().map(|field| Some((*field).to_owned())).collect())
}

#[test]
fn quotes_line_breaks_and_nulls_are_read_as_postgresql_writes_them() {
    let text = "a,b\r\n\"x, \"\"y\"\"\nz\",\"\"\r\n,w\n\nlast,line";
    let nulls = Ok(vec![None, Some("w".to_owned())]);
    let expected = [(2, plain(&["x, \"y\"\nz", ""])), (4, nulls), (6, plain(&["last", "line"]))];
    assert_eq!(read(text.as_bytes()), expected);
}

#[test]
fn a_broken_line_is_rejected_by_its_number_and_the_rest_is_read() {
    let cases = [
        ("only", Reason::WrongNumberOfFields),
        ("one,too,many", Reason::WrongNumberOfFields),
        ("\"never closed,x", Reason::UnclosedQuote),
        ("x,\"never closed", Reason::UnclosedQuote),
        ("in\"side,x", Reason::UnclosedQuote),
        ("in\"si\"de,x", Reason::MisplacedQuote),
        ("\"closed\"early,x", Reason::MisplacedQuote),
    ];
    for (broken, reason) in cases {
        let text = format!("a,b\n1,2\n{broken}\n3,\"4 \"\"four\"\"\"\n5,6\n");
        let expected = [
            (2, plain(&["1", "2"])),
            (3, Err(reason)),
            (4, plain(&["3", "4 \"four\""])),
            (5, plain(&["5", "6"])),
        ];
        assert_eq!(read(text.as_bytes()), expected, "{broken}");
    }
}

#[test]
fn lines_without_a_value_are_skipped_and_counted_and_padding_is_no_line() {
    let empty = [
        "",
        ";",
        ";;;",
        "\t;\t",
        " ; ",
        "\u{a0};\u{3000}",
        "\"\";\"\"",
        "\" \";",
        "\0;\0",
        "\u{1a}",
        "\u{feff};\u{200b}",
        "\r",
    ];
    for text in empty {
        let file = format!("{text}\na;b\n1;2\n{text}\n{text}\n3;4\n{text}");
        let mut records = open(file.as_bytes());
        Header::read(&mut records, ["a", "b"]).ok().unwrap();
        assert_eq!(records.separator.to_string(), "semicolons", "{text:?}");
        let mut lines = Vec::new();
        while let Some(record) = records.next(Some(2)).unwrap() {
            lines.push(record.line);
        }
        assert_eq!(lines.len(), 2, "{text:?}");
        let at_the_end = u64::from(!text.trim_end_matches(['\0', '\u{1a}']).is_empty());
        assert_eq!(records.empty_lines, 3 + at_the_end, "{text:?}");
    }
    for padding in ["\0", "\u{1a}", "\0\0\0", "\u{1a}\u{1a}", "\u{1a}\0\0"] {
        let rows = [(2, plain(&["1", "2"]))];
        for end in ["\n", "\r\n", ""] {
            assert_eq!(read(format!("a,b\n1,2{end}{padding}").as_bytes()), rows, "{padding:?} after {end:?}");
        }
    }
    for value in ["-,", "0,", ",Total", ".", "\u{e000},"] {
        assert_eq!(read(format!("a,b\n{value}\n").as_bytes()).len(), 1, "{value:?}");
    }
}

#[test]
fn two_stray_quotation_marks_do_not_consume_the_lines_between_them() {
    let text = "a,b\n1,\"x\n2,y\n3,\"z\n4,w\n";
    let lost = Err(Reason::UnclosedQuote);
    let expected = [(2, lost.clone()), (3, plain(&["2", "y"])), (4, lost), (5, plain(&["4", "w"]))];
    assert_eq!(read(text.as_bytes()), expected);
}

#[test]
fn a_stray_quotation_mark_in_a_long_file_costs_its_own_line() {
    let lines = (0..1000).map(|n| if n == 300 { "300,\"x\n".to_owned() } else { format!("{n},y\n") });
    let text = format!("a,b\n{}", lines.collect::<String>());
    let all = read(text.as_bytes());
    assert_eq!(all.len(), 1000);
    let broken: Vec<_> = all.iter().filter(|(_, fields)| fields.is_err()).map(|(line, _)| *line).collect();
    assert_eq!(broken, [302]);
}

#[test]
fn an_endless_line_is_skipped_and_reading_continues() {
    for length in [MAX_ROW_BYTES, MAX_ROW_BYTES + 1, 5 * MAX_ROW_BYTES] {
        let text = format!("a,b\n{},x\n1,2\n", "x".repeat(length));
        assert_eq!(read(text.as_bytes()), [(2, Err(Reason::TooLong)), (3, plain(&["1", "2"]))], "{length}");
    }
}

#[test]
fn a_byte_order_mark_is_not_part_of_a_name() {
    let text = format!("\u{feff}\"id\",{}\n", COLUMNS.get(1..).unwrap().join(","));
    assert_eq!(Header::read(&mut open(text.as_bytes()), COLUMNS).ok().unwrap().indexes[0], 0);
}

#[test]
fn columns_are_found_in_any_order_and_missing_ones_are_named() {
    let mut names: Vec<Vec<u8>> = COLUMNS.iter().rev().map(|name| name.as_bytes().to_vec()).collect();
    names.push(b"another".to_vec());
    assert_eq!(Header::from_names(COLUMNS, &names).ok().unwrap().indexes[0], 16);
    names.push(b"id".to_vec());
    assert!(matches!(Header::from_names(COLUMNS, &names), Err(ImportError::ColumnTwice { column: "id" })));
    names.retain(|name| name != b"id" && name != b"phone");
    names.push(b" Phone Number".to_vec());
    let Err(missing) = Header::from_names(COLUMNS, &names) else { panic!("columns are missing") };
    assert_eq!(missing.to_string(), "the file lacks id, phone; its first line must name these columns");
}

#[test]
fn names_may_differ_in_case_blanks_and_quotation_marks() {
    let folded = |name: &str| match name {
        "id" => " ID ".to_owned(),
        "patientName" => "patient_name".to_owned(),
        "phone" => "`phone`".to_owned(),
        other => other.to_uppercase(),
    };
    let names: Vec<Vec<u8>> = COLUMNS.iter().map(|name| folded(name).into_bytes()).collect();
    assert_eq!(Header::from_names(COLUMNS, &names).ok().unwrap().indexes[16], 16);
    let twice = [names, vec![b"Id".to_vec()]].concat();
    assert!(matches!(Header::from_names(COLUMNS, &twice), Err(ImportError::ColumnTwice { column: "id" })));
}

/// Rows of the first two columns, and the separator.
fn two_columns(text: &[u8]) -> (Vec<[Option<String>; 2]>, Separator) {
    let mut records = open(text);
    let header = Header::read(&mut records, ["id", "phone"]).ok().unwrap();
    let mut rows = Vec::new();
    while let Some(record) = records.next(Some(header.width)).unwrap() {
        rows.push(header.row(record).ok().unwrap().texts);
    }
    (rows, records.separator)
}

#[test]
fn separators_and_line_ends_are_found_from_the_file() {
    let text = "id,phone\n1,\"2,3\"\n4,5\n";
    for (separator, name) in [(";", "semicolons"), ("\t", "tabs"), ("|", "`|`"), (",", "commas")] {
        for line_end in ["\n", "\r\n", "\r", "\r\r\n"] {
            let text = text.replace("\"2,3\"", "\"2 3\"").replace(',', separator).replace('\n', line_end);
            let named = format!("sep={separator}{line_end}{text}");
            for text in [text, named] {
                let (rows, found) = two_columns(text.as_bytes());
                let texts = |a: &str, b: &str| [Some(a.to_owned()), Some(b.to_owned())];
                assert_eq!(rows, [texts("1", "2 3"), texts("4", "5")], "{text:?}");
                assert_eq!(found.to_string(), name);
            }
        }
    }
}

#[test]
fn a_header_in_the_middle_is_rejected_by_line() {
    let mut records = open(b"id,phone\n1,2\n\xef\xbb\xbfid,phone\n3,4\n");
    let header = Header::read(&mut records, ["id", "phone"]).ok().unwrap();
    let mut reasons = Vec::new();
    while let Some(record) = records.next(Some(header.width)).unwrap() {
        reasons.push((record.line, header.row(record).err().map(|row| row.reject.reason)));
    }
    assert_eq!(reasons, [(2, None), (3, Some(Reason::HeaderAgain)), (4, None)]);
}

#[test]
fn a_file_without_a_header_is_refused() {
    let refused = |text: &[u8]| {
        let opened = Records::open(text, CsvOptions::default());
        opened.and_then(|mut records| Header::read(&mut records, COLUMNS)).err().unwrap().to_string()
    };
    for text in ["\u{feff}", "\n\n", "\r\n"] {
        assert!(refused(text.as_bytes()).contains("has no header"), "{text:?}");
    }
    assert!(refused(b"").contains("empty"));
    assert!(refused(b"a,b\n1,2").contains("names none of the columns"));
}

#[test]
fn text_that_is_not_utf_8_is_rejected_by_line_and_column() {
    let mut text = COLUMNS.join(",").into_bytes();
    text.extend_from_slice(b"\nid,\xff\xfe,");
    text.extend_from_slice(&b",".repeat(COLUMNS.len() - 3));
    let options = CsvOptions { encoding: TextEncoding::by_label("utf-8"), separator: None };
    let mut records = Records::open(text.as_slice(), options).ok().unwrap();
    let header = Header::read(&mut records, COLUMNS).ok().unwrap();
    let record = records.next(Some(header.width)).unwrap().unwrap();
    let UnreadRow { reject, .. } = header.row(record).err().unwrap();
    assert_eq!(reject, Reject::new(Place::Line(2), Some("patientName"), Reason::NotUtf8));
}

proptest! {
    #[test]
    fn files_of_the_csv_crate_are_read_back(
        rows in prop::collection::vec(prop::collection::vec("[a-z\",\n\r가 ]{0,8}", 3), 0..20),
        quote_all in any::<bool>(),
    ) {
        let style = if quote_all { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let mut writer = csv::WriterBuilder::new().quote_style(style).from_writer(Vec::new());
        writer.write_record(["a", "b", "c"]).unwrap();
        rows.iter().for_each(|row| writer.write_record(row).unwrap());
        let text = writer.into_inner().unwrap();
        let texts = |fields: Vec<Option<String>>| fields.into_iter().map(Option::unwrap_or_default).collect();
        let all: Vec<Vec<String>> =
            read(&text).into_iter().map(|(_, fields)| fields.map(texts).unwrap()).collect();
        let with_a_value = rows.into_iter().filter(|row| !row.iter().all(|field| field.trim().is_empty()));
        prop_assert_eq!(all, with_a_value.collect::<Vec<_>>());
    }

    #[test]
    fn no_bytes_stop_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let options = CsvOptions { encoding: TextEncoding::by_label("utf-8"), separator: None };
        let Ok(mut records) = Records::open(bytes.as_slice(), options) else { return Ok(()) };
        let mut last = 0;
        while let Some(record) = records.next(Some(3)).unwrap() {
            prop_assert!(record.line > last, "each record starts on a line of its own");
            last = record.line;
        }
    }
}
