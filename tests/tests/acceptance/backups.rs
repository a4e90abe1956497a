//! Backups as an operator makes them: during bookings, verified, damaged, and restored into an empty database.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use daybook_log_server::{Options, Server};
use daybook_tests::postgres::TestDatabase;
use daybook_tests::process::{CommandOutput, Installation, LogKind};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio_postgres::Client;

use crate::client::{EXPORT, EXPORT_ROWS, RESERVATIONS, client, form, send, wait_until, working_day};
use crate::load::{Load, Tolerance};
use crate::tables::{VIEWS, ids, wait_for};

const FILES: [&str; 4] = ["database.dump", "log.jsonl", "manifest.json", "migrations.dump"];

/// Concurrent clients during a backup, and the number of bookings acknowledged before it.
const CLIENTS: usize = 4;
const BOOKINGS_BEFORE: usize = 20;

/// A temporary folder for backups.
struct BackupFolder(TempDir);

impl BackupFolder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path_of(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }
}

async fn run_json(clinic: &Installation, arguments: &[&str]) -> Value {
    clinic.run(arguments).await.unwrap().json().unwrap()
}

async fn import(clinic: &Installation) {
    run_json(clinic, &["import", "run", "--csv", EXPORT, "--yes", "--json"]).await;
}

/// The position of the event that completed a checklist item; null if there is none.
async fn completion_position(clinic: &Installation, item: &str) -> Value {
    let report = run_json(clinic, &["migrate", "checklist", "--json"]).await;
    let lines = report["before_migration"].as_array().unwrap();
    lines.iter().find(|line| line["item"] == item).unwrap()["done"]["position"].clone()
}

/// Number of scratch databases of an installation's database.
async fn scratch_databases(database: &Client) -> i64 {
    let sql = "SELECT count(*) FROM pg_database WHERE datname = 'daybook_restore_' ||
               (SELECT oid FROM pg_database WHERE datname = current_database())";
    database.query_one(sql, &[]).await.unwrap().get(0)
}

fn flip_bit(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Changes the contents of a manifest and updates its checksum.
fn rewrite_manifest(folder: &str, change: impl FnOnce(&mut Value)) {
    let path = Path::new(folder).join("manifest.json");
    let mut envelope: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut envelope["manifest"]);
    let raw = serde_json::to_string(&envelope["manifest"]).unwrap();
    let sha256 = checksum(raw.as_bytes());
    fs::write(&path, format!("{{\"daybook_backup\":1,\"manifest\":{raw},\"sha256\":\"{sha256}\"}}\n"))
        .unwrap();
}

fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn copy(from: &str, to: &str) {
    fs::create_dir(to).unwrap();
    for file in FILES {
        fs::copy(Path::new(from).join(file), Path::new(to).join(file)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_under_load_verifies_and_contains_all_earlier_bookings() {
    let (clinic, backups, load) = (Installation::open().await.unwrap(), BackupFolder::new(), Load::default());
    import(&clinic).await;
    let imported: BTreeSet<String> =
        ids(&clinic.connect().await.unwrap(), "dynamic").await.into_iter().collect();
    let mut service = clinic.serve().await.unwrap();
    let clients = load.start(&service, CLIENTS, Tolerance::Unavailable);
    load.wait_for_acknowledged(BOOKINGS_BEFORE).await;
    let before: BTreeSet<String> = load.acknowledged().union(&imported).cloned().collect();

    let backup_path = backups.path_of("monday");
    let made = run_json(&clinic, &["backup", &backup_path, "--json"]).await;
    load.wait_for_acknowledged(1).await;
    let verified = run_json(&clinic, &["restore", &backup_path, "--verify", "--json"]).await;
    load.wait_for_acknowledged(1).await;
    load.stop();
    clients.join_all().await;

    assert_eq!((&verified["agrees"], &verified["head"]), (&json!(true), &made["head"]), "{verified}");
    assert_eq!((&verified["log"]["events"], &verified["log"]["difference"]), (&made["events"], &Value::Null));
    assert_eq!(verified["views"].as_array().unwrap().len(), VIEWS.len(), "{verified}");
    assert_eq!(completion_position(&clinic, "backup-made").await, made["recorded_at"]);
    assert_eq!(completion_position(&clinic, "restore-tested").await, verified["recorded_at"]);
    assert_eq!(scratch_databases(&clinic.connect().await.unwrap()).await, 0);
    assert!(load.acknowledged().len() > before.len() - imported.len(), "bookings must continue meanwhile");
    service.kill().await.unwrap();

    let empty = TestDatabase::empty().await.unwrap();
    let target = [("DATABASE_URL", empty.url())];
    let target = target.each_ref().map(|(name, value)| (*name, value.as_str()));
    clinic.run_with(&["restore", &backup_path, "--yes", "--json"], &target).await.unwrap().json().unwrap();
    let restored = clinic.serve_with(&target).await.unwrap();
    let database = empty.connect().await.unwrap();
    wait_for(&database, &before).await;
    let form = form(9_999, "OTHER_CONSULTATION", working_day(200), "09:00");
    let booked = send(client().post(restored.url(RESERVATIONS)).json(&form)).await.unwrap().ok();
    wait_for(&database, &[booked.id().to_owned()].into()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_readable_only_by_its_owner_and_contains_no_patient_details() {
    let (clinic, backups) = (Installation::open().await.unwrap(), BackupFolder::new());
    import(&clinic).await;
    let backup_path = backups.path_of("monday");
    run_json(&clinic, &["backup", &backup_path, "--json"]).await;
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(backup_path.clone().into()), 0o700);
    let database = clinic.connect().await.unwrap();
    let sql = "SELECT DISTINCT unnest(ARRAY[\"patientName\", phone]) FROM dynamic.reservations";
    let secrets: Vec<String> = database.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert!(secrets.len() > EXPORT_ROWS / 2, "{}", secrets.len());
    // The dump is compressed, so its text form from pg_restore is searched.
    let script = std::process::Command::new("pg_restore")
        .args(["--file=-", &format!("{backup_path}/database.dump")])
        .output()
        .unwrap();
    assert!(script.status.success() && script.stdout.len() > 10_000);
    let mut texts = vec![script.stdout];
    for file in FILES {
        assert_eq!(mode(Path::new(&backup_path).join(file)), 0o600, "{file}");
        texts.push(fs::read(Path::new(&backup_path).join(file)).unwrap());
    }
    let mut entries: Vec<_> =
        fs::read_dir(&backup_path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    entries.sort();
    assert_eq!(entries, FILES);
    for text in texts.iter().map(|text| String::from_utf8_lossy(text)) {
        let leaked = secrets.iter().find(|secret| text.contains(secret.as_str()));
        assert_eq!(leaked, None);
    }
    let evidence = clinic.run(&["events", "show", "routing-main"]).await.unwrap().stdout;
    assert!(
        evidence.contains("monday: ") && !evidence.contains(backups.0.path().to_str().unwrap()),
        "{evidence}"
    );
    let again = clinic.run(&["backup", &backup_path]).await.unwrap();
    assert!(again.code == Some(2) && again.stderr.contains("is not empty"), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_in_any_file_fails_verification_and_records_nothing() {
    let (clinic, backups) = (Installation::open().await.unwrap(), BackupFolder::new());
    import(&clinic).await;
    let intact = backups.path_of("whole");
    run_json(&clinic, &["backup", &intact, "--json"]).await;
    for file in FILES {
        let broken = backups.path_of(&format!("broken-{file}"));
        copy(&intact, &broken);
        flip_bit(&Path::new(&broken).join(file));
        let empty = TestDatabase::empty().await.unwrap();
        for way in ["--verify", "--yes"] {
            let url = empty.url();
            let settings = if way == "--yes" { vec![("DATABASE_URL", url.as_str())] } else { vec![] };
            let CommandOutput { code, stderr, .. } =
                clinic.run_with(&["restore", &broken, way], &settings).await.unwrap();
            assert_eq!(code, Some(1), "{file} {way}: {stderr}");
            let names_it = stderr.contains(file) || (file == "manifest.json" && stderr.contains("manifest"));
            assert!(names_it, "{file} {way}: {stderr}");
        }
        let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'event_log'";
        let made: i64 = empty.connect().await.unwrap().query_one(schemas, &[]).await.unwrap().get(0);
        assert_eq!(made, 0, "{file}");
    }
    assert_eq!(completion_position(&clinic, "restore-tested").await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_with_valid_checksums_and_wrong_contents_fails_verification() {
    let (clinic, backups) = (Installation::open().await.unwrap(), BackupFolder::new());
    let [earlier, later] = ["earlier", "later"].map(|name| backups.path_of(name));
    import(&clinic).await;
    run_json(&clinic, &["backup", &earlier, "--json"]).await;
    run_json(&clinic, &["reads", "set", "--dynamic", "5", "--reason", "a test", "--yes", "--json"]).await;
    run_json(&clinic, &["backup", &later, "--json"]).await;

    // A dump without some events of the export, one with additional events, and views at another state.
    for (name, intact, dump_of) in [("behind", &later, &earlier), ("ahead", &earlier, &later)] {
        let forged = backups.path_of(name);
        copy(intact, &forged);
        let dump = fs::read(Path::new(dump_of).join(FILES[0])).unwrap();
        fs::write(Path::new(&forged).join(FILES[0]), &dump).unwrap();
        let file = json!({"name": FILES[0], "bytes": dump.len(), "sha256": checksum(&dump)});
        rewrite_manifest(&forged, |manifest| manifest["files"][0] = file);
    }
    for name in ["digest", "fewer"] {
        let forged = backups.path_of(name);
        copy(&later, &forged);
        rewrite_manifest(&forged, |manifest| {
            let view = &mut manifest["views"][1];
            match name {
                "digest" => {
                    let digest = view["digest"].as_str().unwrap();
                    let last = if digest.ends_with('0') { '1' } else { '0' };
                    view["digest"] = format!("{}{last}", &digest[..digest.len() - 1]).into();
                }
                _ => view["reservations"] = json!(EXPORT_ROWS - 1),
            }
        });
    }
    for name in ["behind", "ahead", "digest", "fewer"] {
        let verified = clinic.run(&["restore", &backups.path_of(name), "--verify", "--json"]).await.unwrap();
        assert_eq!(verified.code, Some(1), "{name}: {verified:?}");
        let verified: Value =
            serde_json::from_str(&verified.stdout).unwrap_or_else(|_| panic!("{name}: {verified:?}"));
        assert_eq!(
            (&verified["agrees"], &verified["recorded_at"]),
            (&json!(false), &Value::Null),
            "{name}: {verified}"
        );
        let is_about_the_log = !verified["log"]["difference"].is_null();
        assert_eq!(is_about_the_log, matches!(name, "behind" | "ahead"), "{name}: {verified}");
    }
    assert_eq!(completion_position(&clinic, "restore-tested").await, Value::Null);
    assert_eq!(scratch_databases(&clinic.connect().await.unwrap()).await, 0);
    assert_eq!(run_json(&clinic, &["restore", &later, "--verify", "--json"]).await["agrees"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_backup_cannot_be_restored_and_the_next_one_is_complete() {
    let (clinic, backups) = (Installation::open().await.unwrap(), BackupFolder::new());
    import(&clinic).await;
    let backup_path = backups.path_of("monday");
    let mut holder = clinic.connect().await.unwrap();
    // The dump waits for the lock on this table.
    let held = holder.transaction().await.unwrap();
    held.batch_execute("LOCK TABLE control.contacts IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let mut killed = clinic.command(&["backup", &backup_path], &[]).await.unwrap().spawn().unwrap();
    let part = format!("{backup_path}.part");
    wait_until("the dump to start", async || {
        let begun = Path::new(&part).join("database.dump.part").exists();
        if begun { Ok(()) } else { Err(format!("{part} does not exist yet")) }
    })
    .await;
    killed.kill().await.unwrap();
    held.rollback().await.unwrap();

    for folder in [&backup_path, &part] {
        let refused = clinic.run(&["restore", folder, "--verify"]).await.unwrap();
        assert_eq!(refused.code, Some(1), "{folder}: {refused:?}");
    }
    assert_eq!(completion_position(&clinic, "backup-made").await, Value::Null);
    run_json(&clinic, &["backup", &backup_path, "--json"]).await;
    assert!(!Path::new(&part).exists());
    assert_eq!(run_json(&clinic, &["restore", &backup_path, "--verify", "--json"]).await["agrees"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_database_is_restored_only_into_a_new_data_dir_with_equal_digests() {
    let (clinic, backups) = (Installation::private().await.unwrap(), BackupFolder::new());
    import(&clinic).await;
    let backup_path = backups.path_of("monday");
    let made = run_json(&clinic, &["backup", &backup_path, "--json"]).await;
    let verified = run_json(&clinic, &["restore", &backup_path, "--verify", "--json"]).await;
    assert_eq!(verified["agrees"], true, "{verified}");

    let restore = ["restore", &backup_path, "--yes", "--json"];
    let taken = clinic.run(&restore).await.unwrap();
    assert!(taken.code == Some(2) && taken.stderr.contains("DAYBOOK_DATA_DIR"), "{taken:?}");
    let data_dir = backups.path_of("data");
    let target = [("DAYBOOK_DATA_DIR", data_dir.as_str())];
    let keyless = [target[0], ("DAYBOOK_MASTER_KEY", "")];
    let refused = clinic.run_with(&restore, &keyless).await.unwrap();
    assert!(refused.code == Some(2) && refused.stderr.contains("DAYBOOK_MASTER_KEY"), "{refused:?}");
    clinic.run_with(&restore, &target).await.unwrap().json().unwrap();
    let verified = clinic.run_with(&["projection", "verify", "--json"], &target).await.unwrap();
    let verdict = verified.json().unwrap();
    assert_eq!((&verdict["agrees"], &verdict["position"]), (&json!(true), &made["head"]), "{verdict}");
    for view in made["views"].as_array().unwrap() {
        assert_eq!(view["reservations"], EXPORT_ROWS, "{view}");
        let restored = verdict["digests"].as_object().unwrap().values();
        assert_eq!(restored.filter(|digest| **digest == view["digest"]).count(), VIEWS.len(), "{verdict}");
    }
    let service = clinic.serve_with(&target).await.unwrap();
    let form = form(1, "OTHER_CONSULTATION", working_day(3), "09:00");
    send(client().post(service.url(RESERVATIONS)).json(&form)).await.unwrap().ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_store_db_log_is_restored_from_the_export_and_the_rest_from_the_dump() {
    let (clinic, backups) =
        (Installation::open_on(LogKind::EventStoreDb).await.unwrap(), BackupFolder::new());
    import(&clinic).await;
    let backup_path = backups.path_of("monday");
    let made = run_json(&clinic, &["backup", &backup_path, "--json"]).await;
    let verified = run_json(&clinic, &["restore", &backup_path, "--verify", "--json"]).await;
    assert_eq!(
        (&verified["agrees"], &verified["log"]["events"]),
        (&json!(true), &made["events"]),
        "{verified}"
    );

    let (empty, log) =
        (TestDatabase::empty().await.unwrap(), Server::start(Options::default()).await.unwrap());
    let (database_url, log_url) = (empty.url(), log.url());
    let restore = ["restore", &backup_path, "--yes", "--json"];
    let target = [("DATABASE_URL", database_url.as_str()), ("EVENT_STORE_URL", log_url.as_str())];
    let other_kind = [target[0], ("EVENT_STORE_URL", "postgres")];
    let refused = clinic.run_with(&restore, &other_kind).await.unwrap();
    assert!(refused.code == Some(2) && refused.stderr.contains("EVENT_STORE_URL"), "{refused:?}");
    clinic.run_with(&restore, &target).await.unwrap().json().unwrap();
    let service = clinic.serve_with(&target).await.unwrap();
    let database = empty.connect().await.unwrap();
    for view in VIEWS {
        assert_eq!(ids(&database, view).await.len(), EXPORT_ROWS, "{view}");
    }
    let form = form(1, "OTHER_CONSULTATION", working_day(3), "09:00");
    let booked = send(client().post(service.url(RESERVATIONS)).json(&form)).await.unwrap().ok();
    wait_for(&database, &[booked.id().to_owned()].into()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_createdb_is_told_which_privilege_it_needs() {
    let (clinic, backups) = (Installation::open().await.unwrap(), BackupFolder::new());
    import(&clinic).await;
    let backup_path = backups.path_of("monday");
    run_json(&clinic, &["backup", &backup_path, "--json"]).await;
    let database = clinic.connect().await.unwrap();
    let role = format!("daybook_test_limited_{}", std::process::id());
    let owner: String = database.query_one("SELECT current_user::text", &[]).await.unwrap().get(0);
    database.batch_execute(&format!("CREATE ROLE {role} LOGIN; GRANT {owner} TO {role}")).await.unwrap();
    let url = clinic
        .url_with_application_name("limited")
        .unwrap()
        .replace(&format!("//{owner}@"), &format!("//{role}@"));
    let verified = clinic.run_with(&["restore", &backup_path, "--verify"], &[("DATABASE_URL", &url)]).await;
    database.batch_execute(&format!("DROP ROLE {role}")).await.unwrap();
    let verified = verified.unwrap();
    assert!(verified.code == Some(1) && verified.stderr.contains("CREATEDB"), "{verified:?}");
}
