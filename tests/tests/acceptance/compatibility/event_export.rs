//! The old build's `events export` becomes the same log and the same views again.
//!
//! It holds no keys: they come from the old database, as an operator who moves a log would bring them.

use std::fs;

use super::{OldClinic, digests, fixture, json_of, text_of};

#[tokio::test(flavor = "multi_thread")]
async fn it_is_imported_into_an_empty_database_and_exported_again_byte_for_byte() {
    let new = OldClinic::empty().await;
    new.json(&["events", "import", &fixture("log.jsonl"), "--yes"]).await;
    new.load_parts("database", &["--data-only", "--schema=privacy"]).await;
    new.json(&["projection", "rebuild", "all", "--yes"]).await;
    let verdict = new.json(&["projection", "verify"]).await;
    assert_eq!(digests(&verdict), digests(&json_of("verify.json")), "{verdict}");

    let again = new.scratch("log.jsonl");
    new.json(&["events", "export", again.to_str().unwrap()]).await;
    assert!(fs::read_to_string(again).unwrap() == text_of("log.jsonl"), "the export differs");
}
