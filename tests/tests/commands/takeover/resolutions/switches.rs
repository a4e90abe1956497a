//! A decision about one row stands above everything that a run is told about all rows, until that row changes.

use daybook_commands::ReservationChange;
use daybook_domain::Status;
use daybook_domain::schedule::{Booking, ReviewedTime, SlotAssignment};
use daybook_domain::time::Period;
use daybook_migration::import::resolution::{self, Decision};
use daybook_migration::import::{DateRule, DayZone, ImportReport, ImportRun, Rules};

use super::super::Migration;
use super::{id, key};
use crate::clinic::staff;

const UNREAD: &str = r#""preferredTime" NOT SIMILAR TO '%[0-9전후]%' AND "preferredTime" NOT ILIKE '%noon'
    AND "preferredTime" NOT ILIKE 'morning'"#;

/// Everything that a run can be told about all rows, alone and with `--final`.
fn switches() -> Vec<ImportRun> {
    let rules = Rules::parse("[[rule]]\nname = \"all\"\npattern = '.+'\nmeans = \"MORNING\"").unwrap();
    let dates = DateRule { zone: Some(DayZone::Local), ..DateRule::default() };
    let none = ImportRun::default;
    let alone = [
        none(),
        ImportRun { old_wins: true, ..none() },
        ImportRun { dates, ..none() },
        ImportRun { rules: rules.clone(), ..none() },
        ImportRun { old_wins: true, dates, rules, ..none() },
    ];
    let with_final = alone.clone().map(|run| ImportRun { reconcile: true, ..run });
    alone.into_iter().chain(with_final).collect()
}

/// Rows that are open after a run, each for another reason.
struct OpenRows {
    moved: String,
    cancelled: String,
    timed: String,
    older: String,
    in_doubt: String,
}

impl OpenRows {
    fn ids(&self) -> [&str; 5] {
        [&self.moved, &self.cancelled, &self.timed, &self.older, &self.in_doubt].map(String::as_str)
    }
}

impl Migration {
    async fn set(&self, row: &str, columns: &str) {
        self.change(&format!("UPDATE reservations SET {columns} WHERE id = '{row}'")).await;
    }

    async fn review_here(&self, row: &str) {
        let time = ReservationChange::ReviewTime(ReviewedTime::Period(Period::Afternoon));
        let date = self.date(row).await;
        self.process.commands.change(date, id(row), None, time, staff()).await.unwrap();
    }

    async fn open_rows(&self) -> OpenRows {
        let timed = self.ids(UNREAD).await[0].clone();
        let ids = self.ids(&format!("status = 'PENDING' AND id <> '{timed}'")).await;
        let [moved, cancelled, older, in_doubt] = [0, 1, 2, 3].map(|n: usize| ids[n].clone());
        self.set(&older, r#"notes = 'newer', "updatedAt" = '2026-11-20 00:30:00'"#).await;
        self.run(&ImportRun::default()).await;
        self.set(&older, r#"notes = 'older', "updatedAt" = '2026-11-19 00:30:00'"#).await;
        for row in [&moved, &cancelled] {
            self.confirm_here(row).await;
        }
        self.review_here(&timed).await;
        self.set(&moved, r#""preferredDate" = '2026-12-24'"#).await;
        self.set(&cancelled, "status = 'CANCELLED'").await;
        self.set(&timed, r#""preferredTime" = '아무 때나'"#).await;
        self.set(&in_doubt, r#""birthDate" = '1982-04-04 15:00:00'"#).await;
        OpenRows { moved, cancelled, timed, older, in_doubt }
    }

    async fn decided_rows(&self) -> OpenRows {
        let rows = self.open_rows().await;
        let report = self.finish().await;
        assert_eq!((report.conflicts, report.rejected, report.resolved), (3, 2, 0), "{report:?}");
        for row in rows.ids() {
            self.decide(row, &report.open_items[row]).await;
        }
        rows
    }

    async fn bookings(&self, rows: &OpenRows) -> Vec<Booking> {
        let mut bookings = Vec::new();
        for row in rows.ids() {
            bookings.push(self.booking(row).await);
        }
        bookings
    }
}

/// Whether decisions kept three rows and left out two.
fn holds(report: &ImportReport) -> bool {
    let ImportReport { resolved, kept, conflicts, rejected, moved, imported, .. } = *report;
    (resolved, kept, conflicts, rejected, moved, imported) == (5, 3, 0, 0, 0, 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_decision_stands_above_every_switch() {
    let migration = Migration::begun().await;
    let rows = migration.decided_rows().await;
    let before = migration.bookings(&rows).await;
    for run in switches() {
        let run = migration.decided(run).await;
        let (report, appended) = migration.appended(&run).await;
        assert!(holds(&report), "{run:?}: {report:?}");
        assert!(appended.iter().all(|(_, id)| !rows.ids().contains(&id.as_str())), "{run:?}: {appended:?}");
        assert_eq!(migration.bookings(&rows).await, before, "{run:?}");
        if let Some(account) = report.reconciliation {
            assert!(account.is_clean() && account.resolved == 5, "{run:?}: {account:?}");
        }
    }
    let [moved, cancelled, timed, ..] = &before[..] else { panic!() };
    assert_eq!([moved.status, cancelled.status], [Status::Confirmed; 2]);
    assert_eq!(timed.placement, SlotAssignment::Period(Period::Afternoon));
    let client = migration.process.log.pool().get().await.unwrap();
    let decisions = resolution::Resolutions::read(&client).await.unwrap();
    assert_eq!(decisions.list().iter().filter(|one| one.decision == Decision::KeepOurs).count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_ends_when_the_row_changes_or_the_decision_is_withdrawn() {
    let migration = Migration::begun().await;
    let rows = migration.decided_rows().await;
    let everything = ImportRun { rules: Rules::default(), ..switches().pop().unwrap() };
    // The old system changes three rows once more, without `updatedAt`.
    for row in [&rows.cancelled, &rows.timed, &rows.older] {
        migration.set(row, "notes = 'once more'").await;
    }
    let report = migration.finish().await;
    assert_eq!((report.conflicts, report.rejected, report.resolved), (2, 1, 2), "{report:?}");
    let run = migration.decided(everything.clone()).await;
    let report = migration.appended(&run).await.0;
    assert_eq!((report.updated, report.moved, report.resolved, report.kept), (3, 0, 2, 1), "{report:?}");
    assert!(report.reconciliation.unwrap().is_clean());
    assert_eq!(migration.booking(&rows.cancelled).await.status, Status::Cancelled);
    let client = migration.process.log.pool().get().await.unwrap();
    for row in [&rows.moved, &rows.in_doubt] {
        assert!(resolution::withdraw(&client, &key(row)).await.unwrap());
    }
    let run = migration.decided(everything).await;
    let report = migration.appended(&run).await.0;
    assert_eq!((report.updated, report.moved, report.resolved), (1, 1, 0), "{report:?}");
    assert!(report.reconciliation.unwrap().is_clean());
    assert_eq!(migration.booking(&rows.moved).await.status, Status::Pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_decided_in_review_stays_while_its_text_is_the_same_on_whatever_day() {
    let migration = Migration::begun().await;
    let row = migration.ids(UNREAD).await[0].clone();
    migration.review_here(&row).await;
    let old_wins = ImportRun { old_wins: true, reconcile: true, ..ImportRun::default() };
    let afternoon = SlotAssignment::Period(Period::Afternoon);
    for (change, moved) in [
        ("notes = 'more'", 0),
        (r#""preferredDate" = '2026-12-24'"#, 1),
        (r#""preferredDate" = '2026-12-27', status = 'COMPLETED'"#, 1),
        ("notes = 'even more'", 0),
    ] {
        migration.set(&row, change).await;
        if moved == 1 {
            assert_eq!(migration.run(&ImportRun::default()).await.conflicts, 1, "{change}");
        }
        let report = migration.appended(&old_wins).await.0;
        assert_eq!((report.moved, report.updated), (moved, 1 - moved), "{change}");
        assert!(report.reconciliation.unwrap().is_clean(), "{change}");
        assert_eq!(migration.booking(&row).await.placement, afternoon, "{change}");
    }
    migration.set(&row, r#""preferredTime" = '10:30', "preferredDate" = '2026-12-24'"#).await;
    migration.run(&old_wins).await;
    assert_eq!(migration.booking(&row).await.placement.start().unwrap().to_string(), "10:30");
}
