//! The old build's backup is proven, and put into an empty database with the same views.
//!
//! Both must hold: a proof that passes says nothing where a restore makes something else.

use super::{OldClinic, SECRETS_FROM_FILES, digests, fixture, json_of};

#[tokio::test(flavor = "multi_thread")]
async fn its_backup_is_proven() {
    let old = OldClinic::load("database").await;
    let proof = old.json(&["restore", &fixture("backup"), "--verify"]).await;
    assert_eq!(proof["agrees"], true, "{proof}");
    let views = proof["views"].as_array().unwrap();
    assert!(views.len() == 2 && views.iter().all(|view| view["agrees"] != false), "{proof}");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_backup_is_restored_into_an_empty_database_with_the_same_views() {
    let (new, expected) = (OldClinic::empty().await, json_of("verify.json"));
    let key = super::text_of("master.key");
    let settings = [("DAYBOOK_MASTER_KEY", key.trim()), SECRETS_FROM_FILES[1]];
    let restore = ["restore", &fixture("backup"), "--yes", "--json"];
    new.0.run_with(&restore, &settings).await.unwrap().json().unwrap();
    let verdict = new.json(&["projection", "verify"]).await;
    assert_eq!(digests(&verdict), digests(&expected));
    assert_eq!(verdict["agrees"], true, "{verdict}");
}
