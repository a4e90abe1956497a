//! `daybook migrate check`: exits with 0 if the criteria are met, and otherwise names the command that helps.

use daybook_tests::process::Installation;

use crate::client::EXPORT;

#[tokio::test(flavor = "multi_thread")]
async fn a_check_names_what_is_missing_and_the_command_that_fixes_it() {
    let clinic = Installation::open().await.unwrap();
    clinic.run(&["import", "run", "--csv", EXPORT, "--yes", "--json"]).await.unwrap().json().unwrap();
    let first = clinic.run(&["migrate", "check", "--phase", "1"]).await.unwrap();
    assert_eq!(first.code, Some(0), "{first:?}");
    assert!(first.stdout.starts_with("All 5 criteria of the phase are met.\n"), "{first:?}");
    assert!(first.stdout.contains("at position "), "{first:?}");

    let second = clinic.run(&["migrate", "check", "--phase", "2"]).await.unwrap();
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.stdout.starts_with("1 of 7 criteria of the phase is NOT met:\n"), "{second:?}");
    assert!(second.stdout.contains("✗  parity"), "{second:?}");
    assert!(second.stdout.contains("`daybook projection verify`"), "{second:?}");
    assert_eq!(clinic.run(&["projection", "verify"]).await.unwrap().code, Some(0));
    let second = clinic.run(&["migrate", "check", "--phase", "2", "--json"]).await.unwrap().json().unwrap();
    assert_eq!((&second["is_met"], &second["phase"]), (&true.into(), &"data-migration".into()), "{second}");

    let stage = clinic.run(&["migrate", "check", "--stage", "canary-5", "--json"]).await.unwrap();
    assert_eq!(stage.code, Some(1), "{stage:?}");
    let stage: serde_json::Value = serde_json::from_str(&stage.stdout).unwrap();
    let criteria = stage["criteria"].as_array().unwrap();
    let open: Vec<&str> = criteria
        .iter()
        .filter(|one| one["finding"] != "met")
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(open, ["soak", "shadow-reads", "backup", "contacts"], "{stage}");
}
