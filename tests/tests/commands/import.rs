//! The import of the old system's reservations: complete, without duplicates, and the same from a file as from a live
//! database.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, HashSet};
use std::io::Cursor;
use std::sync::Mutex;

use daybook_domain::requested_time::Ambiguity;
use daybook_domain::schedule::event::ReservationImported;
use daybook_domain::schedule::{ScheduleEvent, SlotAssignment};
use daybook_domain::{Event, Status};
use daybook_migration::import::{ImportError, ImportReport, ImportRun};
use daybook_migration::import::{Place, Progress, Reason, Reject, Source};
use daybook_tests::postgres::TestDatabase;
use daybook_vault::PatientDetails;
use futures_util::SinkExt;

use crate::clinic::{Clinic, Process, phone, staff};

/// Two hundred reservations of fictitious people, in the export format of the old system.
pub(crate) const EXPORT: &str = include_str!("../../fixtures/legacy_reservations.csv");

pub(crate) const ROWS: u64 = 200;

pub(crate) fn silent(_: Progress) {}

pub(crate) async fn import_text(process: &Process, text: impl Into<Vec<u8>>) -> ImportReport {
    ImportRun::default().run(&process.commands, Source::csv(Cursor::new(text.into())), &silent).await.unwrap()
}

/// The rows of a takeover by ID, with their opened details.
pub(crate) type TakenOver = BTreeMap<String, (ReservationImported, Option<PatientDetails>)>;

/// Returns the latest logged state of each reservation that was taken over.
pub(crate) async fn taken_over(process: &Process) -> TakenOver {
    let mut rows = BTreeMap::new();
    for event in process.all_events().await {
        let Event::Schedule(
            ScheduleEvent::ReservationImported(row) | ScheduleEvent::ReservationReimported(row),
        ) = event
        else {
            continue;
        };
        let details = process.opened(&row.details, &row.reservation).await;
        let details = details.map(|text| PatientDetails::from_text(&text).unwrap());
        rows.insert(row.reservation.to_string(), (row, details));
    }
    rows
}

/// Removes the sealed values, which differ in each run.
fn unsealed(rows: TakenOver) -> Vec<(String, Option<String>)> {
    let plain = |(row, details): (ReservationImported, Option<PatientDetails>)| {
        let ReservationImported { details: _sealed, .. } = &row;
        let comparable = format!(
            "{} {} {:?} {} {:?} {:?} {:?} {:?} {} {} {} {:?}",
            row.reservation,
            row.subject,
            row.service,
            row.date,
            row.wish,
            row.placement,
            row.is_placed_here,
            row.status,
            row.created_at,
            row.updated_at,
            row.status_changed_at,
            row.status_changed_by
        );
        (comparable, details.map(|details| details.to_text()))
    };
    rows.into_values().map(plain).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_taken_over_as_it_stood() {
    let (_clinic, process) = Clinic::set_up().await;
    let report = import_text(&process, EXPORT).await;
    assert_eq!((report.read, report.imported, report.already_there, report.rejected), (ROWS, ROWS, 0, 0));
    let rows = taken_over(&process).await;
    let mut export = csv::Reader::from_reader(EXPORT.as_bytes());
    let mut statuses: BTreeMap<Status, u64> = BTreeMap::new();
    for record in export.deserialize::<BTreeMap<String, String>>() {
        let record = record.unwrap();
        let (row, details) = &rows[&record["id"]];
        let details = details.as_ref().unwrap();
        assert_eq!(details.patient_name, record["patientName"]);
        assert_eq!(details.phone, record["phone"]);
        assert_eq!(details.notes.as_deref().unwrap_or_default(), record["notes"]);
        assert_eq!(details.admin_note.as_deref().unwrap_or_default(), record["adminNotes"]);
        assert_eq!(row.date.to_string(), record["preferredDate"]);
        assert_eq!(row.service.code.as_ref(), record["service"]);
        assert_eq!(row.created_at.format("%F %T%.3f").to_string(), record["createdAt"]);
        let wish = row.wish.as_deref().or(details.unread_wish.as_deref());
        assert_eq!(wish, Some(record["preferredTime"].as_str()), "the raw text is kept");
        assert_eq!(row.wish.is_none(), matches!(row.placement, SlotAssignment::Review(_)));
        assert_eq!(row.status.as_str(), record["status"]);
        *statuses.entry(row.status).or_default() += 1;
    }
    assert_eq!((rows.len() as u64, &statuses), (ROWS, &report.by_status));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_review_is_counted_by_why_and_never_defaulted() {
    let (_clinic, process) = Clinic::set_up().await;
    let report = import_text(&process, EXPORT).await;
    assert_eq!(report.review, BTreeMap::from([(Ambiguity::Empty, 1), (Ambiguity::NotATime, 5)]));
    assert_eq!(report.by_period.values().sum::<u64>() + report.review_total(), ROWS);
    let header = EXPORT.lines().next().unwrap();
    let row = |id: &str, time: &str| {
        format!(
            "{id},Nobody,010-0000-0001,,1990-01-02 00:00:00,MALE,FIRST_VISIT,2025-03-28,{time},PENDING,,,2025-03-01 00:00:00,2025-03-01 00:00:00,SKIN_CARE,2025-03-01 00:00:00,\n"
        )
    };
    let text =
        format!("{header}\n{}{}{}{}", row("a", "2시"), row("b", ""), row("c", "\"\""), row("d", "25:00"));
    let report = import_text(&process, text).await;
    let reasons = [(Ambiguity::Empty, 2), (Ambiguity::AmbiguousHour, 1), (Ambiguity::ImpossibleTime, 1)];
    assert_eq!(report.review, BTreeMap::from(reasons));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_appends_nothing_also_after_a_patient_was_forgotten() {
    let (clinic, process) = Clinic::set_up().await;
    let first = import_text(&process, EXPORT).await;
    let rows = taken_over(&process).await;
    let (_, details) = rows.values().next().unwrap();
    let patient = daybook_domain::phone::Phone::parse(&details.as_ref().unwrap().phone).unwrap();
    process.commands.forget(&patient, staff()).await.unwrap();
    let before = process.all_events().await.len();
    let second = import_text(&clinic.process().await, EXPORT).await;
    assert_eq!((second.imported, second.already_there, second.rejected), (0, ROWS, 0));
    assert_eq!((second.by_status, second.review), (first.by_status, first.review));
    assert_eq!(process.all_events().await.len(), before);
    let subject = process.commands.subject(&patient);
    assert_eq!(process.vault.live_keys(subject).await.unwrap(), [], "who was forgotten gets no new key");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_at_once_append_each_row_once() {
    let (clinic, one) = Clinic::set_up().await;
    let other = clinic.process().await;
    let (a, b) = tokio::join!(import_text(&one, EXPORT), import_text(&other, EXPORT));
    // If two runs append the same row at the same place at the same time, both count the row. The log treats this as
    // one append.
    assert!(a.imported + b.imported >= ROWS && a.rejected + b.rejected == 0);
    let events = one.all_events().await;
    let imported =
        events.iter().filter(|e| matches!(e, Event::Schedule(ScheduleEvent::ReservationImported(_))));
    assert_eq!(imported.count() as u64, ROWS);
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_lines_are_rejected_by_number_and_the_rest_is_imported() {
    let (_clinic, process) = Clinic::set_up().await;
    let mut lines: Vec<Vec<u8>> = EXPORT.lines().map(|line| line.as_bytes().to_vec()).collect();
    let break_line = |lines: &mut Vec<Vec<u8>>, number: usize, from: &str, to: &[u8]| {
        let text = String::from_utf8(lines[number - 1].clone()).unwrap();
        let (before, after) = text.split_once(from).unwrap_or_else(|| panic!("line {number} has no {from}"));
        lines[number - 1] = [before.as_bytes(), to, after.as_bytes()].concat();
    };
    break_line(&mut lines, 10, "010", b"call ");
    break_line(&mut lines, 20, ",", b"");
    break_line(&mut lines, 30, ",", b",\"");
    break_line(&mut lines, 40, ",", b",\xff");
    break_line(&mut lines, 50, "MALE", b"MAIL");
    lines[59] = lines[60].clone();
    let at = |line, field, reason| Reject::new(Place::Line(line), field, reason);
    let expected: HashSet<String> = [
        at(10, Some("phone"), Reason::NotAPhoneNumber),
        at(20, None, Reason::WrongNumberOfFields),
        at(30, None, Reason::UnclosedQuote),
        at(40, Some("patientName"), Reason::NotUtf8),
        at(50, Some("gender"), Reason::UnknownWord),
        at(61, Some("id"), Reason::DuplicateId),
    ]
    .map(|reject| serde_json::to_string(&reject).unwrap())
    .into();
    let report = import_text(&process, lines.join(&b'\n')).await;
    let of_rows_without_an_own_id: HashSet<&Place> =
        report.rejects.iter().filter(|reject| reject.mark.is_some()).map(|reject| &reject.place).collect();
    assert_eq!(of_rows_without_an_own_id, [20, 30, 40, 61].map(Place::Line).iter().collect());
    let unmarked = |reject: &Reject| Reject { mark: None, ..reject.clone() };
    let rejects: HashSet<String> =
        report.rejects.iter().map(|reject| serde_json::to_string(&unmarked(reject)).unwrap()).collect();
    assert_eq!(rejects, expected);
    assert_eq!((report.read, report.imported, report.rejected), (ROWS, ROWS - 6, 6));
    assert!(rejects.contains(r#"{"line":10,"field":"phone","reason":"NOT_A_PHONE_NUMBER"}"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_export_is_refused_with_what_it_lacks() {
    let (_clinic, process) = Clinic::set_up().await;
    for (text, lacks) in [("", "the file is empty"), ("a,b\n1,2\n", "lacks id, patientName, phone")] {
        let refused = ImportRun::default()
            .run(&process.commands, Source::csv(Cursor::new(text)), &silent)
            .await
            .unwrap_err();
        assert!(refused.to_string().contains(lacks), "{refused}");
    }
    assert_eq!(import_text(&process, EXPORT.lines().next().unwrap()).await, ImportReport::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_tells_how_far_it_is() {
    let (_clinic, process) = Clinic::set_up().await;
    let seen = Mutex::new(Vec::new());
    let watch = |progress| seen.lock().unwrap().push(progress);
    ImportRun::default().run(&process.commands, Source::csv(Cursor::new(EXPORT)), &watch).await.unwrap();
    let last = seen.into_inner().unwrap().pop().unwrap();
    let whole = Progress { rows: ROWS, rows_total: None, source_bytes: Some(EXPORT.len() as u64) };
    assert_eq!(last, whole);
}

pub(crate) async fn old_database() -> TestDatabase {
    filled(TestDatabase::empty().await.unwrap()).await
}

/// The old system's database with the rows of the export.
pub(crate) async fn filled(database: TestDatabase) -> TestDatabase {
    let client = database.connect().await.unwrap();
    client.batch_execute(include_str!("legacy_schema.sql")).await.unwrap();
    let sink = client.copy_in("COPY reservations FROM STDIN (FORMAT csv, HEADER true)").await.unwrap();
    let mut sink = std::pin::pin!(sink);
    sink.send(bytes::Bytes::from_static(EXPORT.as_bytes())).await.unwrap();
    assert_eq!(sink.finish().await.unwrap(), ROWS);
    database
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_database_and_its_export_are_taken_over_alike() {
    let old = old_database().await;
    let (_a, from_file) = Clinic::set_up().await;
    let (_b, from_database) = Clinic::set_up().await;
    let by_file = import_text(&from_file, EXPORT).await;
    let seen = Mutex::new(None);
    let watch = |progress: Progress| *seen.lock().unwrap() = Some(progress);
    let by_database = ImportRun::default()
        .run(&from_database.commands, Source::postgres(old.config()), &watch)
        .await
        .unwrap();
    let ends = |report: ImportReport| ImportReport { position: None, file: None, ..report };
    assert_eq!(ends(by_file), ends(by_database));
    let whole = Progress { rows: ROWS, rows_total: Some(ROWS), source_bytes: None };
    assert_eq!(seen.into_inner().unwrap(), Some(whole));
    assert_eq!(unsealed(taken_over(&from_file).await), unsealed(taken_over(&from_database).await));
    let again = ImportRun::default()
        .run(&from_database.commands, Source::postgres(old.config()), &silent)
        .await
        .unwrap();
    assert_eq!((again.imported, again.already_there), (0, ROWS));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_the_old_systems_is_refused_and_rows_are_named_by_id() {
    let (_clinic, process) = Clinic::set_up().await;
    let empty = TestDatabase::empty().await.unwrap();
    let refused = ImportRun::default()
        .run(&process.commands, Source::postgres(empty.config()), &silent)
        .await
        .unwrap_err();
    assert!(matches!(refused, ImportError::Database(_)), "{refused:?}");
    let old = old_database().await;
    let client = old.connect().await.unwrap();
    let broken =
        "UPDATE reservations SET phone = 'none' WHERE id = (SELECT min(id) FROM reservations) RETURNING id";
    let id: String = client.query_one(broken, &[]).await.unwrap().get(0);
    let report =
        ImportRun::default().run(&process.commands, Source::postgres(old.config()), &silent).await.unwrap();
    let [reject] = report.rejects.as_slice() else { panic!("{:?}", report.rejects) };
    assert_eq!((reject.place.to_string(), reject.field), (format!("row {id}"), Some("phone")));
}

#[tokio::test(flavor = "multi_thread")]
async fn imported_bookings_hold_their_seats_and_are_changed_like_any_other() {
    let (_clinic, process) = Clinic::set_up().await;
    import_text(&process, EXPORT).await;
    let rows = taken_over(&process).await;
    let pending = rows.values().find(|(row, _)| row.status == Status::Pending).unwrap().0.clone();
    let confirm = daybook_commands::ReservationChange::Confirm;
    let confirmed =
        process.commands.change(pending.date, pending.reservation, Some(1), confirm, staff()).await.unwrap();
    assert_eq!((confirmed.booking.status, confirmed.booking.version), (Status::Confirmed, 2));
    assert_eq!(confirmed.booking.subject, pending.subject);
    assert_ne!(pending.subject, process.commands.subject(&phone(1)));
}
