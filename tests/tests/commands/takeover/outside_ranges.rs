//! Rows with values that no view can hold: each is rejected by its line and column, all are accounted for, and none comes
//! in half.

use std::io::Cursor;

use daybook_migration::import::{ImportReport, Place, Reason, Source};

use super::reconciling;
use crate::clinic::{Clinic, Process};
use crate::import::{silent, taken_over};

const HEADER: &str = "id,patientName,phone,email,birthDate,gender,treatmentType,preferredDate,preferredTime,status,\
    notes,adminNotes,createdAt,updatedAt,service,statusChangedAt,statusChangedBy";

/// A sound row with some columns replaced.
fn row(number: u32, columns: &[(&str, &str)]) -> String {
    let (id, phone) = (format!("old-{number}"), format!("010-0000-{number:04}"));
    let at = "2025-11-20 01:02:03.004";
    let usual = [
        &id,
        "가영별",
        &phone,
        "n@example.com",
        "1984-02-29 00:00:00",
        "FEMALE",
        "FIRST_VISIT",
        "2025-12-01",
        "오전 10시",
        "COMPLETED",
        "앞뒤",
        "",
        at,
        at,
        "SKIN_CARE",
        at,
        "desk@clinic.example",
    ];
    let fields = HEADER.split(',').zip(usual).map(|(name, usual)| {
        columns.iter().find(|(column, _)| *column == name.trim()).map_or(usual, |(_, value)| value)
    });
    fields.collect::<Vec<_>>().join(",")
}

async fn import(process: &Process, rows: &[String]) -> ImportReport {
    let file = std::iter::once(HEADER).chain(rows.iter().map(String::as_str)).collect::<Vec<_>>().join("\n");
    let rehearsed = reconciling()
        .rehearse(Some(&process.commands), Source::csv(Cursor::new(file.clone().into_bytes())), &silent)
        .await
        .unwrap();
    let report = reconciling()
        .run(&process.commands, Source::csv(Cursor::new(file.into_bytes())), &silent)
        .await
        .unwrap();
    assert_eq!((rehearsed.rejected, rehearsed.imported), (report.rejected, report.imported));
    report
}

fn rejects(report: &ImportReport) -> Vec<(Place, &str, Reason)> {
    report
        .rejects
        .iter()
        .map(|reject| (reject.place.clone(), reject.field.unwrap_or_default(), reject.reason))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_with_nul_are_rejected_by_line_and_taken_once_they_are_mended() {
    let (_clinic, process) = Clinic::set_up().await;
    let broken = [
        ("notes", "앞\0뒤"),
        ("patientName", "가\0영"),
        ("preferredTime", "10:00\0"),
        ("phone", "010-0000-0004\0"),
        ("statusChangedBy", "a\0b"),
        ("email", "a\0@x.kr"),
    ];
    let mut rows: Vec<String> = (1..).zip(broken).map(|(number, column)| row(number, &[column])).collect();
    rows.push(row(7, &[]));
    let report = import(&process, &rows).await;
    let expected: Vec<(Place, &str, Reason)> = (2..)
        .zip(broken)
        .map(|(line, (column, _))| (Place::Line(line), column, Reason::NulCharacter))
        .collect();
    assert_eq!((rejects(&report), report.imported), (expected, 1));
    let account = report.reconciliation.unwrap();
    assert_eq!((account.source_rows, account.rejected, account.accounted_for()), (7, 6, 7));

    let mended: Vec<String> =
        (1..8).map(|number| row(number, &[("updatedAt", "2025-11-22 01:02:03.004")])).collect();
    let report = import(&process, &mended).await;
    assert_eq!((report.imported, report.updated, report.rejected), (6, 1, 0), "{report:?}");
    let account = report.reconciliation.unwrap();
    assert_eq!((account.accounted_for(), account.only_in_old_system.count), (7, 0));
    assert_eq!(taken_over(&process).await.len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_moments_and_invisible_texts_outside_their_ranges_are_rejected_by_line() {
    let (_clinic, process) = Clinic::set_up().await;
    let cases = [
        ("preferredDate", "0000-01-01", Reason::NotADate),
        ("preferredDate", "2200-01-01", Reason::OutsideCalendar),
        ("birthDate", "1899-12-31", Reason::OutsideCalendar),
        ("createdAt", "0000-01-01 00:00:00", Reason::NotATimestamp),
        ("updatedAt", "9999-12-31 00:00:00", Reason::OutsideCalendar),
        ("statusChangedAt", "2025-11-20 23:59:60.999999", Reason::NotATimestamp),
        ("patientName", "\u{200b}", Reason::NotVisibleText),
        ("patientName", "\u{202e}gnp", Reason::NotVisibleText),
        ("notes", "\u{1b}[2J", Reason::NotVisibleText),
        ("adminNotes", "\u{feff}", Reason::NotVisibleText),
    ];
    let mut rows = vec![row(0, &[])];
    rows.extend((1..).zip(cases).map(|(number, (column, value, _))| row(number, &[(column, value)])));
    let report = import(&process, &rows).await;
    let expected: Vec<(Place, &str, Reason)> =
        (3..).zip(cases).map(|(line, (column, _, reason))| (Place::Line(line), column, reason)).collect();
    assert_eq!((rejects(&report), report.imported), (expected, 1));
    let account = report.reconciliation.unwrap();
    assert_eq!(account.accounted_for(), account.source_rows);
}
