//! Rows that were imported and cannot be read any more: they are rejected alone, and Daybook keeps what it took before.

use std::collections::HashSet;

use daybook_domain::{Actor, ReservationId};
use daybook_migration::import::resolution::{self, OpenItem, Resolutions, RowKey};
use daybook_migration::import::{ImportRun, Place, Reason, Verdict};
use daybook_tests::postgres::TestDatabase;

use super::{Migration, reconciling};
use crate::import::{ROWS, filled};

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_no_utf8_is_rejected_alone_from_a_database_without_an_encoding() {
    let migration =
        Migration::begun_from(filled(TestDatabase::without_encoding().await.unwrap()).await).await;
    let row = migration.ids("true").await[0].clone();
    let before = migration.booking(&row).await.version;
    migration
        .client
        .batch_execute(&format!(r"UPDATE reservations SET notes = E'\xb0\xa1' WHERE id = '{row}'"))
        .await
        .unwrap();
    let report = migration.run(&reconciling()).await;
    assert_eq!((report.read, report.already_there, report.rejected), (ROWS, ROWS - 1, 1));
    let reject = &report.rejects[0];
    assert_eq!(reject.place, Place::Row(ReservationId::parse(row.as_str()).unwrap()));
    assert_eq!((reject.field, reject.reason), (Some("notes"), Reason::NotUtf8));
    assert_eq!(report.verdict, Verdict::RowsRejected);
    assert_eq!(report.reconciliation.unwrap().only_in_daybook.count, 0, "the row is there");
    assert_eq!(migration.booking(&row).await.version, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_a_database_whose_id_cannot_be_read_is_left_out_by_its_mark() {
    let migration =
        Migration::begun_from(filled(TestDatabase::without_encoding().await.unwrap()).await).await;
    let [one, other, ..] = &migration.ids("status = 'COMPLETED'").await[..] else { panic!("too few rows") };
    let damage = [
        format!("UPDATE reservations SET id = 'no id' WHERE id = '{one}'"),
        format!(r"UPDATE reservations SET id = E'\xb0\xa1', notes = E'\xb0' WHERE id = '{other}'"),
    ];
    migration.client.batch_execute(&damage.join(";")).await.unwrap();
    let client = migration.process.log.pool().get().await.unwrap();
    let finish = async || {
        let resolutions = Resolutions::read(&client).await.unwrap();
        migration.appended(&ImportRun { resolutions, ..reconciling() }).await.0
    };
    let decide = async |row: &RowKey, item: &OpenItem| {
        resolution::record(&client, row, item, "as agreed", &Actor::named("cli:kim")).await.unwrap();
    };
    let report = finish().await;
    let reasons: HashSet<_> = report.rejects.iter().map(|reject| (reject.reason, reject.field)).collect();
    assert_eq!(reasons, [(Reason::NotUtf8, Some("id")), (Reason::NotAnId, Some("id"))].into());
    assert!(report.rejects.iter().all(|reject| matches!(reject.place, Place::Number(_))));
    for (row, item) in &report.open_items {
        assert!(row.as_str().starts_with("row:"), "{row}");
        decide(row, item).await;
    }
    let account = finish().await.reconciliation.unwrap();
    assert_eq!((account.rejected, account.resolved, account.only_in_daybook.count), (0, 2, 2));
    for row in [one, other] {
        decide(&RowKey::parse(row).unwrap(), &OpenItem::Missing).await;
    }
    assert!(finish().await.reconciliation.unwrap().is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_tells_rejected_rows_that_daybook_has_from_those_that_it_never_had() {
    let migration = Migration::begun().await;
    let rows = migration.ids("true").await;
    let old = &migration.client;
    for row in &rows[..2] {
        let change = format!("UPDATE reservations SET phone = '02-512-4567~8' WHERE id = '{row}'");
        old.batch_execute(&change).await.unwrap();
    }
    let new = format!(
        r#"CREATE TEMP TABLE one AS SELECT * FROM reservations WHERE id = '{}';
           UPDATE one SET id = 'a-new-one'; INSERT INTO reservations SELECT * FROM one"#,
        rows[0]
    );
    old.batch_execute(&new).await.unwrap();
    let (report, appended) = migration.appended(&ImportRun::default()).await;
    assert_eq!((report.rejected, report.rejected_imported_before, report.rejected_without_id), (3, 2, 0));
    assert!(report.rejects.iter().all(|reject| reject.reason == Reason::NotAPhoneNumber));
    assert!(appended.is_empty());
}
