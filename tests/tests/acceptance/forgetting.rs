//! A forgotten patient is nowhere: in no table of any schema, in no generation, in no file of the data dir, and in no later
//! backup.
//!
//! Every scan first finds the patient before the forgetting. A scan that finds nothing anywhere proves nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use chrono::NaiveDate;
use daybook_tests::process::{Installation, Service};
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use tokio_postgres::{Client, NoTls};

use crate::client::{RESERVATIONS, client, form, send, wait_until, working_day};

const PHONE: &str = "010-9134-6702";

/// All texts by which the patient could be recognised, in every spelling.
const TRACES: [&str; 10] = [
    "남궁은하수",
    "Eunhasu-Namgung",
    "010-9134-6702",
    "01091346702",
    "1091346702",
    "+821091346702",
    "eunhasu.namgung@mail.example",
    "1931-11-23",
    "견과류 알레르기가 있는 분",
    "딸이 전화함: 은하수",
];

fn patient(day: NaiveDate, time: &str) -> Value {
    let mut form = form(1, "OTHER_CONSULTATION", day, time);
    for (field, value) in [
        ("patient_name", "남궁은하수 Eunhasu-Namgung"),
        ("phone", PHONE),
        ("email", "eunhasu.namgung@mail.example"),
        ("birth_date", "1931-11-23"),
        ("notes", "견과류 알레르기가 있는 분"),
    ] {
        form[field] = json!(value);
    }
    form
}

fn traces_in(bytes: &[u8]) -> BTreeSet<&'static str> {
    // What is no text does not hide a text beside it.
    let text = String::from_utf8_lossy(bytes);
    TRACES.into_iter().filter(|trace| text.contains(trace)).collect()
}

/// The private database of a running service.
async fn connect(clinic: &Installation) -> Client {
    let socket = clinic.data_dir().join("postgres/socket");
    let files: Vec<String> = fs::read_dir(&socket)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let port = files.iter().find_map(|name| name.strip_prefix(".s.PGSQL.")?.parse().ok()).unwrap();
    let mut config = tokio_postgres::Config::new();
    config.host_path(&socket).port(port).user("daybook").dbname("daybook");
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The traces in the tables of all schemas, those of PostgreSQL included.
async fn traces_in_tables(database: &Client) -> BTreeSet<(String, &'static str)> {
    let tables = "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables ORDER BY 1";
    let mut found = BTreeSet::new();
    for table in database.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        let copy = database.copy_out(&format!("COPY {table} TO STDOUT")).await.unwrap();
        let rows: Vec<bytes::Bytes> = copy.try_collect().await.unwrap();
        found.extend(traces_in(&rows.concat()).into_iter().map(|trace| (table.clone(), trace)));
    }
    found
}

/// The traces in the files of a folder.
fn traces_in_files(folder: &Path) -> BTreeSet<(String, &'static str)> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(traces_in_files(&path));
        } else if path.is_file() {
            let name = path.display().to_string();
            let traces = traces_in(&fs::read(&path).unwrap());
            found.extend(traces.into_iter().map(|trace| (name.clone(), trace)));
        }
    }
    found
}

async fn run(clinic: &Installation, arguments: &[&str]) -> Value {
    let line = [arguments, &["--json"]].concat();
    clinic.run(&line).await.unwrap().json().unwrap_or_else(|error| panic!("{arguments:?}: {error:#}"))
}

/// Books twice for the patient, with a note by the staff, and for somebody else.
async fn book(clinic: &Installation, service: &Service, database: &Client) {
    let token = clinic.run(&["token", "--role", "ADMIN", "--subject", "desk"]).await.unwrap();
    let first = send(client().post(service.url(RESERVATIONS)).json(&patient(working_day(3), "09:00"))).await;
    let id = first.unwrap().ok().id().to_owned();
    let unread = patient(working_day(4), "딸이 전화함: 은하수");
    send(client().post(service.url(RESERVATIONS)).json(&unread)).await.unwrap().ok();
    let other = form(2, "OTHER_CONSULTATION", working_day(3), "11:00");
    send(client().post(service.url(RESERVATIONS)).json(&other)).await.unwrap().ok();
    let path = service.url(&format!("/api/reservations/{id}"));
    let note = json!({ "status": "CONFIRMED", "adminNotes": "딸이 전화함: 은하수" });
    wait_until("the view to show the booking", async || {
        let request = client().patch(&path).bearer_auth(token.stdout.trim()).json(&note);
        let changed = send(request).await.unwrap();
        if changed.status == 200 { Ok(()) } else { Err(changed.body.to_string()) }
    })
    .await;
    wait_until("both views to show the note", async || {
        let sql = r#"SELECT (SELECT count(*) FROM legacy.reservations WHERE "adminNotes" <> '')
                          + (SELECT count(*) FROM dynamic.reservations WHERE "adminNotes" <> '')"#;
        match database.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) {
            2 => Ok(()),
            count => Err(count.to_string()),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_patient_is_in_no_table_no_file_and_no_later_backup() {
    let clinic = Installation::private().await.unwrap();
    let mut service = clinic.serve().await.unwrap();
    let database = connect(&clinic).await;
    book(&clinic, &service, &database).await;
    // Each of these keeps a copy: a former generation, a past one, statistics, and the write-ahead log.
    run(&clinic, &["projection", "rebuild", "all", "--yes"]).await;
    run(&clinic, &["projection", "rebuild", "all", "--until", "1000", "--name", "monday", "--yes"]).await;
    for statement in ["ANALYZE", "CHECKPOINT"] {
        database.batch_execute(statement).await.unwrap();
    }
    let tables: BTreeSet<String> =
        traces_in_tables(&database).await.into_iter().map(|(table, _)| table).collect();
    for copy in ["legacy_1", "dynamic_1", "legacy_2", "dynamic_2", "legacy_3", "dynamic_3"] {
        assert!(tables.contains(&format!("{copy}.reservations")), "{copy} is not in {tables:?}");
    }
    assert!(tables.contains("pg_catalog.pg_statistic"), "{tables:?}");
    let files = traces_in_files(&clinic.data_dir());
    assert!(files.iter().any(|(file, _)| file.contains("pg_wal")), "{files:?}");

    let forgotten = run(&clinic, &["forget", "--phone", PHONE, "--yes"]).await;
    assert_eq!(forgotten["keys_destroyed"], 1, "{forgotten}");
    assert_eq!(forgotten["erased"]["reservations"], 8, "two in each of four: {forgotten}");
    assert_eq!(forgotten["files"]["rewritten"].as_array().unwrap().len(), 6, "{forgotten}");
    assert_eq!(traces_in_tables(&database).await, BTreeSet::new());
    drop(database);
    service.signal(nix::sys::signal::Signal::SIGTERM).unwrap();
    service.wait_for_exit().await.unwrap();
    assert_eq!(traces_in_files(&clinic.data_dir()), BTreeSet::new());

    let backup = tempfile::tempdir().unwrap();
    let folder = backup.path().join("backup");
    run(&clinic, &["backup", folder.to_str().unwrap()]).await;
    assert!(folder.join("database.dump").exists());
    assert_eq!(traces_in_files(&folder), BTreeSet::new());
    let verdict = run(&clinic, &["projection", "verify"]).await;
    assert_eq!(
        (&verdict["agrees"], &verdict["reservations"]["legacy_2"]),
        (&json!(true), &json!(3)),
        "{verdict}"
    );
    let again = run(&clinic, &["forget", "--phone", PHONE, "--yes", "--without-rewrite"]).await;
    assert_eq!((&again["keys_destroyed"], &again["files"]), (&json!(0), &Value::Null), "{again}");
}
