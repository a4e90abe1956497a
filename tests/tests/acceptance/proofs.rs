//! `daybook projection verify`: a comparison, its proof, and a check of the proof against an exported log without a
//! database or keys.

use daybook_tests::process::Installation;
use serde_json::Value;

use crate::client::EXPORT;

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_written_once_and_is_checked_against_an_exported_log_without_a_database() {
    let clinic = Installation::open().await.unwrap();
    clinic.run(&["import", "run", "--csv", EXPORT, "--yes", "--json"]).await.unwrap().json().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (proof, log) = (path("proof.json"), path("log.jsonl"));
    let prove = ["projection", "verify", "--proof", &proof];
    let output = clinic.run(&prove).await.unwrap();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("legacy_1 and dynamic_1 agree at position"), "{output:?}");
    assert!(output.stdout.contains("exact") && output.stderr.contains("proves it"), "{output:?}");
    let again = clinic.run(&prove).await.unwrap();
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(again.stderr.contains("--force replaces it"), "{again:?}");
    let quick = clinic.run(&["projection", "verify", "--quick"]).await.unwrap();
    assert!(quick.code == Some(0) && quick.stdout.contains("the digests of"), "{quick:?}");
    clinic.run(&["events", "export", &log, "--json"]).await.unwrap().json().unwrap();

    let check = ["projection", "verify", "--check", &proof, "--log", &log];
    let keyed = clinic.run(&[&check[..], &["--with-keys", "--json"]].concat()).await.unwrap().json().unwrap();
    assert!(keyed["agrees"] == true && keyed["views"][0]["details"].is_object(), "{keyed}");

    // A database that does not exist: any access to it would fail.
    let nowhere = [("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")];
    let output = clinic.run_with(&check, &nowhere).await.unwrap();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("--with-keys checks them too"), "{output:?}");

    let mut less: Value = serde_json::from_slice(&std::fs::read(&proof).unwrap()).unwrap();
    less["events"] = (less["events"].as_u64().unwrap() - 1).into();
    std::fs::write(&proof, less.to_string()).unwrap();
    let output = clinic.run_with(&check, &nowhere).await.unwrap();
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        output.stdout.contains("DIFFERS") && output.stdout.contains("Days on which legacy_1 differs: 20"),
        "{output:?}"
    );
}
