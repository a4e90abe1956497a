//! The CSV file in which people decide many requested times at once in a spreadsheet.
//!
//! It contains texts of patients, which the reviewer has to read, so it must never be logged. Only two columns are read back.

use std::borrow::Cow;
use std::io::{self, Read, Write};

use chrono::NaiveDate;
use daybook_domain::requested_time::Ambiguity;
use daybook_domain::value::is_visible;
use daybook_domain::{ReservationId, Status};

use super::Decision;
use crate::legacy::import::csv::{Texts, read_all};
use crate::legacy::import::{CsvOptions, ImportError, Place, Reason, Reject};

const MAX_ROWS: usize = 1_000_000;

/// Without it, spreadsheets do not read the file as UTF-8.
const BYTE_ORDER_MARK: &str = "\u{feff}";

const COLUMNS: [&str; 8] = ["id", "date", "weekday", "service", "status", "text", "reason", "decision"];

const INPUT_COLUMNS: [&str; 2] = ["id", "decision"];

/// A reservation under review.
#[derive(Clone, PartialEq, Eq)]
pub struct FileRow<'a> {
    pub reservation: &'a str,
    pub date: NaiveDate,
    pub service: &'a str,
    pub status: Status,
    /// The requested time as the patient wrote it.
    pub text: &'a str,
    /// Why the text could not be read.
    pub reason: Ambiguity,
}

/// A row of the corrected file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrectedRow {
    pub place: Place,
    pub reservation: ReservationId,
    pub decision: Decision,
}

/// Writes rows with an empty decision column.
pub fn write_file<'a>(mut output: impl Write, rows: impl IntoIterator<Item = FileRow<'a>>) -> io::Result<()> {
    write!(output, "{BYTE_ORDER_MARK}{}\r\n", COLUMNS.join(","))?;
    let mut writer = csv::WriterBuilder::new()
        .quote_style(csv::QuoteStyle::Always)
        .terminator(csv::Terminator::CRLF)
        .from_writer(output);
    for row in rows {
        let (date, weekday) = (row.date.to_string(), row.date.format("%a").to_string());
        let (service, text) = (escape_formula(row.service), escape_formula(row.text));
        let (status, reason) = (row.status.as_str(), row.reason.as_str());
        writer.write_record([row.reservation, &date, &weekday, &service, status, &text, reason, ""])?;
    }
    writer.flush()
}

/// Starts of a formula, also in the full width that spreadsheets convert.
const FORMULA_STARTS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Spreadsheets run a text that starts like this as a formula, and patients wrote it. Some pass over blanks before it, and
/// a line break or a tab can put the rest of the text into a cell of its own.
fn escape_formula(text: &str) -> Cow<'_, str> {
    let first_visible = text.chars().find(|c| is_visible(*c));
    let is_formula = first_visible.is_some_and(|first| FORMULA_STARTS.contains(&first));
    if is_formula || text.starts_with(['\t', '\r', '\n']) { format!("'{text}").into() } else { text.into() }
}

/// Reads a corrected file: the decision of each row, or what is wrong with the row. Blocks.
pub fn read_file(
    input: impl Read,
    options: CsvOptions,
) -> Result<Vec<Result<CorrectedRow, Reject>>, ImportError> {
    let rows = read_all(input, options, INPUT_COLUMNS, MAX_ROWS)?;
    Ok(rows.into_iter().map(|row| row.and_then(parse)).collect())
}

fn parse(row: Texts<2>) -> Result<CorrectedRow, Reject> {
    let Texts { place, texts: [id, decision] } = row;
    let reject = |field, reason| Reject::new(place.clone(), Some(field), reason);
    let id = id.ok_or_else(|| reject("id", Reason::Missing))?;
    let reservation = ReservationId::parse(id.trim()).map_err(|_| reject("id", Reason::NotAnId))?;
    let decision = Decision::read(&decision.unwrap_or_default())
        .ok_or_else(|| reject("decision", Reason::NotADecision))?;
    Ok(CorrectedRow { place, reservation, decision })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use daybook_domain::Period;
    use daybook_domain::schedule::ReviewedTime;

    use super::*;

    fn written(text: &str) -> String {
        let row = FileRow {
            reservation: "old-1",
            date: "2025-03-28".parse().unwrap(),
            service: "SKIN_CARE",
            status: Status::Pending,
            text,
            reason: Ambiguity::NotATime,
        };
        let mut file = Vec::new();
        write_file(&mut file, [row]).unwrap();
        String::from_utf8(file).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back_as_left_open_whatever_the_patient_wrote() {
        for text in ["2시", "저녁, \"퇴근\" 후\n전화", "", "=1+1"] {
            let read = read_file(written(text).as_bytes(), CsvOptions::default()).unwrap();
            let [Ok(CorrectedRow { decision: Decision::Keep, reservation, .. })] = &read[..] else {
                panic!("{read:?}")
            };
            assert_eq!(reservation.as_str(), "old-1");
        }
    }

    #[test]
    fn a_text_that_a_spreadsheet_would_carry_out_is_written_as_a_text() {
        let formula = "=HYPERLINK(\"http://example.com\")";
        assert!(written(formula).contains("\"'=HYPERLINK(\"\"http://example.com\"\")\""));
        for start in [
            "=",
            "+",
            "-",
            "@",
            "＝",
            "＋",
            "－",
            "＠",
            "\t",
            "\r",
            "\n",
            " =",
            "\u{3000}＝",
            "\u{feff}@",
            "\n\u{200b}-",
            "\u{ad}=",
            "\u{3164}=",
            "\u{e0041}+",
            "\u{f8ff}=",
            "\u{301}@",
        ] {
            let text = format!("{start}1");
            assert!(written(&text).contains(&format!("\"'{text}\"")), "{text:?}");
        }
        assert!(written("2시").contains(",\"Fri\",") && written("2시").contains(",\"2시\","));
    }

    #[test]
    fn decisions_are_read_as_people_and_spreadsheets_write_them_and_others_are_named_by_line() {
        let file = "decision,id\n14:00,a\n9:00:00,b\n오후,c\nMORNING,d\n Keep ,e\n,f\n2시,g\nlater,h\n10:00,\n10:00,a b\n";
        let at = |time: &str| Decision::ReviewedTime(ReviewedTime::At(time.parse().unwrap()));
        let half = |period| Decision::ReviewedTime(ReviewedTime::Period(period));
        let read = read_file(file.as_bytes(), CsvOptions::default()).unwrap();
        let sound: Vec<Decision> = read.iter().flatten().map(|line| line.decision).collect();
        let expected = [
            at("14:00"),
            at("09:00"),
            half(Period::Afternoon),
            half(Period::Morning),
            Decision::Keep,
            Decision::Keep,
        ];
        assert_eq!(sound, expected);
        let faults: Vec<String> = read.iter().filter_map(|line| line.as_ref().err()).map(fault).collect();
        assert_eq!(
            faults,
            ["8 decision NotADecision", "9 decision NotADecision", "10 id Missing", "11 id NotAnId"]
        );
        let lacks = read_file("id,text\n".as_bytes(), CsvOptions::default()).unwrap_err().to_string();
        assert!(lacks.contains("lacks decision"), "{lacks}");
    }

    fn fault(reject: &Reject) -> String {
        let Place::Line(line) = reject.place else { panic!("{reject:?}") };
        format!("{line} {} {:?}", reject.field.unwrap_or_default(), reject.reason)
    }
}
