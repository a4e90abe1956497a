//! Idempotency keys: a repeated request finds the effect of the first one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use daybook_commands::{CommandError, IdempotencyKey, NewReservation, ReservationChange};
use daybook_domain::Status;
use daybook_domain::schedule::Rejection;
use futures_util::future::join_all;

use crate::clinic::{Clinic, public, staff, tuesday, wanted};

fn keyed(key: &str, patient: u32, service: &str, text: &str) -> NewReservation {
    let key = Some(IdempotencyKey::parse(key).unwrap());
    NewReservation { key, ..wanted(patient, service, tuesday(), text) }
}

const BOTOX: &str = "srv_wrinkle_botox";

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_books_once_on_whichever_process() {
    let (clinic, one) = Clinic::set_up().await;
    let other = clinic.process().await;
    let requests = (0..40).map(|attempt| {
        let commands = if attempt % 2 == 0 { one.commands.clone() } else { other.commands.clone() };
        tokio::spawn(async move { commands.request(keyed("k1", 1, BOTOX, "10:00"), public()).await })
    });
    let answers: Vec<_> =
        join_all(requests).await.into_iter().map(|answer| answer.unwrap().unwrap()).collect();
    assert!(answers.iter().all(|booked| booked.reservation == answers[0].reservation));
    assert_eq!(answers.iter().filter(|booked| !booked.repeated).count(), 1);
    assert_eq!(one.schedule_events(tuesday()).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_returns_the_current_booking() {
    let (_clinic, process) = Clinic::set_up().await;
    let first = process.book(keyed("k1", 1, BOTOX, "10:00")).await.unwrap();
    let confirmed = process
        .commands
        .change(tuesday(), first.reservation.clone(), None, ReservationChange::Confirm, staff())
        .await
        .unwrap();
    let again = process.book(keyed("k1", 1, BOTOX, "10:00")).await.unwrap();
    assert!(again.repeated && again.booking.status == Status::Confirmed);
    assert_eq!((again.reservation, again.position), (first.reservation, confirmed.position));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_one_patient_and_one_booking() {
    let (_clinic, process) = Clinic::set_up().await;
    let first = process.book(keyed("k1", 1, BOTOX, "10:00")).await.unwrap();
    let another_patient = process.book(keyed("k1", 2, BOTOX, "11:00")).await.unwrap();
    assert_ne!(first.reservation, another_patient.reservation);
    let another_service = process.book(keyed("k1", 1, "srv_skin_care", "14:00")).await;
    assert!(matches!(another_service, Err(CommandError::Rejected(Rejection::KeyReused))));
}
