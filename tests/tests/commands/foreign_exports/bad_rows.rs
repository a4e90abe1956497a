//! Rows that no run can take, whatever is wrong with them: each can be left out, so that the final run can end. Lines without
//! a value are no rows.

use std::io::Cursor;

use chrono::Utc;
use daybook_domain::Actor;
use daybook_migration::import::resolution::{self, OpenItem, Resolutions, RowKey};
use daybook_migration::import::{CsvOptions, ImportReport, ImportRun, Reason, Source, TextEncoding};

use super::{COLUMNS, row};
use crate::clinic::{Clinic, Process};
use crate::import::silent;

/// A file in which a line may be anything.
fn bytes(rows: &[Vec<u8>]) -> Vec<u8> {
    [&[COLUMNS.as_bytes().to_vec()], rows].concat().join(&b'\n')
}

impl Process {
    /// A final run with the recorded decisions.
    async fn finish(&self, rows: &[Vec<u8>]) -> ImportReport {
        let resolutions = Resolutions::read(&self.log.pool().get().await.unwrap()).await.unwrap();
        let run = ImportRun { reconcile: true, resolutions, ..ImportRun::default() };
        let options = CsvOptions { encoding: TextEncoding::by_label("utf-8"), separator: None };
        let source = || Source::csv_as(Cursor::new(bytes(rows)), options, Utc::now());
        let predicted = run.rehearse(Some(&self.commands), source(), &silent).await.unwrap();
        let report = run.run(&self.commands, source(), &silent).await.unwrap();
        assert_eq!(predicted, ImportReport { position: None, next_since: None, ..report.clone() });
        report
    }

    async fn decide(&self, row: &RowKey, item: &OpenItem) {
        let client = self.log.pool().get().await.unwrap();
        resolution::record(&client, row, item, "a line of the program", &Actor::named("cli:kim"))
            .await
            .unwrap();
    }
}

fn plain(row: &str) -> Vec<u8> {
    row.as_bytes().to_vec()
}

fn total(rows: usize) -> Vec<u8> {
    plain(&format!(",Total{}{rows}", ",".repeat(15)))
}

/// Each kind of row that is rejected, with the reason and whether its own id names it.
fn bad_rows() -> Vec<(Vec<u8>, Reason, bool)> {
    let twice = row("good", &[]);
    let not_utf_8 = row("latin", &[]).replace("한여울", "Jos\u{0}").into_bytes();
    let not_utf_8 = not_utf_8.into_iter().map(|byte| if byte == 0 { 0xe9 } else { byte }).collect();
    vec![
        (plain(&row("", &[])), Reason::Missing, false),
        (plain(&row("a b", &[])), Reason::NotAnId, false),
        (plain(&row("None", &[])), Reason::MissingWord, false),
        (total(7), Reason::Missing, false),
        (plain(&twice), Reason::DuplicateId, false),
        (plain(&row("good", &[("notes", "another")])), Reason::DuplicateId, false),
        (plain(&row("good", &[("phone", "none")])), Reason::NotAPhoneNumber, false),
        (plain(&row("bad", &[("phone", "none")])), Reason::NotAPhoneNumber, true),
        (plain(&row("bad", &[("status", "DONE")])), Reason::UnknownWord, false),
        (plain(&row("bad", &[])), Reason::DuplicateId, false),
        (plain(&row("5ab081978c8b43358efba8ed09c62f16", &[])), Reason::IdSpeltOtherwise, true),
        (plain("only one field"), Reason::WrongNumberOfFields, false),
        (plain(&row("quote", &[("notes", "x\"y\"")])), Reason::MisplacedQuote, false),
        (plain(&row("open", &[("notes", "\"x")])), Reason::UnclosedQuote, false),
        (not_utf_8, Reason::NotUtf8, false),
        (plain(COLUMNS), Reason::HeaderAgain, false),
        (plain(&row("long", &[("notes", &"x".repeat(70_000))])), Reason::TooLong, false),
    ]
}

fn good_rows() -> Vec<Vec<u8>> {
    [row("good", &[]), row("5ab08197-8c8b-4335-8efb-a8ed09c62f16", &[])].map(|row| plain(&row)).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_bad_row_can_be_left_out_until_the_final_run_is_clean() {
    let (_clinic, process) = Clinic::set_up().await;
    let bad = bad_rows();
    let rows = |bad: &[(Vec<u8>, Reason, bool)]| {
        [good_rows(), bad.iter().map(|(row, ..)| row.clone()).collect()].concat()
    };
    let report = process.finish(&rows(&bad)).await;
    let found: Vec<_> = report.rejects.iter().map(|reject| (reject.reason, reject.mark.is_none())).collect();
    let expected: Vec<_> = bad.iter().map(|(_, reason, has_own_id)| (*reason, *has_own_id)).collect();
    assert_eq!(found, expected);
    assert_eq!((report.imported, report.open_items.len()), (2, bad.len()));
    for (decided, (key, item)) in report.open_items.iter().enumerate() {
        let report = process.finish(&rows(&bad)).await;
        assert_eq!(
            (report.resolved, report.rejected),
            (decided as u64, (bad.len() - decided) as u64),
            "{key}"
        );
        assert!(!report.reconciliation.unwrap().is_clean(), "{key}");
        process.decide(key, item).await;
    }
    let report = process.finish(&rows(&bad)).await;
    assert_eq!((report.resolved, report.rejected, report.kept), (bad.len() as u64, 0, 0));
    assert!(report.reconciliation.unwrap().is_clean());
    // The same rows stand elsewhere in the next export, one of them twice, and its lines end in another way.
    let mut next = rows(&bad);
    next.insert(1, total(7));
    next.iter_mut().for_each(|row| row.push(b'\r'));
    let report = process.finish(&next).await;
    assert_eq!((report.resolved, report.rejected), (bad.len() as u64 + 1, 0), "{:?}", report.rejects);
    assert!(report.reconciliation.unwrap().is_clean());
    // A row that has changed is another row.
    next[1] = total(8);
    let report = process.finish(&next).await;
    assert_eq!((report.resolved, report.rejected), (bad.len() as u64, 1));
    assert!(!report.reconciliation.unwrap().is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_of_former_releases_hold() {
    let (_clinic, process) = Clinic::set_up().await;
    let bad = plain(&row("bad", &[("phone", "none")]));
    let twice = plain(&row("good", &[]));
    let rows = [good_rows(), vec![twice, bad]].concat();
    let report = process.finish(&rows).await;
    let [repeated, unread] = &report.rejects[..] else { panic!("{:?}", report.rejects) };
    assert_eq!((repeated.reason, unread.mark.as_ref()), (Reason::DuplicateId, None));
    // They named a repeated row by its id, and remembered no contents of a row that could not be read.
    let item = &report.open_items[repeated.mark.as_ref().unwrap().as_str()];
    process.decide(&RowKey::parse("good").unwrap(), item).await;
    let unread = OpenItem::Rejected("NOT_A_PHONE_NUMBER phone".into());
    process.decide(&RowKey::parse("bad").unwrap(), &unread).await;
    let report = process.finish(&rows).await;
    assert_eq!((report.already_there, report.resolved, report.rejected), (2, 2, 0), "{report:?}");
    assert!(report.reconciliation.unwrap().is_clean());
    let mut changed = rows;
    changed[0] = plain(&row("good", &[("notes", "changed")]));
    let report = process.finish(&changed).await;
    assert_eq!(
        (report.updated, report.resolved),
        (1, 2),
        "the first row is not left out with its repetition"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_without_a_value_are_no_rows_and_a_row_of_a_total_is_one() {
    let (_clinic, process) = Clinic::set_up().await;
    let blank = |cell: &str| plain(&[cell; 17].join(","));
    let empty = [blank(""), blank(" "), blank("\t"), blank("\u{a0}"), blank("\"\""), plain(""), plain(",,")];
    let ends: [&[u8]; 5] = [b"", b"\n\x1a", b"\x1a", b"\n\0\0\0", b"\0"];
    for end in ends {
        let mut rows = [good_rows(), empty.to_vec(), vec![plain(&row("last", &[]))]].concat();
        rows.last_mut().unwrap().extend(end);
        let report = process.finish(&rows).await;
        assert_eq!((report.read, report.rejected, report.empty_lines), (3, 0, 7), "{end:?}");
        assert!(report.reconciliation.unwrap().is_clean(), "{end:?}");
    }
    let report = process.finish(&[empty.to_vec(), vec![total(0)], empty.to_vec()].concat()).await;
    assert_eq!((report.read, report.rejected, report.empty_lines), (1, 1, 14));
}
