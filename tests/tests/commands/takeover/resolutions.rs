//! Rows that stay open are decided one by one, and then the account is clean. A decision holds only for what was open.

#[path = "resolutions/switches.rs"]
mod switches;

use daybook_commands::ReservationChange;
use daybook_domain::{Actor, ReservationId, Status};
use daybook_migration::import::resolution::{self, Decision, OpenItem, Resolutions, RowKey};
use daybook_migration::import::{ImportReport, ImportRun, Reason, Verdict};

use super::Migration;
use crate::clinic::staff;

fn id(text: &str) -> ReservationId {
    ReservationId::parse(text).unwrap()
}

fn key(text: &str) -> RowKey {
    RowKey::parse(text).unwrap()
}

impl Migration {
    /// A final run with the recorded decisions.
    async fn finish(&self) -> ImportReport {
        self.appended(&self.decided(ImportRun { reconcile: true, ..ImportRun::default() }).await).await.0
    }

    /// A run with the recorded decisions.
    async fn decided(&self, run: ImportRun) -> ImportRun {
        let resolutions = Resolutions::read(&self.process.log.pool().get().await.unwrap()).await.unwrap();
        ImportRun { resolutions, ..run }
    }

    async fn decide(&self, reservation: &str, item: &OpenItem) {
        let client = self.process.log.pool().get().await.unwrap();
        resolution::record(&client, &key(reservation), item, "as agreed", &Actor::named("cli:kim"))
            .await
            .unwrap();
    }

    async fn confirm_here(&self, reservation: &str) {
        let date = self.date(reservation).await;
        let confirm = ReservationChange::Confirm;
        self.process.commands.change(date, id(reservation), None, confirm, staff()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_in_which_daybook_is_right_is_kept_until_the_row_changes_again() {
    let migration = Migration::begun().await;
    let row = migration.ids("status = 'PENDING'").await[0].clone();
    migration.confirm_here(&row).await;
    migration.change(&format!("UPDATE reservations SET status = 'REJECTED' WHERE id = '{row}'")).await;
    let report = migration.finish().await;
    assert_eq!((report.conflicts, report.reconciliation.unwrap().is_clean()), (1, false));
    let item = &report.open_items[row.as_str()];
    assert_eq!(item.fitting(), Decision::KeepOurs);
    migration.decide(&row, item).await;
    let report = migration.finish().await;
    assert_eq!((report.conflicts, report.resolved), (0, 1));
    let account = report.reconciliation.unwrap();
    assert!(account.is_clean() && account.resolved == 1, "{account:?}");
    assert_eq!(migration.booking(&row).await.status, Status::Confirmed);
    // The old system changes the row once more, without `updatedAt`.
    migration.change(&format!("UPDATE reservations SET notes = 'once more' WHERE id = '{row}'")).await;
    let report = migration.finish().await;
    assert_eq!((report.conflicts, report.resolved), (1, 0));
    assert!(!report.reconciliation.unwrap().is_clean());
    migration.decide(&row, &report.open_items[row.as_str()]).await;
    assert!(migration.finish().await.reconciliation.unwrap().is_clean());
    let client = migration.process.log.pool().get().await.unwrap();
    assert!(resolution::withdraw(&client, &key(&row)).await.unwrap());
    assert!(!resolution::withdraw(&client, &key(&row)).await.unwrap());
    assert_eq!(migration.finish().await.conflicts, 1, "a withdrawn decision is open again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_row_is_left_out_for_that_reason_only_and_comes_in_once_it_is_mended() {
    let migration = Migration::begun().await;
    let copy = r#"INSERT INTO reservations SELECT 'odd', "patientName", 'none', email, "birthDate", gender, "treatmentType",
        "preferredDate", '10:30', status, notes, "adminNotes", "createdAt", "updatedAt", service, "statusChangedAt",
        "statusChangedBy" FROM reservations ORDER BY id DESC LIMIT 1"#;
    migration.change(copy).await;
    let report = migration.finish().await;
    assert_eq!((report.rejected, report.rejects[0].reason), (1, Reason::NotAPhoneNumber));
    let item = &report.open_items["odd"];
    assert_eq!(item.fitting(), Decision::LeaveOut);
    migration.decide("odd", item).await;
    let report = migration.finish().await;
    assert_eq!((report.rejected, report.resolved), (0, 1));
    assert!(report.reconciliation.unwrap().is_clean());
    let rename = "UPDATE reservations SET phone = '010-5550-0001', \"patientName\" = ' ' WHERE id = 'odd'";
    migration.change(rename).await;
    let report = migration.finish().await;
    assert_eq!((report.rejected, report.rejects[0].reason), (1, Reason::Missing));
    migration.change("UPDATE reservations SET \"patientName\" = '한여울' WHERE id = 'odd'").await;
    let report = migration.finish().await;
    assert_eq!((report.imported, report.resolved), (1, 0));
    assert!(report.reconciliation.unwrap().is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicts_and_bad_and_deleted_rows_are_decided_one_by_one_until_nothing_is_open() {
    let migration = Migration::begun().await;
    let ids = migration.ids("status = 'PENDING'").await;
    let [conflict, moved, bad, unborn, deleted, ..] = &ids[..] else { panic!() };
    for row in [conflict, moved] {
        migration.confirm_here(row).await;
    }
    let changes = [
        format!("status = 'REJECTED' WHERE id = '{conflict}'"),
        format!("\"preferredDate\" = '2026-12-24' WHERE id = '{moved}'"),
        format!("phone = 'none' WHERE id = '{bad}'"),
        format!("\"birthDate\" = '2190-01-01' WHERE id = '{unborn}'"),
    ];
    for change in changes {
        migration.change(&format!("UPDATE reservations SET {change}")).await;
    }
    migration.change(&format!("DELETE FROM reservations WHERE id = '{deleted}'")).await;
    let rows = [conflict, moved, bad, unborn, deleted];
    for (decided, row) in rows.into_iter().enumerate() {
        let report = migration.finish().await;
        let account = report.reconciliation.unwrap();
        let open = account.conflicts + account.rejected + account.only_in_daybook.count;
        assert_eq!((open as usize, account.is_clean()), (rows.len() - decided, false), "{account:?}");
        let item = report.open_items.get(row.as_str()).cloned().unwrap_or(OpenItem::Missing);
        migration.decide(row, &item).await;
    }
    let report = migration.finish().await;
    assert_eq!((report.verdict, report.resolved), (Verdict::AllIn, 4));
    assert!(report.reconciliation.unwrap().is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_deleted_in_the_old_system_is_kept_by_decision() {
    let migration = Migration::begun().await;
    let row = migration.ids("status = 'COMPLETED'").await[0].clone();
    migration.change(&format!("DELETE FROM reservations WHERE id = '{row}'")).await;
    let account = migration.finish().await.reconciliation.unwrap();
    assert_eq!((account.only_in_daybook.count, account.is_clean()), (1, false));
    assert_eq!(OpenItem::Missing.fitting(), Decision::KeepOurs);
    migration.decide(&row, &OpenItem::Missing).await;
    let account = migration.finish().await.reconciliation.unwrap();
    assert_eq!((account.only_in_daybook.count, account.only_in_daybook_resolved), (0, 1));
    assert!(account.is_clean(), "{account:?}");
    let client = migration.process.log.pool().get().await.unwrap();
    let listed = Resolutions::read(&client).await.unwrap();
    let [decision] = listed.list()[..] else { panic!("{listed:?}") };
    assert_eq!(
        (decision.decision, &*decision.reason, &*decision.actor),
        (Decision::KeepOurs, "as agreed", "cli:kim")
    );
}
