//! The runbook's checklists on the command line: manual items, automatic items, and contacts.

use daybook_tests::process::Installation;
use serde_json::{Value, json};

async fn run_json(clinic: &Installation, arguments: &[&str]) -> Value {
    clinic.run(arguments).await.unwrap().json().unwrap()
}

fn item<'a>(report: &'a Value, list: &str, item: &str) -> &'a Value {
    let lines = report[list].as_array().unwrap();
    lines.iter().find(|line| line["item"] == item).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_are_set_and_changed_without_reaching_the_log() {
    let clinic = Installation::open().await.unwrap();
    drop(clinic.serve().await.unwrap());
    let fill_in = |entries: &'static [&'static str]| {
        let set = entries.iter().flat_map(|entry| ["--set", *entry]);
        ["migrate", "checklist", "contacts", "--yes", "--json"].into_iter().chain(set).collect::<Vec<_>>()
    };
    let some = fill_in(&["database-admin=Kim Minji,02-111-2222", "backup-location=nas-2, shelf 3"]);
    let report = run_json(&clinic, &some).await;
    assert_eq!(report["contacts_missing"], json!(["application-owner", "rollback-authority"]), "{report}");
    assert_eq!(item(&report, "before_migration", "contacts-filled")["done"], Value::Null);
    let unfit = clinic.run(&fill_in(&["application-owner=Lee"])).await.unwrap();
    assert!(unfit.code == Some(2) && unfit.stderr.contains("needs a way to be reached"), "{unfit:?}");

    run_json(&clinic, &fill_in(&["application-owner=Lee,02-3", "rollback-authority=Dr. Park,02-4"])).await;
    let report = run_json(&clinic, &fill_in(&["database-admin=Choi,02-555-6666"])).await;
    let filled = &item(&report, "before_migration", "contacts-filled")["done"];
    assert_eq!(filled["evidence"], "4 of 4 required", "{report}");
    let admin = &report["contacts"][0];
    assert_eq!((&admin["name"], &admin["reach"]), (&json!("Choi"), &json!("02-555-6666")));
    let text = clinic.run(&["migrate", "checklist", "contacts"]).await.unwrap().stdout;
    assert!(text.contains("nas-2, shelf 3") && !text.contains("not filled in"), "{text}");
    let log = clinic.run(&["events", "tail", "--last", "1000"]).await.unwrap();
    assert_eq!(log.code, Some(0), "{log:?}");
    assert_eq!(log.stdout.matches("ChecklistItemDone").count(), 1, "{}", log.stdout);
    for secret in ["Kim Minji", "111-2222", "Choi", "555-6666", "Dr. Park", "nas-2"] {
        assert!(!log.stdout.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_items_that_daybook_cannot_observe_are_ticked_by_hand_with_evidence() {
    let clinic = Installation::open().await.unwrap();
    drop(clinic.serve().await.unwrap());
    for (seen, way) in [
        ("backup-made", "daybook backup FOLDER"),
        ("restore-tested", "daybook restore FOLDER --verify"),
        ("contacts-filled", "contacts --set"),
    ] {
        let tick = ["migrate", "checklist", "done", seen, "--evidence", "trust me", "--yes"];
        let refused = clinic.run(&tick).await.unwrap();
        assert!(refused.code == Some(2) && refused.stderr.contains(way), "{seen}: {refused:?}");
    }
    let tick = |evidence| ["migrate", "checklist", "done", "team-trained", "--evidence", evidence, "--json"];
    let unconfirmed = clinic.run(&tick("drill of 2026-11-20")).await.unwrap();
    assert_eq!(unconfirmed.code, Some(2), "{unconfirmed:?}");
    let empty = clinic.run(&[&tick(" ")[..], &["--yes"]].concat()).await.unwrap();
    assert!(empty.code == Some(2) && empty.stderr.contains("--evidence"), "{empty:?}");
    let before = run_json(&clinic, &["migrate", "checklist", "list", "--json"]).await;
    assert_eq!(item(&before, "before_migration", "team-trained")["done"], Value::Null);
    run_json(&clinic, &[&tick("drill of 2026-11-20")[..], &["--yes"]].concat()).await;
    let report = run_json(&clinic, &["migrate", "checklist", "--json"]).await;
    let trained = &item(&report, "before_migration", "team-trained")["done"];
    assert_eq!(trained["evidence"], "drill of 2026-11-20", "{report}");
    assert!(trained["actor"].as_str().unwrap().starts_with("cli:"), "{trained}");
    assert!(trained["recorded_at"].is_string(), "{trained}");
    let text = clinic.run(&["migrate", "checklist"]).await.unwrap().stdout;
    assert!(text.contains("[x]  team-trained") && text.contains("[ ]  monitoring-ready"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_final_backup_must_be_made_after_the_dynamic_stage_began() {
    let clinic = Installation::open().await.unwrap();
    drop(clinic.serve().await.unwrap());
    let backups = tempfile::tempdir().unwrap();
    let back_up = async |name: &str| {
        let backup_path = backups.path().join(name);
        run_json(&clinic, &["backup", backup_path.to_str().unwrap(), "--json"]).await["recorded_at"].clone()
    };
    let last = async || {
        let report = run_json(&clinic, &["migrate", "checklist", "--json"]).await;
        item(&report, "before_cleanup", "backup-made")["done"]["position"].clone()
    };
    let set = |percent| ["reads", "set", "--dynamic", percent, "--reason", "go", "--yes", "--json"];
    back_up("before").await;
    run_json(&clinic, &set("100")).await;
    assert_eq!(last().await, Value::Null);
    assert_eq!(back_up("after").await, last().await);
    run_json(&clinic, &set("50")).await;
    assert_eq!(last().await, Value::Null);
}
