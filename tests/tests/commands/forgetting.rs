//! Forgetting a patient: every process reads the sealed texts as erased, even after a crash halfway through.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use daybook_commands::{Clock as _, CommandError, ReservationChange};
use daybook_domain::privacy::{PrivacyEvent, SubjectForgotten};
use daybook_domain::schedule::{Rejection, ScheduleEvent};
use daybook_domain::{Actor, Event, KeyId, ReservationId, Sealed, SubjectId};
use daybook_event_log::{EventId, EventLog, Expected, Metadata, PostgresLog, StreamName, encode};
use futures_util::future::join_all;
use uuid::Uuid;

use crate::clinic::{Clinic, Process, TestClock, phone, staff, tuesday, until, wanted};
const BOTOX: &str = "srv_wrinkle_botox";

async fn details(process: &Process, id: &ReservationId) -> Sealed {
    let events = process.schedule_events(tuesday()).await;
    let requested = events.into_iter().find_map(|event| {
        let ScheduleEvent::ReservationRequested(requested) = event else { return None };
        (requested.reservation == *id).then_some(requested)
    });
    requested.unwrap().details
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_texts_read_as_erased_in_every_process() {
    let (clinic, one) = Clinic::set_up().await;
    let other = clinic.process().await;
    let id = one.book(wanted(1, BOTOX, tuesday(), "10:00")).await.unwrap().reservation;
    let kept = one.book(wanted(2, BOTOX, tuesday(), "11:00")).await.unwrap().reservation;
    let (sealed, kept_sealed) = (details(&one, &id).await, details(&one, &kept).await);
    assert!(other.opened(&sealed, &id).await.is_some(), "the other process has the key in its cache");
    let forgotten = one.commands.forget(&phone(1), staff()).await.unwrap();
    assert_eq!(
        (forgotten.subject, forgotten.keys.as_slice()),
        (one.commands.subject(&phone(1)), &[sealed.key][..])
    );
    assert_eq!(one.opened(&sealed, &id).await, None);
    until("the other process forgets too", async || other.opened(&sealed, &id).await.is_none()).await;
    assert!(other.opened(&kept_sealed, &kept).await.is_some(), "other patients are not affected");
    assert_eq!(clinic.process().await.opened(&sealed, &id).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn forgetting_again_records_nothing_and_an_unknown_patient_is_no_error() {
    let (_clinic, process) = Clinic::set_up().await;
    process.book(wanted(1, BOTOX, tuesday(), "10:00")).await.unwrap();
    process.commands.forget(&phone(1), staff()).await.unwrap();
    let before = process.all_events().await.len();
    for patient in [1, 77] {
        assert_eq!(process.commands.forget(&phone(patient), staff()).await.unwrap().keys, []);
    }
    assert_eq!(process.all_events().await.len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_patient_who_books_again_gets_a_new_key() {
    let (_clinic, process) = Clinic::set_up().await;
    let old = process.book(wanted(1, BOTOX, tuesday(), "10:00")).await.unwrap().reservation;
    process.commands.forget(&phone(1), staff()).await.unwrap();
    let new = process.book(wanted(1, BOTOX, tuesday(), "11:00")).await.unwrap().reservation;
    let (old_sealed, new_sealed) = (details(&process, &old).await, details(&process, &new).await);
    assert_ne!(old_sealed.key, new_sealed.key);
    assert_eq!(process.opened(&old_sealed, &old).await, None);
    assert!(process.opened(&new_sealed, &new).await.is_some());
    // The old booking keeps its seat. Only the details are erased.
    let refused = process.book(wanted(2, BOTOX, tuesday(), "10:00")).await;
    assert!(matches!(refused, Err(CommandError::Rejected(Rejection::SlotTaken { .. }))));
    let cancelled =
        process.commands.change(tuesday(), old, None, ReservationChange::Cancel { reason: None }, staff());
    cancelled.await.expect("a forgotten patient's booking can be cancelled");
}

/// Records the event without destroying the key, as a crash between the two steps would.
async fn record_forgotten(log: &PostgresLog, subject: SubjectId, key: KeyId) {
    let forgotten = PrivacyEvent::SubjectForgotten(SubjectForgotten { subject, keys: vec![key] });
    let metadata = Metadata::new(Actor::system(), TestClock.now());
    let event = encode(EventId(Uuid::now_v7()), &Event::Privacy(forgotten), &metadata);
    log.append(&StreamName::privacy(), Expected::NoStream, vec![event]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_process_completes_an_interrupted_erasure() {
    let (_clinic, process) = Clinic::set_up().await;
    let id = process.book(wanted(1, BOTOX, tuesday(), "10:00")).await.unwrap().reservation;
    let sealed = details(&process, &id).await;
    record_forgotten(&process.log, process.commands.subject(&phone(1)), sealed.key).await;
    until("it is completed", async || process.opened(&sealed, &id).await.is_none()).await;
    assert_eq!(process.vault.live_keys(process.commands.subject(&phone(1))).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_starting_process_completes_an_interrupted_erasure() {
    let (clinic, process) = Clinic::set_up().await;
    let id = process.book(wanted(1, BOTOX, tuesday(), "10:00")).await.unwrap().reservation;
    let sealed = details(&process, &id).await;
    let Process { commands, log, vault } = process;
    let subject = commands.subject(&phone(1));
    drop(commands);
    record_forgotten(&log, subject, sealed.key).await;
    assert_eq!(vault.live_keys(subject).await.unwrap(), [sealed.key], "no process is running to complete it");
    let started = clinic.process().await;
    assert_eq!(started.opened(&sealed, &id).await, None);
}

/// Simultaneous bookings of a new patient may each create a key. All of these keys are stored, and all are destroyed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_keys_of_a_patient_with_simultaneous_bookings_are_destroyed() {
    let (clinic, one) = Clinic::set_up().await;
    let other = clinic.process().await;
    let times = ["09:00", "10:30", "14:00", "15:30"];
    let booking = times.iter().enumerate().map(|(number, time)| {
        let commands = if number % 2 == 0 { one.commands.clone() } else { other.commands.clone() };
        let asked = wanted(1, BOTOX, tuesday(), time);
        tokio::spawn(async move { commands.request(asked, staff()).await.unwrap().reservation })
    });
    let booked: Vec<ReservationId> =
        join_all(booking.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).collect();
    let stranger = clinic.process().await;
    for id in &booked {
        assert!(stranger.opened(&details(&one, id).await, id).await.is_some(), "sealed with a stored key");
    }
    one.commands.forget(&phone(1), staff()).await.unwrap();
    let stranger = clinic.process().await;
    for id in &booked {
        assert_eq!(stranger.opened(&details(&one, id).await, id).await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_booking_stores_no_key() {
    let (_clinic, process) = Clinic::set_up().await;
    let refused = process.book(wanted(1, "srv_of_nobody", tuesday(), "10:00")).await;
    assert!(matches!(refused, Err(CommandError::Rejected(_))), "{refused:?}");
    let subject = process.commands.subject(&phone(1));
    assert_eq!(process.vault.live_keys(subject).await.unwrap(), []);
}
