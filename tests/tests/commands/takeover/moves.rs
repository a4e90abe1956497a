//! A row that the old system moved to another day is on that day, once, and on no other.

use chrono::NaiveDate;
use daybook_commands::{CommandError, Origin, ReservationChange};
use daybook_domain::schedule::event::ReservationImported;
use daybook_domain::schedule::{Rejection, ScheduleCommand};
use daybook_domain::{Actor, ReservationId, Status};
use daybook_migration::import::ImportRun;

use super::{Migration, reconciling};
use crate::clinic::staff;
use crate::import::taken_over;

/// A Saturday afternoon and a Sunday, on which the clinic is closed, are days like others to the old system.
const SUNDAY: &str = "2026-12-27";

fn id(text: &str) -> ReservationId {
    ReservationId::parse(text).unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

impl Migration {
    async fn move_row(&self, id: &str, day: &str, other_columns: &str) {
        let set = format!("\"preferredDate\" = '{day}'{other_columns}");
        self.change(&format!("UPDATE reservations SET {set} WHERE id = '{id}'")).await;
    }

    /// All days on which a reservation is.
    async fn days(&self, id: &str, days: &[NaiveDate]) -> Vec<NaiveDate> {
        let id = self::id(id);
        let mut on = Vec::new();
        for day in days {
            if self.process.commands.day_schedule(*day).await.unwrap().booking(&id).is_some() {
                on.push(*day);
            }
        }
        on
    }
}

fn moved(id: &str) -> Vec<(String, String)> {
    ["ReservationMovedIn", "ReservationMovedOut"].map(|kind| (kind.to_owned(), id.to_owned())).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_followed_to_another_day_with_what_else_changed_and_back() {
    let migration = Migration::begun().await;
    let row = migration.ids("status = 'PENDING'").await[0].clone();
    let old = migration.date(&row).await;
    let (first, sunday) = (day("2026-12-24"), day(SUNDAY));
    let stops = [
        (first, ", status = 'CONFIRMED'", Status::Confirmed),
        (sunday, "", Status::Confirmed),
        (old, ", \"preferredTime\" = '오후', status = 'COMPLETED'", Status::Completed),
        (first, "", Status::Completed),
    ];
    for (version, (to, other_columns, status)) in (2..).zip(stops) {
        migration.move_row(&row, &to.to_string(), other_columns).await;
        let (report, appended) = migration.appended(&reconciling()).await;
        assert_eq!((report.moved, report.updated, report.rejected, appended), (1, 0, 0, moved(&row)));
        let account = report.reconciliation.unwrap();
        assert!(account.is_clean() && account.moved == 1, "{account:?}");
        assert_eq!(migration.days(&row, &[old, first, sunday]).await, [to]);
        let booking = migration.booking(&row).await;
        assert_eq!((booking.status, booking.version), (status, version));
        let (again, appended) = migration.appended(&reconciling()).await;
        assert_eq!((again.moved, appended, again.reconciliation.unwrap().is_clean()), (0, vec![], true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_changed_here_too_moves_only_if_the_old_system_wins() {
    let migration = Migration::begun().await;
    let ids = migration.ids("status = 'PENDING'").await;
    let row = &ids[0];
    let old = migration.date(row).await;
    let confirm = ReservationChange::Confirm;
    migration.process.commands.change(old, id(row), None, confirm, staff()).await.unwrap();
    migration.move_row(row, SUNDAY, "").await;
    let (report, appended) = migration.appended(&reconciling()).await;
    assert_eq!((report.conflicts, report.moved, appended), (1, 0, vec![]));
    assert_eq!(report.conflict_list[0].fields, ["preferredDate"]);
    assert_eq!(migration.days(row, &[old, day(SUNDAY)]).await, [old]);
    let old_wins = ImportRun { old_wins: true, ..reconciling() };
    let (report, appended) = migration.appended(&old_wins).await;
    assert_eq!((report.moved, appended), (1, moved(row)));
    assert_eq!(migration.days(row, &[old, day(SUNDAY)]).await, [day(SUNDAY)]);
    assert_eq!(migration.booking(row).await.status, Status::Pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_stopped_between_its_two_days_is_completed_by_the_next_run() {
    let migration = Migration::begun().await;
    let ids = migration.ids("status = 'PENDING'").await;
    let [row, moved_on, ..] = &ids[..] else { panic!() };
    let rows = taken_over(&migration.process).await;
    let origin = Origin::from_actor(Actor::import());
    for id in [row, moved_on] {
        let (imported, _) = &rows[id];
        let moved = ReservationImported { date: day(SUNDAY), ..imported.clone() };
        let leave = ScheduleCommand::MoveOut { row: moved, expected_version: 1 };
        migration.process.commands.execute_one(imported.date, leave, origin.clone()).await.unwrap();
    }
    migration.move_row(row, SUNDAY, "").await;
    // The old system moved this one once more since.
    migration.move_row(moved_on, "2026-12-24", "").await;
    let old = rows[row].0.date;
    let refused = migration.process.commands.change(old, id(row), None, ReservationChange::Confirm, staff());
    let refused = refused.await.unwrap_err();
    assert!(matches!(refused, CommandError::Rejected(Rejection::ReservationNotFound(_))), "{refused}");
    let predicted = migration.rehearsed(&reconciling()).await;
    let report = migration.run(&reconciling()).await;
    assert_eq!((predicted.moved, report.moved), (2, 2), "{predicted:?}");
    assert!(report.reconciliation.unwrap().is_clean());
    let days = [old, rows[moved_on].0.date, day("2026-12-24"), day(SUNDAY)];
    assert_eq!(migration.days(row, &days).await, [day(SUNDAY)]);
    assert_eq!(migration.days(moved_on, &days).await, [day("2026-12-24")]);
    let (again, appended) = migration.appended(&reconciling()).await;
    assert_eq!((again.moved, appended), (0, vec![]));
}
