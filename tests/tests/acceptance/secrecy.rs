//! Patient details appear only in the views: not in the log's tables, and not in the output.

use std::collections::{BTreeMap, BTreeSet};

use daybook_tests::process::{Installation, Service};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::client::{EXPORT, EXPORT_ROWS, RESERVATIONS, client, form, send, wait_until, working_day};
use crate::tables::{VIEWS, bytes_of, ids};

/// Reservations of the export and of later bookings over HTTP.
const ALL: usize = EXPORT_ROWS + 4;

/// Schemas that must not contain patient details, and their minimum number of tables.
const SEALED: ([&str; 3], usize) = (["event_log", "privacy", "control"], 4);

/// Enables all log lines, including those of dependencies.
const EVERYTHING: [(&str, &str); 1] = [("RUST_LOG", "trace")];

/// The form of one patient, with a unique phone number.
fn secret_form(patient: usize, start: &str) -> Value {
    let mut form = form(patient, "OTHER_CONSULTATION", working_day(5), start);
    for (field, value) in [
        ("patient_name", format!("Secretname{patient} 남궁{patient}")),
        ("email", format!("secret.{patient}@mail.example")),
        ("birth_date", format!("19{:02}-11-23", 40 + patient)),
        ("notes", format!("비밀 note of {patient}")),
    ] {
        form[field] = json!(value);
    }
    form
}

/// All forms in which a patient's details could be written.
fn secrets(form: &Value) -> Vec<String> {
    let field = |name: &str| form[name].as_str().unwrap().to_owned();
    let (name, phone) = (field("patient_name"), field("phone"));
    let parts = name.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let digits = phone.replace('-', "");
    let texts = [name, phone, digits, field("email"), field("birth_date"), field("notes")];
    texts.into_iter().chain(parts).collect()
}

/// The details of all patients in the export.
fn imported() -> BTreeSet<String> {
    let mut secrets = BTreeSet::new();
    for record in csv::Reader::from_path(EXPORT).unwrap().deserialize::<BTreeMap<String, String>>() {
        let record = record.unwrap();
        secrets.extend(
            ["patientName", "phone", "email", "notes", "adminNotes"].map(|name| record[name].clone()),
        );
        secrets.insert(record["phone"].replace('-', ""));
        secrets.insert(record["birthDate"].split(' ').next().unwrap().to_owned());
    }
    secrets.retain(|secret| !secret.is_empty());
    secrets
}

/// Sends requests that contain patient details and are rejected, each for another reason.
async fn refused(service: &Service, secret: &Value) {
    let text = secret.to_string();
    let with = |field: &str, value: Value| {
        let mut form = secret.clone();
        form[field] = value;
        form.to_string()
    };
    let phone = secret["phone"].as_str().unwrap();
    let bodies = [
        text.trim_end_matches('}').to_owned(),
        format!("{{\"phone\":\"{phone}\",{}", text.trim_start_matches('{')),
        text.replace("\"gender\":\"FEMALE\"", &format!("\"gender\":[\"{phone}\"]")),
        with("service", json!(phone)),
        with("service", json!("NO_SUCH_SERVICE")),
        with("preferred_date", json!("2025-02-30")),
        with("preferred_date", json!(format!("{phone} 2025"))),
        with("preferred_time", json!("23:00")),
        with("gender", json!(secret["patient_name"])),
        with("email", json!(phone)),
        with("phone", json!(format!("{phone}-{phone}"))),
    ];
    for body in bodies {
        let post = client().post(service.url(RESERVATIONS)).header(CONTENT_TYPE, "application/json");
        let response = send(post.body(body)).await.unwrap();
        assert!((400..500).contains(&response.status), "{response:?}");
    }
    let key = client().post(service.url(RESERVATIONS)).header("Idempotency-Key", phone).json(secret);
    let repeated = send(key.try_clone().unwrap()).await.unwrap().ok();
    assert_eq!(send(key).await.unwrap().ok().id(), repeated.id());
    let birth_date = secret["birth_date"].as_str().unwrap();
    for path in [
        format!("/api/public/reservations/check?phone={phone}&birth_date={birth_date}"),
        format!("/api/public/reservations/check?phone={phone}"),
        format!("/api/reservations?search={phone}"),
        format!("/nowhere/{phone}"),
    ] {
        send(client().get(service.url(&path))).await.unwrap();
    }
}

/// The secrets that occur in plain text in these bytes.
fn found(secrets: &BTreeSet<String>, bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    secrets.iter().filter(|secret| text.contains(secret.as_str())).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn patient_details_appear_neither_in_the_log_tables_nor_in_the_output() {
    let clinic = Installation::open().await.unwrap();
    let import = ["import", "run", "--csv", EXPORT, "--yes"];
    let import = clinic.run_with(&import, &EVERYTHING).await.unwrap();
    assert_eq!(import.code, Some(0), "the import failed");
    let mut service = clinic.serve_with(&EVERYTHING).await.unwrap();
    let forms = [secret_form(1, "09:00"), secret_form(2, "오후"), secret_form(3, "비밀 note of 3, 저녁에")];
    for form in &forms {
        send(client().post(service.url(RESERVATIONS)).json(form)).await.unwrap().ok();
    }
    let another = secret_form(4, "11:00");
    refused(&service, &another).await;

    let mut secrets = imported();
    secrets.extend(forms.iter().chain([&another]).flat_map(self::secrets));
    let database = clinic.connect().await.unwrap();
    for view in VIEWS {
        wait_until("both views to hold the bookings", async || match ids(&database, view).await.len() {
            ALL => Ok(()),
            count => Err(format!("{count} in {view}")),
        })
        .await;
    }
    let (tables, bytes) = bytes_of(&database, &SEALED.0).await;
    assert!(tables.len() >= SEALED.1 && String::from_utf8_lossy(&bytes).contains("ReservationImported"));
    assert_eq!(found(&secrets, &bytes), [""; 0], "{tables:?} contain these in plain text");

    service.signal(nix::sys::signal::Signal::SIGTERM).unwrap();
    service.wait_for_exit().await.unwrap();
    let mut outputs = vec![service.output(), import.stdout, import.stderr];
    for command in [&["projection", "verify"][..], &["events", "tail"], &["projection", "rebuild", "--yes"]] {
        let output = clinic.run_with(command, &EVERYTHING).await.unwrap();
        assert_eq!(output.code, Some(0), "{command:?}");
        outputs.extend([output.stdout, output.stderr]);
    }
    for text in outputs {
        assert_eq!(found(&secrets, text.as_bytes()), [""; 0], "the output contains these");
    }
    assert!(service.output().contains(" TRACE "), "the scan must see all lines");
    assert_views_show(&database, &secrets).await;
}

/// Checks that the same scan finds nearly all of them in the views. A broken scan would find none anywhere.
async fn assert_views_show(database: &tokio_postgres::Client, secrets: &BTreeSet<String>) {
    for view in ["legacy_2", "dynamic_2"] {
        let (_, bytes) = bytes_of(database, &[view]).await;
        // The views hold numbers as typed, with dashes.
        let seen: BTreeSet<String> = found(secrets, &bytes).into_iter().collect();
        let unseen: Vec<&String> =
            secrets.difference(&seen).filter(|secret| !is_bare_number(secret)).collect();
        assert_eq!(unseen, [""; 0], "{view} does not contain these");
    }
}

fn is_bare_number(secret: &str) -> bool {
    secret.bytes().all(|byte| byte.is_ascii_digit())
}
