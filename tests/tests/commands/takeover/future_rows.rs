//! Rows whose `updatedAt` lay in the future when they were imported: they do not block their own later changes.

use daybook_commands::ReservationChange;
use daybook_domain::Status;
use daybook_migration::import::{ImportRun, Reason};

use super::{Migration, again, reconciling};
use crate::clinic::staff;

/// The clock of the tests shows 01:00. The old system's clock, or one row of it, is ahead by five minutes, or by years.
const AHEAD: [&str; 3] = ["2026-11-20 01:05:00", "2026-11-21 00:00:00", "2030-01-01 00:00:00"];

async fn set(migration: &Migration, id: &str, status: &str, at: &str) {
    let set = format!(r#"status = '{status}', "updatedAt" = '{at}', "statusChangedAt" = '{at}'"#);
    migration.change(&format!("UPDATE reservations SET {set} WHERE id = '{id}'")).await;
}

async fn status(migration: &Migration, id: &str) -> Status {
    migration.booking(id).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_the_future_can_change_again_in_every_kind_of_run() {
    let migration = Migration::begun().await;
    let ids = migration.ids("status = 'PENDING'").await;
    let since = ImportRun { since: Some("2026-11-19T00:00:00Z".parse().unwrap()), ..ImportRun::default() };
    for (run, at) in [ImportRun::default(), since, reconciling()].iter().zip(AHEAD) {
        let id = &ids[0];
        set(&migration, id, "CONFIRMED", at).await;
        let (report, appended) = migration.appended(run).await;
        assert_eq!((report.rejected, appended), (0, again(std::slice::from_ref(id))), "{at}");
        assert_eq!(migration.appended(run).await.1, vec![], "a repeated run appends nothing");
        // The clock is right again.
        set(&migration, id, "CANCELLED", "2026-11-20 00:59:00").await;
        let (report, appended) = migration.appended(run).await;
        assert_eq!(
            (report.rejected, report.updated, appended),
            (0, 1, again(std::slice::from_ref(id))),
            "{at}"
        );
        assert!(report.reconciliation.is_none_or(|account| account.is_clean()));
        assert_eq!(status(&migration, id).await, Status::Cancelled);
        assert_eq!(migration.appended(run).await.1, vec![]);
        // From here on, an older state of the row is recognised again.
        set(&migration, id, "PENDING", "2026-11-20 00:58:00").await;
        let report = migration.run(run).await;
        assert_eq!(
            report.rejects.iter().map(|reject| reject.reason).collect::<Vec<_>>(),
            [Reason::OlderThanTaken]
        );
        set(&migration, id, "CANCELLED", "2026-11-20 00:59:00").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_made_here_wins_against_a_row_of_the_future_and_against_its_successor() {
    let migration = Migration::begun().await;
    let id = migration.ids("status = 'PENDING'").await[0].clone();
    set(&migration, &id, "PENDING", AHEAD[2]).await;
    migration.run(&ImportRun::default()).await;
    let (date, reservation) =
        (migration.date(&id).await, daybook_domain::ReservationId::parse(id.clone()).unwrap());
    migration
        .process
        .commands
        .change(date, reservation, None, ReservationChange::Confirm, staff())
        .await
        .unwrap();
    for at in ["2026-11-20 00:30:00", "2031-01-01 00:00:00"] {
        set(&migration, &id, "CANCELLED", at).await;
        let (report, appended) = migration.appended(&reconciling()).await;
        assert_eq!((report.conflicts, report.rejected, appended), (1, 0, vec![]), "{at}");
        assert_eq!(status(&migration, &id).await, Status::Confirmed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_the_future_can_move_to_another_day_and_back() {
    let migration = Migration::begun().await;
    let id = migration.ids("status = 'PENDING'").await[0].clone();
    for (shift, at) in [("1 day", AHEAD[2]), ("-1 day", "2026-11-20 00:30:00")] {
        let set = format!(r#""preferredDate" = "preferredDate" + interval '{shift}', "updatedAt" = '{at}'"#);
        migration.change(&format!("UPDATE reservations SET {set} WHERE id = '{id}'")).await;
        let report = migration.run(&reconciling()).await;
        assert_eq!((report.moved, report.rejected), (1, 0), "{at}");
        assert!(report.reconciliation.unwrap().is_clean());
    }
}
