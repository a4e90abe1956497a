//! Rows that changed in both systems: no run overwrites them silently, and a conflict ends when both systems agree.

use daybook_commands::{CommandError, ReservationChange};
use daybook_domain::Status;
use daybook_domain::schedule::{Rejection, ReviewedTime, SlotAssignment};
use daybook_domain::time::Period;
use daybook_migration::import::ImportRun;

use super::{Migration, again, reconciling};
use crate::clinic::staff;

const CANCELLED: &str =
    r#"status = 'CANCELLED', "statusChangedAt" = '2026-11-20 00:30:00', "updatedAt" = '2026-11-20 00:30:00'"#;
const CONFIRMED: &str =
    r#"status = 'CONFIRMED', "statusChangedAt" = '2026-11-20 00:30:00', "updatedAt" = '2026-11-20 00:30:00'"#;

impl Migration {
    async fn wish(&self, id: &str, wanted: ReservationChange) -> Result<(), CommandError> {
        let (date, reservation) = (self.date(id).await, daybook_domain::ReservationId::parse(id).unwrap());
        self.process.commands.change(date, reservation, None, wanted, staff()).await.map(|_| ())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_changed_in_both_systems_is_left_as_it_is_here_and_listed() {
    let migration = Migration::begun().await;
    let [id, noted, untouched] = &migration.ids("status = 'PENDING'").await[..3] else { panic!() };
    migration.wish(id, ReservationChange::Confirm).await.unwrap();
    migration.wish(noted, ReservationChange::WriteAdminNote("전화함".to_owned())).await.unwrap();
    migration.wish(untouched, ReservationChange::Confirm).await.unwrap();
    for id in [id, noted] {
        migration
            .change(&format!("UPDATE reservations SET {CANCELLED}, notes = 'x' WHERE id = '{id}'"))
            .await;
    }
    // In the old system only the timestamp of this row changes.
    migration
        .change(&format!(
            "UPDATE reservations SET \"updatedAt\" = '2026-11-20 00:30:00' WHERE id = '{untouched}'"
        ))
        .await;
    let (report, appended) = migration.appended(&reconciling()).await;
    assert_eq!((report.conflicts, report.agreeing, report.updated, appended), (2, 1, 0, vec![]));
    let mut listed: Vec<&str> = report.conflict_list.iter().map(|one| one.reservation.as_str()).collect();
    listed.sort_unstable();
    assert_eq!(listed, [id, noted]);
    assert_eq!(report.conflict_list[0].fields, ["status", "notes"]);
    let account = report.reconciliation.unwrap();
    assert!(!account.is_clean() && account.accounted_for() == account.source_rows, "{account:?}");
    assert_eq!((account.conflicts, account.agreeing), (2, 1));
    assert_eq!(migration.booking(id).await.status, Status::Confirmed);
    let old_wins = ImportRun { old_wins: true, reconcile: true, ..ImportRun::default() };
    let (report, appended) = migration.appended(&old_wins).await;
    let mut overruled = [id.clone(), noted.clone()];
    overruled.sort();
    assert_eq!((report.conflicts, appended), (0, again(&overruled)));
    assert!(report.reconciliation.unwrap().is_clean());
    assert_eq!(migration.booking(id).await.status, Status::Cancelled);
    assert_eq!(migration.booking(untouched).await.status, Status::Confirmed, "nothing to win against");
    assert_eq!(migration.appended(&ImportRun::default()).await.1, vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_was_made_alike_in_both_systems_is_no_conflict() {
    let migration = Migration::begun().await;
    let id = &migration.ids("status = 'PENDING'").await[0];
    migration.wish(id, ReservationChange::Confirm).await.unwrap();
    migration.change(&format!("UPDATE reservations SET {CONFIRMED} WHERE id = '{id}'")).await;
    let (report, appended) = migration.appended(&reconciling()).await;
    assert_eq!((report.conflicts, report.agreeing, appended), (0, 1, vec![]));
    assert!(report.reconciliation.unwrap().is_clean());
    // The old system now makes a change that was not made here.
    migration.change(&format!("UPDATE reservations SET {CANCELLED} WHERE id = '{id}'")).await;
    assert_eq!(migration.run(&ImportRun::default()).await.conflicts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_was_decided_here_stays_until_the_old_system_says_another() {
    let migration = Migration::begun().await;
    let in_review = migration.ids(r#""preferredTime" NOT SIMILAR TO '%[0-9전후]%' AND "preferredTime" NOT ILIKE '%noon' AND "preferredTime" NOT ILIKE 'morning'"#).await;
    let id = &in_review[0];
    assert!(matches!(migration.booking(id).await.placement, SlotAssignment::Review(_)), "{id}");
    migration.wish(id, ReservationChange::ReviewTime(ReviewedTime::Period(Period::Afternoon))).await.unwrap();
    migration.change(&format!("UPDATE reservations SET {CANCELLED} WHERE id = '{id}'")).await;
    let (report, appended) = migration.appended(&ImportRun::default()).await;
    assert_eq!((report.conflicts, appended), (0, again(std::slice::from_ref(id))));
    let booking = migration.booking(id).await;
    assert_eq!(
        (booking.status, booking.placement),
        (Status::Cancelled, SlotAssignment::Period(Period::Afternoon))
    );
    // The first change leaves the preferred time as it was. The later changes replace it.
    migration.change(&format!("UPDATE reservations SET notes = 'more' WHERE id = '{id}'")).await;
    assert_eq!(migration.run(&ImportRun::default()).await.updated, 1);
    assert_eq!(migration.booking(id).await.placement, SlotAssignment::Period(Period::Afternoon));
    migration.wish(id, ReservationChange::ReviewTime(ReviewedTime::Period(Period::Morning))).await.unwrap();
    migration
        .change(&format!("UPDATE reservations SET \"preferredTime\" = '오후 4시' WHERE id = '{id}'"))
        .await;
    let report = migration.run(&ImportRun::default()).await;
    assert_eq!(report.conflict_list[0].fields, ["preferredTime"]);
    migration.change(&format!("UPDATE reservations SET \"preferredTime\" = '오전' WHERE id = '{id}'")).await;
    let report = migration.run(&ImportRun::default()).await;
    assert_eq!((report.conflicts, report.updated), (0, 1), "both say the same now");
    // The grammar can read the new time, so the time no longer needs a review.
    let refused = migration
        .wish(id, ReservationChange::ReviewTime(ReviewedTime::Period(Period::Afternoon)))
        .await
        .unwrap_err();
    assert!(matches!(refused, CommandError::Rejected(Rejection::TimeNotReviewable)), "{refused:?}");
}
