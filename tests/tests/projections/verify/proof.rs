//! Proofs: an exported log without keys and without a database yields the digests of both views; a log that was
//! tampered with does not.

use std::collections::BTreeMap;
use std::io::Cursor;

use chrono::NaiveDate;
use daybook_commands::ReservationChange;
use daybook_domain::ReadModel;
use daybook_event_log::StreamName;
use daybook_event_log::portable::{self, Progress};
use daybook_projections::{Checked, Proof, ProofError, check_proof, prove};
use daybook_tests::clinic::{Clinic, desk, request};
use daybook_vault::Decryptor;
use serde_json::{Value, json};

use super::events_of;
use crate::history::{TestRng, run_random_steps};

const DAY: &str = "2026-12-11";

fn day() -> NaiveDate {
    DAY.parse().unwrap()
}

/// The proof of the views, read back from its file.
async fn proven(clinic: &Clinic) -> Proof {
    let (verdict, proof) = prove(clinic.log.as_ref(), &clinic.vault, &clinic.pool, None).await.unwrap();
    assert!(verdict.agrees(), "{verdict:?}");
    let json = serde_json::to_vec(&proof.unwrap()).unwrap();
    let text = String::from_utf8(json.clone()).unwrap();
    assert!(!text.contains('홍') && !text.contains("010-") && !text.contains("desk@"), "{text}");
    Proof::read(&json).unwrap()
}

async fn exported(clinic: &Clinic) -> Vec<u8> {
    let mut file = Vec::new();
    portable::export(clinic.log.as_ref(), &mut file, &|_: Progress| {}).await.unwrap();
    file
}

async fn check(proof: &Proof, file: &[u8], keys: Option<Decryptor>) -> Checked {
    let verified = portable::verify(Cursor::new(file), &|_: Progress| {}).await.unwrap();
    check_proof(proof, verified, keys, &|_| {}).await.unwrap()
}

async fn keys(clinic: &Clinic) -> Option<Decryptor> {
    Some(clinic.vault.load_all_keys().await.unwrap())
}

/// Days with a difference in either view.
fn differing_days(checked: &Checked) -> Vec<NaiveDate> {
    checked.views.iter().flat_map(|view| view.differing_days.first.iter().copied()).collect()
}

/// A clinic with a random history and a final booking on a separate day.
async fn clinic_with_history(seed: u64) -> Clinic {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(seed), 150).await;
    let new_reservation = request(901, "srv_body_care", DAY, "10:00", ReadModel::Legacy);
    let booked = clinic.commands.request(new_reservation, desk()).await.unwrap();
    clinic
        .commands
        .change(day(), booked.reservation, None, ReservationChange::Confirm, desk())
        .await
        .unwrap();
    clinic.wait_for_views().await.unwrap();
    clinic
}

/// Writes the last line of an export again, so that its checksum matches.
fn with_valid_checksum(lines: &[&str]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let sha256: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{body}{}\n", json!({ "events": lines.len() - 1, "sha256": sha256 })).into_bytes()
}

/// The lines of an export except the last.
fn lines(file: &[u8]) -> Vec<&str> {
    let mut lines: Vec<&str> = std::str::from_utf8(file).unwrap().lines().collect();
    lines.pop().unwrap();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn without_keys_a_log_gives_the_unsealed_digests_of_a_recount_despite_forgotten_patients() {
    let mut events: BTreeMap<String, usize> = BTreeMap::new();
    let mut under_review = 0;
    for seed in 60..66 {
        let clinic = clinic_with_history(seed).await;
        let (proof, file) = (proven(&clinic).await, exported(&clinic).await);
        assert_eq!(proof.events as usize, lines(&file).len() - 1);
        for line in &lines(&file)[1..] {
            let line: Value = serde_json::from_str(line).unwrap();
            *events.entry(line["type"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        let checked = check(&proof, &file, None).await;
        assert!(checked.agrees() && checked.views.len() == 2, "seed {seed}: {checked:?}");
        for (view, proven) in checked.views.iter().zip(&proof.views) {
            assert_eq!((view.generation, view.reservations), (proven.generation, proven.reservations));
            assert!(view.days_compared >= 3 && view.details.is_none());
            // Sealed texts count in one digest and not in the other.
            assert!(proven.days.values().all(|day| day.digest != day.unsealed));
        }
        let with_keys = check(&proof, &file, keys(&clinic).await).await;
        assert!(
            with_keys.agrees() && with_keys.views.iter().all(|view| view.details.is_some()),
            "{with_keys:?}"
        );
        let verdict = super::full(&clinic).await;
        under_review += verdict.declared.unwrap().time_under_review;
    }
    // Without these events the test would show nothing.
    for kind in ["SubjectForgotten", "ReservationImported", "AdminNoteWritten", "ReservationTimeAssigned"] {
        assert!(events.get(kind).copied().unwrap_or(0) > 2, "{kind}: {events:?}");
    }
    assert!(under_review > 10, "{under_review}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_longer_log_agrees_and_days_of_a_patient_forgotten_later_cannot_be_checked() {
    let clinic = clinic_with_history(71).await;
    let proof = proven(&clinic).await;
    let phone = request(901, "srv_body_care", DAY, "10:00", ReadModel::Legacy).phone;
    clinic.commands.forget(&phone, desk()).await.unwrap();
    let file = exported(&clinic).await;
    assert!(check(&proof, &file, None).await.agrees());
    let checked = check(&proof, &file, keys(&clinic).await).await;
    assert!(checked.agrees(), "{checked:?}");
    for view in checked.views {
        assert_eq!(view.details.unwrap().untold_days.first, [day()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_with_one_changed_status_is_found_with_its_day() {
    let clinic = clinic_with_history(72).await;
    let (proof, file) = (proven(&clinic).await, exported(&clinic).await);
    let lines = lines(&file);
    let is_it =
        |line: &&str| line.contains(&format!("daybook-{DAY}")) && line.contains(r#""ReservationConfirmed""#);
    let changed: Vec<String> = lines
        .iter()
        .map(|line| {
            if is_it(line) {
                line.replace("ReservationConfirmed", "ReservationRejected")
            } else {
                (*line).to_owned()
            }
        })
        .collect();
    let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
    assert_ne!(changed, lines);
    let checked = check(&proof, &with_valid_checksum(&changed), None).await;
    assert!(!checked.agrees());
    assert_eq!((differing_days(&checked), checked.missing_events), (vec![day(); 2], 0));
    // Without a new checksum it is refused altogether.
    let text =
        String::from_utf8(file.clone()).unwrap().replacen("ReservationConfirmed", "ReservationRejected", 1);
    assert!(portable::verify(Cursor::new(text.as_bytes()), &|_: Progress| {}).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_actor_of_a_status_change_is_checked_without_keys() {
    let clinic = clinic_with_history(75).await;
    let (proof, file) = (proven(&clinic).await, exported(&clinic).await);
    let lines = lines(&file);
    let is_it =
        |line: &str| line.contains(&format!("daybook-{DAY}")) && line.contains(r#""ReservationConfirmed""#);
    let changed: Vec<String> = lines
        .iter()
        .map(|line| {
            if is_it(line) {
                line.replace("desk@clinic.example", "else@clinic.example")
            } else {
                (*line).to_owned()
            }
        })
        .collect();
    let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
    let checked = check(&proof, &with_valid_checksum(&changed), None).await;
    assert_eq!(differing_days(&checked), vec![day(); 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_event_and_a_lower_count_in_the_proof_are_found_with_their_day() {
    let clinic = clinic_with_history(73).await;
    let (proof, file) = (proven(&clinic).await, exported(&clinic).await);
    let lines = lines(&file);
    assert!(lines.last().unwrap().contains(DAY));
    let checked = check(&proof, &with_valid_checksum(&lines[..lines.len() - 1]), None).await;
    assert!(!checked.agrees());
    assert_eq!((differing_days(&checked), checked.missing_events), (vec![day(); 2], 1));

    let mut less = proof.clone();
    less.events -= 1;
    let checked = check(&less, &file, None).await;
    assert!(!checked.agrees());
    assert_eq!((differing_days(&checked), checked.missing_events), (vec![day(); 2], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_of_other_details_disagrees_only_when_checked_with_keys() {
    let clinic = clinic_with_history(74).await;
    let (proof, file) = (proven(&clinic).await, exported(&clinic).await);
    let mut json = serde_json::to_value(&proof).unwrap();
    for view in 0..2 {
        let view = &mut json["views"][view];
        let [a, b] = [view["days"][DAY]["digest"].clone(), json!(format!("{:032x}", 7))];
        // The sum of the days is corrected, as somebody who tampers with a proof would do.
        let number = |value: &Value| u128::from_str_radix(value.as_str().unwrap(), 16).unwrap();
        let total = number(&view["digest"]).wrapping_sub(number(&a)).wrapping_add(7);
        view["digest"] = json!(format!("{total:032x}"));
        view["days"][DAY]["digest"] = b;
    }
    let other = Proof::read(&serde_json::to_vec(&json).unwrap()).unwrap();
    assert!(check(&other, &file, None).await.agrees());
    let checked = check(&other, &file, keys(&clinic).await).await;
    assert!(!checked.agrees());
    assert!(checked.views.into_iter().all(|view| view.details.unwrap().differing_days.first == [day()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn differing_views_give_no_proof_and_a_proof_of_another_kind_is_refused() {
    let clinic = clinic_with_history(76).await;
    let events = events_of(&clinic, &StreamName::page(day()), "").await;
    assert_eq!(events.len(), 2);
    let proof = proven(&clinic).await;
    let read = |field: &str, value: Value| {
        let mut json = serde_json::to_value(&proof).unwrap();
        json[field] = value;
        Proof::read(&serde_json::to_vec(&json).unwrap())
    };
    assert!(matches!(read("rules_version", json!(99)), Err(ProofError::OtherRules { version: 99 })));
    assert!(matches!(read("daybook_proof", json!(2)), Err(ProofError::NewerForm { version: 2 })));
    assert!(matches!(read("views", json!(7)), Err(ProofError::NotAProof)));
    assert!(read("events", json!(1)).is_ok());

    let client = clinic.database.connect().await.unwrap();
    client.batch_execute("UPDATE dynamic_1.reservations SET status = 'NO_SHOW'").await.unwrap();
    let (verdict, proof) = prove(clinic.log.as_ref(), &clinic.vault, &clinic.pool, None).await.unwrap();
    assert!(!verdict.agrees() && proof.is_none());
}
