//! Exports as other programs write them: encodings, separators, words for NULL, zones, and values that no table can hold.
//! Each row is taken as what it is or rejected by line, and a run in which nothing came in says so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "foreign_exports/bad_rows.rs"]
mod bad_rows;
#[path = "foreign_exports/encodings.rs"]
mod encodings;

use std::io::Cursor;

use chrono::{DateTime, Duration, Utc};
use daybook_migration::import::{
    Analysis, AnomalyKind, CsvOptions, DateRule, DayZone, ImportReport, ImportRun, Place, Reason, Samples,
    Source, Verdict,
};

use crate::clinic::{Clinic, Process};
use crate::import::{old_database, silent, taken_over};

const COLUMNS: &str = "id,patientName,phone,email,birthDate,gender,treatmentType,preferredDate,preferredTime,status,notes,\
                       adminNotes,createdAt,updatedAt,service,statusChangedAt,statusChangedBy";

/// A row of the old table with some columns set.
fn row(id: &str, columns: &[(&str, &str)]) -> String {
    let number = id.len();
    let values = COLUMNS.split(',').map(|column| {
        let set = columns.iter().find(|(name, _)| *name == column).map(|(_, value)| (*value).to_owned());
        set.unwrap_or_else(|| match column {
            "id" => id.to_owned(),
            "patientName" => "한여울".to_owned(),
            "phone" => format!("010-5550-{number:04}"),
            "birthDate" => "1979-06-30 00:00:00".to_owned(),
            "gender" => "MALE".to_owned(),
            "treatmentType" => "FOLLOW_UP".to_owned(),
            "preferredDate" => "2025-10-14".to_owned(),
            "preferredTime" => "오후 3시".to_owned(),
            "status" => "CONFIRMED".to_owned(),
            "service" => "BODY_CARE".to_owned(),
            "createdAt" | "updatedAt" | "statusChangedAt" => "2025-10-01 05:06:07.008".to_owned(),
            _ => String::new(),
        })
    });
    values.collect::<Vec<_>>().join(",")
}

fn file(rows: &[String]) -> String {
    format!("{COLUMNS}\n{}\n", rows.join("\n"))
}

fn csv(text: impl Into<Vec<u8>>) -> Source {
    Source::csv(Cursor::new(text.into()))
}

async fn run(process: &Process, text: impl Into<Vec<u8>>) -> ImportReport {
    ImportRun::default().run(&process.commands, csv(text), &silent).await.unwrap()
}

async fn analyze(run: ImportRun, text: impl Into<Vec<u8>>) -> Analysis {
    run.analyze(None, csv(text), Samples::Times, &silent).await.unwrap()
}

/// What a file is refused with.
async fn refused(text: impl Into<Vec<u8>>) -> String {
    let rehearsal = ImportRun::default().rehearse(None, csv(text), &silent).await;
    rehearsal.unwrap_err().to_string()
}

fn reasons(report: &ImportReport) -> Vec<(Place, &'static str, Reason)> {
    report
        .rejects
        .iter()
        .map(|reject| (reject.place.clone(), reject.field.unwrap_or_default(), reject.reason))
        .collect()
}

fn line(number: u64) -> Place {
    Place::Line(number)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_export_is_named_for_what_it_is() {
    let cases: [(&[u8], &str); 8] = [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "no header"),
        (b"\xff\xfe", "no header"),
        (b"PK\x03\x04\x14\0[Content_Types].xml", "Excel workbook"),
        (b"\x1f\x8b\x08\0\0", "gzip"),
        (b"%PDF-1.4", "PDF"),
        (b"<html><table>", "HTML"),
        (b"when;who\n1;2\n", "names none of the columns"),
    ];
    for (bytes, name) in cases {
        let text = refused(bytes).await;
        assert!(text.contains(name), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_in_which_nothing_came_in_says_so() {
    let (_clinic, process) = Clinic::set_up().await;
    let none = [row("a", &[("status", "DONE")]), row("bb", &[("preferredDate", "0000-00-00")])];
    let report = run(&process, file(&none)).await;
    assert_eq!((report.verdict, report.rejected), (Verdict::NothingCameIn, 2));
    assert_eq!(run(&process, format!("{COLUMNS}\n")).await.verdict, Verdict::NothingCameIn);
    let some = [row("a", &[("status", "DONE")]), row("bb", &[])];
    assert_eq!(run(&process, file(&some)).await.verdict, Verdict::RowsRejected);
    assert_eq!(run(&process, file(&some[1..])).await.verdict, Verdict::AllIn, "it was there already");
    let since = ImportRun { since: Some(Utc::now()), ..ImportRun::default() };
    let report = since.run(&process.commands, csv(file(&some[1..])), &silent).await.unwrap();
    assert_eq!((report.verdict, report.passed_over), (Verdict::AllIn, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_with_nul_characters_are_rejected_by_line_and_come_in_once_they_are_mended() {
    let (_clinic, process) = Clinic::set_up().await;
    let columns = ["notes", "patientName", "preferredTime", "phone", "statusChangedBy", "email"];
    let rows: Vec<String> = (0..=columns.len())
        .map(|n| row(&"n".repeat(n + 1), columns.get(n).map(|column| (*column, "x\0y")).as_slice()))
        .collect();
    let report = run(&process, file(&rows)).await;
    assert_eq!((report.imported, report.rejected), (1, 6));
    for (number, column) in (2..).zip(columns) {
        assert!(reasons(&report).contains(&(line(number), column, Reason::NulCharacter)), "{column}");
    }
    let mended: Vec<String> = (0..=columns.len()).map(|n| row(&"n".repeat(n + 1), &[])).collect();
    let finish = ImportRun { reconcile: true, ..ImportRun::default() };
    let report = finish.run(&process.commands, csv(file(&mended)), &silent).await.unwrap();
    assert_eq!((report.imported, report.rejected, report.already_there), (6, 0, 1));
    assert!(report.reconciliation.unwrap().is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_and_moments_outside_the_calendar_are_rejected_by_line() {
    let (_clinic, process) = Clinic::set_up().await;
    let cases = [
        ("preferredDate", "0000-01-01", Reason::NotADate),
        ("preferredDate", "12025-01-01", Reason::NotADate),
        ("preferredDate", "2025.10.14", Reason::NotADate),
        ("preferredDate", "infinity", Reason::NotADate),
        ("createdAt", "0000-01-01 00:00:00", Reason::NotATimestamp),
        ("updatedAt", "2025-10-01 23:59:60", Reason::NotATimestamp),
        ("statusChangedAt", "2025-10-01 23:59:60.999999", Reason::NotATimestamp),
        ("birthDate", "0000-00-00", Reason::NotATimestamp),
    ];
    let mut rows: Vec<String> = cases
        .iter()
        .enumerate()
        .map(|(n, (column, text, _))| row(&"d".repeat(n + 1), &[(column, text)]))
        .collect();
    rows.push(row("right", &[]));
    let report = run(&process, file(&rows)).await;
    let expected: Vec<_> =
        (2..).zip(cases).map(|(number, (column, _, reason))| (line(number), column, reason)).collect();
    assert_eq!((report.imported, reasons(&report)), (1, expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_keeps_its_instant_whatever_zone_it_is_written_in() {
    let (_clinic, process) = Clinic::set_up().await;
    let forms = [
        "2025-10-01 05:06:07",
        "2025-10-01T05:06:07Z",
        "2025-10-01 05:06:07+00",
        "2025-10-01T14:06:07.000+09:00",
        "2025-10-01 14:06:07 Asia/Seoul",
    ];
    let rows: Vec<String> = forms
        .iter()
        .enumerate()
        .map(|(n, form)| {
            row(&"m".repeat(n + 1), &[("createdAt", form), ("updatedAt", form), ("statusChangedAt", form)])
        })
        .collect();
    let report = run(&process, file(&rows)).await;
    assert_eq!((report.imported, report.rejected), (forms.len() as u64, 0));
    let instant: DateTime<Utc> = "2025-10-01T05:06:07Z".parse().unwrap();
    for (id, (event, _)) in taken_over(&process).await {
        assert_eq!(
            (event.created_at, event.updated_at, event.status_changed_at),
            (instant, instant, instant),
            "{id}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_for_null_are_not_texts_of_patients() {
    let (_clinic, process) = Clinic::set_up().await;
    let nulls = |word| {
        ["email", "preferredTime", "notes", "adminNotes", "statusChangedBy"].map(|column| (column, word))
    };
    let rows = [
        row("a", &nulls("NULL")),
        row("bb", &nulls("\\N")),
        row("ccc", &nulls("\"(null)\"")),
        row("dddd", &[("patientName", "NULL")]),
        row("eeeee", &[("patientName", "Null"), ("notes", "N/A")]),
    ];
    let report = run(&process, file(&rows)).await;
    assert_eq!(reasons(&report), [(line(5), "patientName", Reason::NullWord)]);
    let taken = taken_over(&process).await;
    for id in ["a", "bb", "ccc"] {
        let (event, details) = &taken[id];
        let details = details.as_ref().unwrap();
        assert_eq!((&details.email, &details.notes, &details.admin_note), (&None, &None, &None), "{id}");
        assert_eq!((&event.status_changed_by, details.unread_wish.as_deref()), (&None, Some("")), "{id}");
    }
    let details = taken["eeeee"].1.as_ref().unwrap();
    assert_eq!((&*details.patient_name, details.notes.as_deref()), ("Null", Some("N/A")));
}

#[tokio::test(flavor = "multi_thread")]
async fn words_for_a_missing_value_and_unseen_texts_are_no_ids() {
    let (_clinic, process) = Clinic::set_up().await;
    let words = ["NULL", "null", "\\N", "None", "nan", "#N/A", "-", "(null)", "n/a"];
    let unseen = ["", "  ", "\u{200b}", "\u{3164}\u{feff}"];
    let rows: Vec<String> =
        words.iter().chain(&unseen).map(|id| row("x", &[("id", id)])).chain([row("right", &[])]).collect();
    let report = run(&process, file(&rows)).await;
    let reason = |number: usize| if number < words.len() { Reason::MissingWord } else { Reason::Missing };
    let expected: Vec<_> = (0..words.len() + unseen.len())
        .map(|number| (line(number as u64 + 2), "id", reason(number)))
        .collect();
    assert_eq!((reasons(&report), report.imported), (expected, 1));
    assert!(taken_over(&process).await.keys().eq(["right"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_uuid_in_another_spelling_is_no_second_reservation() {
    let (_clinic, process) = Clinic::set_up().await;
    let id = "5ab08197-8c8b-4335-8efb-a8ed09c62f16";
    let again = [id.to_uppercase(), id.replace('-', "")];
    let first = [row(id, &[]), row(&again[0], &[]), row("a1", &[]), row("A1", &[])];
    let report = run(&process, file(&first)).await;
    assert_eq!(reasons(&report), [(line(3), "id", Reason::IdSpeltOtherwise)]);
    assert_eq!(report.imported, 3, "of an id that is no UUID, the case counts");
    let second: Vec<String> = again.iter().map(|id| row(id, &[])).collect();
    let report = run(&process, file(&second)).await;
    let spelt_otherwise = |number| (line(number), "id", Reason::IdSpeltOtherwise);
    assert_eq!(reasons(&report), [spelt_otherwise(2), spelt_otherwise(3)]);
    assert_eq!(run(&process, file(&first[..1])).await.already_there, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_birth_date_at_midnight_of_the_clinic_waits_for_the_choice_of_the_operator() {
    let (_clinic, process) = Clinic::set_up().await;
    let text = file(&[
        row("a", &[("birthDate", "1988-01-31 15:00:00.000")]),
        row("bb", &[("birthDate", "1988-02-01 00:00:00.000")]),
    ]);
    let analysis = analyze(ImportRun::default(), text.clone()).await;
    let [anomaly] = analysis.anomalies.as_slice() else { panic!("{:?}", analysis.anomalies) };
    assert_eq!(
        (anomaly.what, anomaly.field, anomaly.rows),
        (AnomalyKind::Rejected(Reason::DayInDoubt), Some("birthDate"), 1)
    );
    assert_eq!(run(&process, text.clone()).await.imported, 1);
    let local = ImportRun {
        dates: DateRule { zone: Some(DayZone::Local), ..DateRule::default() },
        ..ImportRun::default()
    };
    assert_eq!(analyze(local.clone(), text.clone()).await.anomalies, []);
    let report = local.run(&process.commands, csv(text), &silent).await.unwrap();
    assert_eq!((report.imported, report.already_there), (1, 1));
    for (id, (_, details)) in taken_over(&process).await {
        assert_eq!(details.unwrap().birth_date.to_string(), "1988-02-01", "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_the_future_is_taken_and_does_not_move_the_next_since() {
    let (_clinic, process) = Clinic::set_up().await;
    let future = (Utc::now() + Duration::days(900)).format("%F %T").to_string();
    let first = [row("a", &[("updatedAt", &future)]), row("bb", &[])];
    let analysis = analyze(ImportRun::default(), file(&first)).await;
    assert!(
        analysis.anomalies.iter().any(|anomaly| anomaly.what == AnomalyKind::AfterExport
            && anomaly.field == Some("updatedAt")
            && anomaly.places == [line(2)]),
        "{:?}",
        analysis.anomalies
    );
    let report = run(&process, file(&first)).await;
    assert_eq!(report.imported, 2);
    let since = report.next_since.unwrap();
    assert!(since < "2025-10-01T05:06:07Z".parse::<DateTime<Utc>>().unwrap(), "{since}");
    let later = (Utc::now() - Duration::hours(3)).format("%F %T").to_string();
    let second = [
        first[0].clone(),
        row("bb", &[("status", "CANCELLED"), ("updatedAt", &later)]),
        row("ccc", &[("updatedAt", &later)]),
    ];
    let next = ImportRun { since: Some(since), ..ImportRun::default() };
    let report = next.run(&process.commands, csv(file(&second)), &silent).await.unwrap();
    assert_eq!((report.updated, report.imported), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_file_limits_the_next_since_to_its_own_age() {
    let rows = [row("a", &[]), row("bb", &[("updatedAt", "2025-10-09 00:00:00")])];
    let (_clinic, process) = Clinic::set_up().await;
    let exported_by = "2025-10-02T00:00:00Z".parse().unwrap();
    let source = Source::csv_as(Cursor::new(file(&rows)), CsvOptions::default(), exported_by);
    let report = ImportRun::default().run(&process.commands, source, &silent).await.unwrap();
    assert_eq!(report.imported, 2);
    assert!(report.next_since.unwrap() < exported_by, "{report:?}");
}

/// Cells of foreign exports that are taken as what they are.
const TAKEN: [(&str, &str); 24] = [
    ("preferredDate", " 2025-10-14 "),
    ("preferredDate", "2025-10-14 00:00:00"),
    ("preferredDate", "2025-10-14T00:00:00.000Z"),
    ("preferredDate", "1900-01-01"),
    ("birthDate", "1969-12-31 00:00:00"),
    ("createdAt", "2025-10-01T05:06:07Z"),
    ("createdAt", "2025-10-01 14:06:07+09"),
    ("createdAt", "2025-10-01T14:06:07.008+0900"),
    ("updatedAt", "2025-10-01 05:06:07.008009010"),
    ("phone", "010-5550-0701 (이모)"),
    ("phone", "[회사] 02-555-0702 내선 31"),
    ("phone", "#31#010-5550-0703"),
    ("phone", "tel:+82-10-5550-0704;ext=9"),
    ("phone", "+82 (0)10 5550 0705"),
    ("phone", "00700 82 10 5550 0706"),
    ("phone", "010,5550,0707"),
    ("phone", "=\"\"010-5550-0708\"\""),
    ("phone", "010-5550-0709\n"),
    ("patientName", "\u{1112}\u{1161}\u{11ab}여울"),
    ("patientName", " 한여울"),
    ("preferredTime", "오후 3시\u{200b}"),
    ("notes", "가족\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}"),
    ("email", "[NULL]"),
    ("statusChangedBy", "\\N"),
];

/// Cells that are rejected, with the reason.
const REJECTED: [(&str, &str, Reason); 28] = [
    ("preferredDate", "2025/10/14", Reason::NotADate),
    ("preferredDate", "2025. 10. 14.", Reason::NotADate),
    ("preferredDate", "45944", Reason::NotADate),
    ("preferredDate", "10/14/2025", Reason::NotADate),
    ("preferredDate", "infinity", Reason::NotADate),
    ("preferredDate", "9999-12-31", Reason::OutsideCalendar),
    ("birthDate", "2190-05-06 00:00:00", Reason::BornLater),
    ("birthDate", "1984-02-29 15:00:00", Reason::DayInDoubt),
    ("createdAt", "2025-10-01", Reason::NotATimestamp),
    ("createdAt", "45931.2125", Reason::NotATimestamp),
    ("createdAt", "2025-10-01 오후 2:06:07", Reason::NotATimestamp),
    ("updatedAt", "2025-10-01 23:59:60", Reason::NotATimestamp),
    ("updatedAt", "-infinity", Reason::NotATimestamp),
    ("phone", "010-5550-0710/010-5550-0711", Reason::NotAPhoneNumber),
    ("phone", "5123-4567~8", Reason::NotAPhoneNumber),
    ("phone", "2123-4567, 8", Reason::NotAPhoneNumber),
    ("phone", "1) 010-5550-0713", Reason::NotAPhoneNumber),
    ("phone", "#1 02-555-0713", Reason::NotAPhoneNumber),
    ("phone", "tel:+82%2010-5550-0713", Reason::NotAPhoneNumber),
    ("phone", "1.06E+09", Reason::NotAPhoneNumber),
    ("phone", "010-5550-071O", Reason::NotAPhoneNumber),
    ("phone", "010-5550-0712²", Reason::NotAPhoneNumber),
    ("phone", "0000", Reason::NotAPhoneNumber),
    ("patientName", "NULL", Reason::NullWord),
    ("patientName", "한\u{e0041}여울", Reason::NotVisibleText),
    ("notes", "\u{fff9}주\u{fffa}석\u{fffb}", Reason::NotVisibleText),
    ("patientName", "한여울\u{b}", Reason::NotVisibleText),
    ("adminNotes", "\u{85}", Reason::NotVisibleText),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_cell_is_taken_as_what_it_is_or_rejected_by_line_with_its_reason() {
    let quoted =
        |text: &str| if text.contains([',', '\n', '"']) { format!("\"{text}\"") } else { text.to_owned() };
    let rows = TAKEN.iter().copied().chain(REJECTED.iter().map(|(column, text, _)| (*column, *text)));
    let rows =
        rows.enumerate().map(|(number, (column, text))| row(&number.to_string(), &[(column, &quoted(text))]));
    let (_clinic, process) = Clinic::set_up().await;
    let report = run(&process, file(&rows.collect::<Vec<_>>())).await;
    let found: Vec<_> =
        report.rejects.iter().map(|reject| (reject.field.unwrap_or_default(), reject.reason)).collect();
    assert_eq!(found, REJECTED.map(|(column, _, reason)| (column, reason)));
    assert_eq!((report.imported, report.review_total()), (TAKEN.len() as u64, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_bookings_on_one_seat_of_a_day_to_come_are_an_anomaly() {
    // A Monday in the far future, with one seat.
    let at = |id: &str, time: &str, status: &str| {
        row(id, &[("preferredDate", "2035-03-05"), ("preferredTime", time), ("status", status)])
    };
    let rows = [
        at("a", "10:00", "CONFIRMED"),
        at("bb", "10:00", "CONFIRMED"),
        at("ccc", "15:00", "CONFIRMED"),
        at("dddd", "15:00", "CANCELLED"),
        row("eeeee", &[("preferredTime", "10:00")]),
        row("ffffff", &[("preferredTime", "10:00")]),
    ];
    let analysis = analyze(ImportRun::default(), file(&rows)).await;
    let taken =
        analysis.anomalies.iter().find(|anomaly| anomaly.what == AnomalyKind::SeatTakenTwice).unwrap();
    assert_eq!((taken.rows, taken.is_rejected, &taken.places), (2, false, &vec![line(2), line(3)]));
    assert_eq!(analysis.run.imported, 6, "all of them are imported");
}

/// A live source whose columns have other types than the old system's own.
#[tokio::test(flavor = "multi_thread")]
async fn a_live_source_with_zones_timestamps_and_texts_is_read_like_any_other() {
    let old = old_database().await;
    let client = old.connect().await.unwrap();
    let by_default = {
        let (_clinic, process) = Clinic::set_up().await;
        ImportRun::default().run(&process.commands, Source::postgres(old.config()), &silent).await.unwrap();
        taken_over(&process).await
    };
    client
        .batch_execute(
            r#"ALTER DATABASE CURRENT_DATABASE_NAME SET timezone = 'Asia/Seoul';"#
                .replace("CURRENT_DATABASE_NAME", old.config().get_dbname().unwrap())
                .as_str(),
        )
        .await
        .unwrap();
    client
        .batch_execute(
            r#"ALTER TABLE reservations
                   ALTER "createdAt" DROP DEFAULT, ALTER "statusChangedAt" DROP DEFAULT, ALTER status DROP DEFAULT,
                   ALTER "createdAt" TYPE timestamptz USING "createdAt" AT TIME ZONE 'UTC',
                   ALTER "updatedAt" TYPE timestamptz USING "updatedAt" AT TIME ZONE 'UTC',
                   ALTER "statusChangedAt" TYPE timestamptz USING "statusChangedAt" AT TIME ZONE 'UTC',
                   ALTER "preferredDate" TYPE timestamp, ALTER "birthDate" TYPE date,
                   ALTER status TYPE text, ALTER service TYPE varchar(40), ALTER gender TYPE char(12)"#,
        )
        .await
        .unwrap();
    let (_clinic, process) = Clinic::set_up().await;
    let report =
        ImportRun::default().run(&process.commands, Source::postgres(old.config()), &silent).await.unwrap();
    assert_eq!((report.imported, report.rejected), (200, 0), "{:?}", report.rejects);
    for (id, (event, details)) in taken_over(&process).await {
        let (expected, expected_details) = &by_default[&id];
        assert_eq!(
            (event.created_at, event.updated_at, event.status_changed_at, event.date, event.status),
            (
                expected.created_at,
                expected.updated_at,
                expected.status_changed_at,
                expected.date,
                expected.status
            ),
            "{id}"
        );
        assert_eq!(&details, expected_details, "{id}");
    }
    let latest = "2100-01-01T00:00:00Z".parse().unwrap();
    let since = ImportRun { since: Some(latest), ..ImportRun::default() };
    let report = since.run(&process.commands, Source::postgres(old.config()), &silent).await.unwrap();
    assert_eq!((report.read, report.verdict), (0, Verdict::AllIn));
}
