//! Forgetting a patient: what was sealed reads as erased, in every process, also after a crash half way.

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
    let events = process.page_events(tuesday()).await;
    let requested = events.into_iter().find_map(|event| {
        let ScheduleEvent::ReservationRequested(requested) = event else { return None };
        (requested.reservation == *id).then_some(requested)
    });
    requested.unwrap().details
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_reads_as_erased_in_every_process() {
    let (clinic, one) = Clinic::set_up().await;
    let other = clinic.process().await;
    let id = one.book(wanted(1, BOTOX, tuesday(), "10:00")).await.unwrap().reservation;
    let kept = one.book(wanted(2, BOTOX, tuesday(), "11:00")).await.unwrap().reservation;
    let (sealed, kept_sealed) = (details(&one, &id).await, details(&one, &kept).await);
    assert!(other.opened(&sealed, &id).await.is_some(), "the other process has the key at hand");
    let forgotten = one.commands.forget(&phone(1), staff()).await.unwrap();
    assert_eq!(
        (forgotten.subject, forgotten.keys.as_slice()),
        (one.commands.subject(&phone(1)), &[sealed.key][..])
    );
    assert_eq!(one.opened(&sealed, &id).await, None);
    until("the other process forgets too", async || other.opened(&sealed, &id).await.is_none()).await;
    assert!(other.opened(&kept_sealed, &kept).await.is_some(), "another patient is not touched");
    assert_eq!(clinic.process().await.opened(&sealed, &id).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn forgetting_again_records_nothing_and_a_stranger_is_no_error() {
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
async fn whoever_was_forgotten_and_comes_back_gets_a_new_key() {
    let (_clinic, process) = Clinic::set_up().await;
    let old = process.book(wanted(1, BOTOX, tuesday(), "10:00")).await.unwrap().reservation;
    process.commands.forget(&phone(1), staff()).await.unwrap();
    let new = process.book(wanted(1, BOTOX, tuesday(), "11:00")).await.unwrap().reservation;
    let (old_sealed, new_sealed) = (details(&process, &old).await, details(&process, &new).await);
    assert_ne!(old_sealed.key, new_sealed.key);
    assert_eq!(process.opened(&old_sealed, &old).await, None);
    assert!(process.opened(&new_sealed, &new).await.is_some());
    // The old booking still holds its seat: the log forgets who, not that.
    let refused = process.book(wanted(2, BOTOX, tuesday(), "10:00")).await;
    assert!(matches!(refused, Err(CommandError::Rejected(Rejection::SlotTaken { .. }))));
    let cancelled =
        process.commands.change(tuesday(), old, None, ReservationChange::Cancel { reason: None }, staff());
    cancelled.await.expect("a forgotten patient's booking can be cancelled");
}

/// Records that a patient is forgotten without destroying the key: what a crash half way leaves.
async fn record_forgotten(log: &PostgresLog, subject: SubjectId, key: KeyId) {
    let forgotten = PrivacyEvent::SubjectForgotten(SubjectForgotten { subject, keys: vec![key] });
    let metadata = Metadata::new(Actor::system(), TestClock.now());
    let event = encode(EventId(Uuid::now_v7()), &Event::Privacy(forgotten), &metadata);
    log.append(&StreamName::privacy(), Expected::NoStream, vec![event]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgetting_that_crashed_half_way_is_completed_by_a_process_that_runs() {
    let (_clinic, process) = Clinic::set_up().await;
    let id = process.book(wanted(1, BOTOX, tuesday(), "10:00")).await.unwrap().reservation;
    let sealed = details(&process, &id).await;
    record_forgotten(&process.log, process.commands.subject(&phone(1)), sealed.key).await;
    until("it is completed", async || process.opened(&sealed, &id).await.is_none()).await;
    assert_eq!(process.vault.live_keys(process.commands.subject(&phone(1))).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgetting_that_crashed_half_way_is_completed_by_a_process_that_starts() {
    let (clinic, process) = Clinic::set_up().await;
    let id = process.book(wanted(1, BOTOX, tuesday(), "10:00")).await.unwrap().reservation;
    let sealed = details(&process, &id).await;
    let Process { commands, log, vault } = process;
    let subject = commands.subject(&phone(1));
    drop(commands);
    record_forgotten(&log, subject, sealed.key).await;
    assert_eq!(vault.live_keys(subject).await.unwrap(), [sealed.key], "nobody is there to complete it");
    let started = clinic.process().await;
    assert_eq!(started.opened(&sealed, &id).await, None);
}

/// Bookings of one new patient at the same moment may each bring a key. All of them are kept, and all are destroyed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patient_who_booked_twice_at_once_is_forgotten_whole() {
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
        assert!(
            stranger.opened(&details(&one, id).await, id).await.is_some(),
            "sealed with a key that is kept"
        );
    }
    one.commands.forget(&phone(1), staff()).await.unwrap();
    let stranger = clinic.process().await;
    for id in &booked {
        assert_eq!(stranger.opened(&details(&one, id).await, id).await, None);
    }
}

/// A booking that is refused leaves nothing behind, no key either.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_refused_has_no_key() {
    let (_clinic, process) = Clinic::set_up().await;
    let refused = process.book(wanted(1, "srv_of_nobody", tuesday(), "10:00")).await;
    assert!(matches!(refused, Err(CommandError::Rejected(_))), "{refused:?}");
    let subject = process.commands.subject(&phone(1));
    assert_eq!(process.vault.live_keys(subject).await.unwrap(), []);
}
