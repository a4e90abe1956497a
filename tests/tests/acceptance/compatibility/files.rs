//! Single files of the old build: a proof, a review file, rules for times, a token, a request that is repeated.
//!
//! Nothing here may depend on the day on which it runs.

use std::fs;

use daybook_tests::process::Service;
use serde_json::{Value, json};

use super::{OldClinic, fixture, json_of, text_of};
use crate::client::{RESERVATIONS, Response, client, send};

#[tokio::test(flavor = "multi_thread")]
async fn its_proof_holds_against_its_export_with_and_without_the_keys() {
    let old = OldClinic::load("database").await;
    let (proof, log) = (fixture("proof.json"), fixture("log.jsonl"));
    let check = ["projection", "verify", "--check", &proof, "--log", &log];
    let without_keys = old.json(&check).await;
    assert_eq!(without_keys["agrees"], true, "{without_keys}");
    let with_keys = old.json(&[&check[..], &["--with-keys"]].concat()).await;
    assert!(with_keys["agrees"] == true && with_keys["views"][0]["details"].is_object(), "{with_keys}");
}

/// Fills in the last column of a review file.
fn fill_in(exported: &str, decision: &str) -> Vec<u8> {
    let mut reader = csv::Reader::from_reader(exported.trim_start_matches('\u{feff}').as_bytes());
    let column = reader.headers().unwrap().iter().position(|name| name == "decision").unwrap();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(reader.headers().unwrap()).unwrap();
    for record in reader.records() {
        let record = record.unwrap();
        let fields = record.iter().enumerate();
        writer.write_record(fields.map(|(at, field)| if at == column { decision } else { field })).unwrap();
    }
    writer.into_inner().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn its_review_file_is_filled_in_and_applied() {
    let old = OldClinic::load("database").await;
    let exported = text_of("review.csv");
    let mut reader = csv::Reader::from_reader(exported.trim_start_matches('\u{feff}').as_bytes());
    let ids: Vec<String> = reader.records().map(|record| record.unwrap()[0].to_owned()).collect();
    let filled = old.scratch("filled.csv");
    fs::write(&filled, fill_in(&exported, "오후")).unwrap();
    let applied = old.json(&["import", "review", "apply", filled.to_str().unwrap(), "--yes"]).await;
    assert_eq!((&applied["applied"], &applied["refused"]), (&json!(ids.len()), &json!(0)), "{applied}");
    let left = old.json(&["import", "review", "list"]).await;
    let mut left = left["reservations"].as_array().unwrap().iter();
    assert!(left.all(|reservation| !ids.iter().any(|id| reservation["id"] == **id)), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_rules_read_the_same_times_and_its_rows_are_not_imported_twice() {
    let old = OldClinic::load("database").await;
    let (rows, rules) = (fixture("old_system.csv"), fixture("rules.toml"));
    let analysis = old.json(&["import", "analyze", "--csv", &rows, "--rules", &rules]).await;
    let expected = json_of("analysis.json");
    for field in expected.as_object().unwrap().keys() {
        assert_eq!(analysis[field], expected[field], "{field}");
    }
    let again = old.json(&["import", "run", "--csv", &rows, "--rules", &rules, "--yes"]).await;
    assert_eq!(again["already_there"], again["read"], "{again}");
}

async fn with_token(service: &Service, path: &str) -> Response {
    let token = text_of("token.txt");
    let request = client().get(service.url(path)).bearer_auth(token.trim());
    send(request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn its_token_lets_its_bearer_in_and_a_request_with_its_idempotency_key_books_nothing_new() {
    let old = OldClinic::load("database").await;
    let service = old.serve().await;
    with_token(&service, "/api/admin/services").await.ok();

    let reservations = async || with_token(&service, "/api/reservations").await.ok().body;
    let before = reservations().await["pagination"]["total"].clone();
    let recorded = json_of("idempotent_request.json");
    let key = recorded["idempotency_key"].as_str().unwrap();
    let request = client().post(service.url(RESERVATIONS)).header("Idempotency-Key", key);
    let answer = send(request.json(&recorded["form"])).await.unwrap().ok();
    let booked = |body: &Value| body["reservation"].clone();
    assert_eq!(booked(&answer.body), booked(&recorded["body"]));
    // That build bound its keys to patient, day and service, so another time is the same request. The answer is the booking.
    let mut other = recorded["form"].clone();
    other["preferred_time"] = "15:00".into();
    let request = client().post(service.url(RESERVATIONS)).header("Idempotency-Key", key);
    let answer = send(request.json(&other)).await.unwrap().ok();
    assert_eq!(booked(&answer.body), booked(&recorded["body"]));
    assert_eq!(reservations().await["pagination"]["total"], before);
}
