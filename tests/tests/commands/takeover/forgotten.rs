//! Patients who were forgotten here but remain in the old system: a run never restores their data.

use daybook_domain::phone::Phone;
use daybook_domain::{Event, Status};
use daybook_migration::import::ImportRun;

use super::{Migration, reconciling};
use crate::clinic::{public, staff, wanted};
use crate::import::taken_over;

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_a_forgotten_patient_stays_forgotten_and_its_status_goes_on() {
    let migration = Migration::begun().await;
    let id = migration.ids("status = 'PENDING'").await[0].clone();
    let phone: String = migration
        .client
        .query_one("SELECT phone FROM reservations WHERE id = $1", &[&id])
        .await
        .unwrap()
        .get(0);
    let patient = Phone::parse(&phone).unwrap();
    migration.process.commands.forget(&patient, staff()).await.unwrap();
    assert_eq!(migration.appended(&reconciling()).await.1, vec![], "nothing has changed there");
    // In the old system the name and the status change, a second row of the patient appears, and a phone number is
    // corrected to the patient's number.
    migration
        .change(&format!(
            "UPDATE reservations SET status = 'CANCELLED', \"patientName\" = '돌아온 이름', notes = '비밀' WHERE id = '{id}'"
        ))
        .await;
    let late = migration
        .change(&format!(
            "INSERT INTO reservations SELECT 'late', \"patientName\", phone, email, \"birthDate\", gender, \"treatmentType\",
             \"preferredDate\", '언젠가', status, notes, \"adminNotes\", \"createdAt\", \"updatedAt\", service,
             \"statusChangedAt\", \"statusChangedBy\" FROM reservations WHERE id = '{id}'"
        ))
        .await;
    let corrected = migration.ids(&format!("phone <> '{phone}' AND id <> 'late'")).await[0].clone();
    migration.change(&format!("UPDATE reservations SET phone = '{phone}' WHERE id = '{corrected}'")).await;
    let report = migration.run(&reconciling()).await;
    assert_eq!((report.updated, report.imported), (2, 1));
    assert!(report.reconciliation.unwrap().is_clean());
    assert_eq!(migration.booking(&id).await.status, Status::Cancelled);
    let rows = taken_over(&migration.process).await;
    let subject = migration.process.commands.subject(&patient);
    for id in [&id, &late[0], &corrected] {
        let (row, details) = &rows[id];
        assert!(details.is_none() && row.subject == subject, "{id} came back");
    }
    assert_eq!(migration.process.vault.live_keys(subject).await.unwrap(), [], "and no key was made");
    assert_eq!(migration.appended(&reconciling()).await.1, vec![]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_forgotten_and_booked_again_in_the_old_system_is_known_by_that_booking_alone() {
    let migration = Migration::begun().await;
    let before = wanted(7, "srv_skin_care", "2026-12-02".parse().unwrap(), "10:00");
    migration.process.commands.request(before, public()).await.unwrap();
    let patient = crate::clinic::phone(7);
    migration.process.commands.forget(&patient, staff()).await.unwrap();
    let row = |id: &str, made_at: &str| {
        format!(
            "INSERT INTO reservations SELECT '{id}', '누군가', '010-0000-0007', NULL, '1990-01-02', 'FEMALE', 'FIRST_VISIT',
             '2026-12-03', '10:30', 'PENDING', NULL, NULL, '{made_at}', '{made_at}', 'SKIN_CARE', '{made_at}', NULL"
        )
    };
    migration.change(&row("earlier", "2026-11-20 00:59:59")).await;
    migration.change(&row("later", "2026-11-20 01:00:01")).await;
    assert_eq!(migration.run(&ImportRun::default()).await.imported, 2);
    let rows = taken_over(&migration.process).await;
    assert!(rows["earlier"].1.is_none() && rows["later"].1.is_some());
    let events = migration.process.all_events().await;
    assert!(events.iter().any(|event| matches!(event, Event::Privacy(_))));
}
