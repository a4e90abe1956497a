//! The account of all rows: it names every kind of difference, and its counts add up to the size of the source.

use daybook_commands::ReservationChange;
use daybook_migration::import::ImportRun;
use daybook_migration::import::Reason;

use super::{Migration, reconciling};
use crate::clinic::{public, staff, wanted};
use crate::import::ROWS;

#[tokio::test(flavor = "multi_thread")]
async fn every_row_and_every_reservation_is_in_exactly_one_place_of_the_account() {
    let migration = Migration::begun().await;
    let commands = &migration.process.commands;
    let ids = migration.ids("status = 'PENDING'").await;
    let [conflict, deleted, called_off, moved, broken, changed, ..] = &ids[..] else { panic!() };
    let cancel = |id: &str| {
        let id = daybook_domain::ReservationId::parse(id).unwrap();
        async { (migration.date(id.as_str()).await, id) }
    };
    for id in [conflict, called_off] {
        let (date, reservation) = cancel(id).await;
        commands
            .change(date, reservation, None, ReservationChange::Cancel { reason: None }, staff())
            .await
            .unwrap();
    }
    migration
        .change(&format!(
            "UPDATE reservations SET status = 'CONFIRMED' WHERE id IN ('{conflict}', '{changed}')"
        ))
        .await;
    migration.change(&format!("DELETE FROM reservations WHERE id IN ('{deleted}', '{called_off}')")).await;
    migration
        .change(&format!("UPDATE reservations SET \"preferredDate\" = '2026-12-24' WHERE id = '{moved}'"))
        .await;
    migration.change(&format!("UPDATE reservations SET phone = 'none' WHERE id = '{broken}'")).await;
    migration
        .change(
            "INSERT INTO reservations SELECT 'new', \"patientName\", phone, email, \"birthDate\", gender, \"treatmentType\",
             \"preferredDate\", '10:30', status, notes, \"adminNotes\", \"createdAt\", \"updatedAt\", service,
             \"statusChangedAt\", \"statusChangedBy\" FROM reservations ORDER BY id DESC LIMIT 1",
        )
        .await;
    let here = wanted(7, "srv_skin_care", "2026-12-02".parse().unwrap(), "10:00");
    commands.request(here, public()).await.unwrap();
    let report = migration.appended(&reconciling()).await.0;
    let account = report.reconciliation.unwrap();
    assert_eq!(account.source_rows, ROWS - 2 + 1);
    assert_eq!((account.imported, account.brought_up_to_date, account.conflicts), (1, 1, 1));
    assert_eq!((account.rejected, account.agreeing, account.moved), (1, 0, 1));
    assert_eq!((account.only_in_old_system.count, account.unexplained.count), (0, 0));
    assert_eq!(account.equal, ROWS - 6);
    assert_eq!(account.accounted_for(), account.source_rows);
    assert_eq!((account.only_in_daybook_called_off, account.booked_in_daybook), (1, 1));
    let gone: Vec<&str> =
        account.only_in_daybook.list.iter().map(|found| found.reservation.as_str()).collect();
    assert_eq!(
        (account.only_in_daybook.count, gone),
        (1, vec![deleted.as_str()]),
        "what is deleted there stays here"
    );
    assert_eq!(account.reservations, ROWS + 2);
    assert!(!account.is_clean());
    let reasons: Vec<Reason> = report.rejects.iter().map(|reject| reject.reason).collect();
    assert_eq!(reasons, [Reason::NotAPhoneNumber]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_comes_twice_and_one_with_the_id_of_a_booking_made_here_are_rejected_and_counted_once() {
    let migration = Migration::begun().await;
    let booked = wanted(7, "srv_skin_care", "2026-12-02".parse().unwrap(), "10:00");
    let booked = migration.process.commands.request(booked, public()).await.unwrap().reservation;
    migration
        .client
        .batch_execute("ALTER TABLE reservations DROP CONSTRAINT reservations_pkey")
        .await
        .unwrap();
    let copy = |id: &str| {
        format!(
            "INSERT INTO reservations SELECT {id}, \"patientName\", phone, email, \"birthDate\", gender, \"treatmentType\",
             \"preferredDate\", \"preferredTime\", status, notes, \"adminNotes\", \"createdAt\", \"updatedAt\", service,
             \"statusChangedAt\", \"statusChangedBy\" FROM reservations ORDER BY id LIMIT 1"
        )
    };
    migration.change(&copy("id")).await;
    migration.change(&copy(&format!("'{booked}'"))).await;
    let report = migration.run(&reconciling()).await;
    let mut reasons: Vec<Reason> = report.rejects.iter().map(|reject| reject.reason).collect();
    reasons.sort();
    assert_eq!(reasons, [Reason::DuplicateId, Reason::BookedHere]);
    let account = report.reconciliation.unwrap();
    assert_eq!((account.equal, account.rejected, account.source_rows), (ROWS, 2, ROWS + 2));
    assert_eq!((account.booked_in_daybook, account.only_in_daybook.count), (1, 0));
    assert_eq!(migration.run(&ImportRun::default()).await.reconciliation, None);
}
