//! An old log with events that no view can hold: `tests/fixtures/poisoned_log` holds it, and its README says which.
//!
//! Nothing here may repair the log: an event stays where it is, and only an operator's decision leaves it out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};
use daybook_tests::process::{CommandOutput, Installation, Service};
use daybook_tests::psql;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::client::{RESERVATIONS, Response, client, form, get, send, wait_until, working_day};
use crate::tables::{VIEWS, wait_for};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/poisoned_log");

/// Positions of the events that neither view can hold, and of the one that the dynamic view cannot hold.
const POISON: [i64; 8] = [24, 27, 30, 31, 32, 33, 34, 39];
const PRICE: i64 = 35;

/// The secrets are read from the files in the data dir: an empty variable counts as none.
const SECRETS_FROM_FILES: [(&str, &str); 2] = [("DAYBOOK_MASTER_KEY", ""), ("DAYBOOK_JWT_SECRET", "")];

struct OldClinic(Installation);

impl OldClinic {
    async fn empty() -> Self {
        let clinic = Installation::open().await.unwrap();
        fs::create_dir_all(clinic.data_dir()).unwrap();
        for secret in ["master.key", "jwt.secret"] {
            let copy = clinic.data_dir().join(secret);
            fs::copy(Path::new(FIXTURE).join(secret), &copy).unwrap();
            fs::set_permissions(copy, Permissions::from_mode(0o600)).unwrap();
        }
        Self(clinic)
    }

    async fn load() -> Self {
        let clinic = Self::empty().await;
        let url = clinic.0.url_with_application_name("fixture").unwrap();
        psql::load_dump(&url, &Path::new(FIXTURE).join("database.dump"), &[]).await.unwrap();
        clinic
    }

    async fn run(&self, arguments: &[&str]) -> CommandOutput {
        self.0.run_with(arguments, &SECRETS_FROM_FILES).await.unwrap()
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat()).await;
        output.json().unwrap_or_else(|error| panic!("{arguments:?}: {error:#}"))
    }

    async fn serve(&self) -> Service {
        self.0.serve_with(&SECRETS_FROM_FILES).await.unwrap()
    }

    async fn connect(&self) -> Client {
        self.0.connect().await.unwrap()
    }

    /// Books, and waits until both views show it.
    async fn book(&self, service: &Service, patient: usize) {
        let form = form(patient, "OTHER_CONSULTATION", working_day(100 + patient), "09:00");
        let booked = send(client().post(service.url(RESERVATIONS)).json(&form)).await.unwrap().ok();
        wait_for(&self.connect().await, &[booked.id().to_owned()].into()).await;
    }

    /// The failed events of the live generation of a view.
    async fn failed(&self, view: &str) -> Vec<i64> {
        let sql = "SELECT p.commit_position FROM control.parked_events p JOIN control.generations g USING (model, number)
                   WHERE g.state = 'live' AND g.model = $1 AND p.cause IS NOT NULL ORDER BY 1";
        let rows = self.connect().await.query(sql, &[&view]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// All rows of the live generation of a view.
    async fn rows(&self, view: &str) -> BTreeMap<String, Vec<String>> {
        let database = self.connect().await;
        let live =
            "SELECT model || '_' || number FROM control.generations WHERE state = 'live' AND model = $1";
        let schema: String = database.query_one(live, &[&view]).await.unwrap().get(0);
        let names = "SELECT tablename::text FROM pg_tables WHERE schemaname = $1";
        let mut tables = BTreeMap::new();
        for name in database.query(names, &[&schema]).await.unwrap() {
            let name: String = name.get(0);
            let sql = format!("SELECT t::text FROM {schema}.{name} t ORDER BY 1");
            let rows = database.query(&sql, &[]).await.unwrap();
            tables.insert(name, rows.iter().map(|row| row.get(0)).collect());
        }
        tables
    }
}

/// Whether a text names the place of a parked event, its cause, and how to go on.
#[track_caller]
fn assert_tells(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_serves_books_and_rebuilds_and_says_what_is_parked_until_that_is_discarded() {
    let old = OldClinic::load().await;
    let mut service = old.serve().await;
    old.book(&service, 1).await;
    for view in VIEWS {
        assert_eq!(old.failed(view).await[..POISON.len() - 1], POISON[..POISON.len() - 1], "{view}");
        assert!(old.failed(view).await.contains(&39), "{view}");
    }
    assert!(old.failed("dynamic").await.contains(&PRICE));
    assert_all_say_so(&old, &service).await;

    let mut before = Vec::new();
    for view in VIEWS {
        before.push(old.rows(view).await);
    }
    let rebuilt = old.json(&["projection", "rebuild", "all", "--yes"]).await;
    assert_eq!(rebuilt["parked"]["events"][0]["position"], json!("24"), "{rebuilt}");
    assert_eq!(rebuilt["compared"], false, "the views lack different events: {rebuilt}");
    for (view, before) in VIEWS.into_iter().zip(before) {
        assert_eq!(old.rows(view).await, before, "{view}");
    }
    old.book(&service, 2).await;
    let again = old.run(&["projection", "rebuild", "legacy", "--yes"]).await;
    assert_tells(
        &again.stdout,
        &["Position 39, ClinicHoursSet of hours-main", "SQLSTATE 21000", "parked discard"],
    );

    discard_everything(&old).await;
    let verdict = old.json(&["projection", "verify"]).await;
    assert_eq!((&verdict["agrees"], verdict.get("parked")), (&json!(true), None), "{verdict}");
    let rebuilt = old.json(&["projection", "rebuild", "all", "--yes"]).await;
    assert_eq!((&rebuilt["compared"], &rebuilt["parked"]["failing"]), (&json!(true), &json!(0)), "{rebuilt}");
    let audit = old.run(&["projection", "audit"]).await;
    assert_eq!(audit.code, Some(0), "{audit:?}");
    let saturday = r#"SELECT "endTime" FROM legacy.clinic_time_slots WHERE "dayOfWeek" = 6"#;
    let end: String = old.connect().await.query_one(saturday, &[]).await.unwrap().get(0);
    assert_eq!(end, "14:00", "the sound change that waited is applied");
    let ready = get(&client(), &service, "/readyz").await.unwrap();
    assert!(!ready.body.to_string().contains("parked"), "{}", ready.body);
    service.kill().await.unwrap();
}

async fn assert_all_say_so(old: &OldClinic, service: &Service) {
    let ready = get(&client(), service, "/readyz").await.unwrap();
    let legacy = &ready.body["checks"]["legacy"];
    let reason = "the view shows no later change of a whole stream";
    assert_eq!((ready.status, &legacy["reason"]), (503, &json!(reason)), "{}", ready.body);
    assert_eq!(legacy["heldUpStreams"], json!(["hours-main"]), "{}", ready.body);
    assert!(legacy["parkedEvents"].as_u64().unwrap() >= POISON.len() as u64, "{}", ready.body);
    assert_tells(legacy["next"].as_str().unwrap(), &["daybook projection parked list"]);

    let status = old.run(&["status"]).await.stdout;
    let words =
        ["nothing newer of hours-main is applied", "position 39", "SQLSTATE 21000", "parked discard 24"];
    assert_tells(&status, &words);
    let status = old.json(&["status"]).await;
    let held_up: BTreeSet<&str> = status["parked_events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["held_up"].as_str().unwrap())
        .collect();
    assert!(held_up.contains("hours-main") && held_up.contains("catalog-main"), "{status}");
    // The dynamic view lacks a service and its booking, so the views differ, and the reason is given.
    let verify = old.run(&["projection", "verify"]).await;
    assert_eq!(verify.code, Some(1), "{verify:?}");
    assert_tells(
        &verify.stdout,
        &["nothing newer of catalog-main is applied", "position 35", "SQLSTATE 22003"],
    );
    let dry_run = old.run(&["projection", "rebuild", "all", "--dry-run"]).await;
    assert_eq!(dry_run.code, Some(1), "{dry_run:?}");
    for position in POISON.iter().chain([&PRICE]) {
        assert!(dry_run.stdout.contains(&format!("{position}")), "{position}: {}", dry_run.stdout);
    }
    let restarted = old.serve().await;
    assert_tells(&restarted.output(), &["daybook projection parked show 39"]);
}

/// Discards what fails, one event after the other, as `parked list` names them. A booking is retried instead.
async fn discard_what_fails(old: &OldClinic) -> Vec<i64> {
    let mut discarded = Vec::new();
    loop {
        let listed = old.json(&["projection", "parked", "list"]).await;
        let groups = listed.as_array().unwrap();
        if groups.is_empty() {
            break;
        }
        let group = groups.iter().find(|group| group["kind"] != "ReservationRequested");
        match group {
            Some(group) => {
                let position = group["position"].as_str().unwrap().to_owned();
                old.json(&[
                    "projection",
                    "parked",
                    "discard",
                    &position,
                    "--reason",
                    "no view holds it",
                    "--yes",
                ])
                .await;
                discarded.push(position.parse::<i64>().unwrap());
            }
            None => drop(old.json(&["projection", "parked", "retry", "--all", "--yes"]).await),
        }
    }
    discarded.sort_unstable();
    discarded
}

/// Discards what fails in the log of the fixture.
async fn discard_everything(old: &OldClinic) {
    assert_eq!(discard_what_fails(old).await, [&POISON[..7], &[PRICE, 39, 41, 42]].concat());
}

/// How long a running process may decide with an event after it is discarded.
const DISCARD_DELAY: Duration = Duration::from_secs(2);

impl OldClinic {
    /// A request with the token of an administrator.
    async fn administer(&self, request: RequestBuilder, body: Value) -> Response {
        let token = self.run(&["token", "--role", "ADMIN", "--subject", "desk"]).await;
        send(request.bearer_auth(token.stdout.trim()).json(&body)).await.unwrap()
    }
}

/// The free starts of a day.
async fn offered(service: &Service, day: NaiveDate) -> Vec<String> {
    let path = format!("{RESERVATIONS}/time-slots?service=OTHER_CONSULTATION&date={day}");
    let answer = get(&client(), service, &path).await.unwrap();
    if answer.code() == "NO_CLINIC_HOURS" {
        return vec![];
    }
    let body = answer.ok().body;
    let slots = body["slots"].as_array().unwrap_or_else(|| panic!("{body}"));
    let free = slots.iter().filter(|slot| slot["available"] == json!(true));
    free.map(|slot| slot["time"].as_str().unwrap().to_owned()).collect()
}

/// The code with which a booking is refused; empty if it is recorded.
async fn refusal(service: &Service, form: Value) -> String {
    let booked = send(client().post(service.url(RESERVATIONS)).json(&form)).await.unwrap();
    booked.code().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_discarded_is_neither_offered_nor_booked_and_the_right_value_can_follow() {
    let old = OldClinic::load().await;
    let mut services = vec![old.serve().await, old.serve().await];
    old.json(&["reads", "set", "--dynamic", "100", "--reason", "prices", "--yes"]).await;
    let sunday = working_day(150).iter_days().find(|day| day.weekday() == Weekday::Sun).unwrap();
    let visit = |patient, time: &str| form(patient, "OTHER_CONSULTATION", sunday, time);
    // Both processes know the hours that no view can hold.
    assert_eq!(refusal(&services[0], visit(1, "09:00")).await, "");
    assert_eq!(refusal(&services[1], visit(2, "10:00")).await, "");
    discard_everything(&old).await;
    tokio::time::sleep(DISCARD_DELAY).await;
    services.push(old.serve().await);
    let premium = |patient, time: &str| form(patient, "PREMIUM_CARE", working_day(160), time);
    for (patient, service) in (3..).zip(&services) {
        assert_eq!(offered(service, sunday).await, Vec::<String>::new());
        assert_eq!(refusal(service, visit(patient, "11:00")).await, "NO_CLINIC_HOURS");
        let listed = get(&client(), service, "/api/public/services").await.unwrap().ok();
        assert!(!listed.body.to_string().contains("PREMIUM_CARE"), "{}", listed.body);
        assert_eq!(refusal(service, premium(patient, "09:00")).await, "UNKNOWN_SERVICE");
    }

    let right =
        json!({"code": "PREMIUM_CARE", "name": "프리미엄 관리", "durationMinutes": 30, "basePrice": 300_000});
    old.administer(client().post(services[0].url("/api/admin/services")), right).await.ok();
    let morning = json!({"period": "MORNING", "startTime": "09:00", "endTime": "12:00", "maxConcurrent": 1});
    let hours = json!({"dayOfWeek": 0, "slots": [morning]});
    old.administer(client().put(services[1].url("/api/admin/clinic-hours")), hours).await.ok();
    let next_sunday = sunday + TimeDelta::days(7);
    for (patient, service) in (9..).zip(&services) {
        wait_until("the views to show the hours", async || {
            let starts = offered(service, next_sunday).await;
            starts.first().cloned().ok_or_else(|| "nothing is offered".to_owned())
        })
        .await;
        let starts = offered(service, next_sunday).await;
        let booked = form(patient, "OTHER_CONSULTATION", next_sunday, starts.last().unwrap());
        assert_eq!(refusal(service, booked).await, "", "{starts:?}");
        let not_offered = form(patient + 20, "OTHER_CONSULTATION", next_sunday, "14:00");
        assert_ne!(refusal(service, not_offered).await, "", "{starts:?}");
        let time = format!("{patient:02}:00");
        assert_eq!(refusal(service, premium(patient + 10, &time)).await, "");
    }
    assert_eq!(old.json(&["projection", "verify"]).await["agrees"], true);
}

fn folder(old: &OldClinic) -> PathBuf {
    old.0.data_dir().join("backup")
}

#[tokio::test(flavor = "multi_thread")]
async fn its_backup_is_verified_and_restored_and_serves_with_the_same_events_parked() {
    let old = OldClinic::load().await;
    let mut service = old.serve().await;
    old.book(&service, 1).await;
    let path = folder(&old).to_str().unwrap().to_owned();
    old.json(&["backup", &path]).await;
    service.kill().await.unwrap();
    let verified = old.json(&["restore", &path, "--verify"]).await;
    assert_eq!(verified["agrees"], true, "{verified}");
    assert_eq!(verified["parked"]["events"][0]["position"], json!("24"), "{verified}");
    let verified = old.run(&["restore", &path, "--verify"]).await;
    assert_tells(&verified.stdout, &["Position 39, ClinicHoursSet of hours-main", "parked discard"]);

    let new = OldClinic::empty().await;
    let restored = new.run(&["restore", &path, "--yes"]).await;
    assert_eq!(restored.code, Some(0), "{restored:?}");
    let words = ["is restored", "Position 24, TimeClosed of daybook-", "SQLSTATE 22008", "daybook serve"];
    assert_tells(&restored.stdout, &words);
    let mut service = new.serve().await;
    new.book(&service, 2).await;
    for view in VIEWS {
        assert_eq!(new.failed(view).await, old.failed(view).await, "{view}");
    }
    discard_everything(&new).await;
    is_ready(&service).await;

    // What was discarded stays so in the next backup.
    let path = folder(&new).to_str().unwrap().to_owned();
    new.json(&["backup", &path]).await;
    service.kill().await.unwrap();
    let next = OldClinic::empty().await;
    let restored = next.run(&["restore", &path, "--yes"]).await;
    let discarded = POISON[..7].len() + 4;
    let words = format!("Discarded before the backup, and still left out: {discarded} events.");
    assert_tells(&restored.stdout, &["is restored", &words, "daybook serve"]);
    assert!(!restored.stdout.contains("parked discard"), "{}", restored.stdout);
    is_ready(&next.serve().await).await;
}

async fn is_ready(service: &Service) {
    wait_until("the restored service to be ready", async || {
        match get(&client(), service, "/readyz").await.unwrap() {
            ready if ready.status == 200 => Ok(()),
            other => Err(other.body.to_string()),
        }
    })
    .await;
}

/// The views are gone, as after a lost server whose log and keys were saved.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_views_it_comes_up_with_the_events_parked() {
    let old = OldClinic::load().await;
    let drop_views =
        "DROP SCHEMA legacy_1 CASCADE; DROP SCHEMA dynamic_1 CASCADE; DELETE FROM control.generations";
    old.connect().await.batch_execute(drop_views).await.unwrap();
    let service = old.serve().await;
    old.book(&service, 1).await;
    assert_eq!(old.failed("legacy").await, POISON);
    assert_tells(&service.output(), &["daybook projection parked show 39"]);
    discard_everything(&old).await;
    assert_eq!(old.json(&["projection", "verify"]).await["agrees"], true);
}

/// Events that no release can decode, with values that none has ever accepted, and of an unknown type.
const FOREIGN: [(&str, &str, &str); 4] = [
    ("hours-main", "SomethingFancy", "{}"),
    ("catalog-main", "SomethingFancy", "{}"),
    (
        "hours-main",
        "ClinicHoursSet",
        r#"{"day_of_week": 1, "slots": [{"id": "m", "period": "MORNING", "start": "09:00", "end": "12:00", "slot_interval": 0,
            "max_concurrent": 4294967295, "service": null, "effective_from": null, "effective_until": null}]}"#,
    ),
    (
        "catalog-main",
        "ServiceRetimed",
        r#"{"service": "srv_other_consultation", "duration": 0, "buffer": 4294967295}"#,
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_decoded_in_the_hours_or_the_catalog_does_not_stop_the_start() {
    for (stream, kind, payload) in FOREIGN {
        let clinic = OldClinic::empty().await;
        let mut service = clinic.serve().await;
        service.kill().await.unwrap();
        let plant = format!(
            "INSERT INTO event_log.events (position, revision, event_id, stream, kind, payload, metadata)
             SELECT max(position) + 1, max(revision) FILTER (WHERE stream = '{stream}') + 1, gen_random_uuid(), '{stream}',
                    '{kind}', '{payload}', (SELECT metadata FROM event_log.events LIMIT 1) FROM event_log.events"
        );
        clinic.connect().await.batch_execute(&plant).await.unwrap();
        let mut service = clinic.serve().await;
        wait_until("the views to park the event", async || {
            let ready = get(&client(), &service, "/readyz").await.unwrap();
            let held_up = &ready.body["checks"]["legacy"]["heldUpStreams"];
            if *held_up == json!([stream]) { Ok(()) } else { Err(ready.body.to_string()) }
        })
        .await;
        let status = clinic.run(&["status"]).await.stdout;
        assert_tells(
            &status,
            &["parked discard", if payload == "{}" { "unknown" } else { "no release has ever accepted" }],
        );
        assert_eq!(discard_what_fails(&clinic).await.len(), 1);
        clinic.json(&["projection", "rebuild", "all", "--yes"]).await;
        assert_eq!(clinic.json(&["projection", "verify"]).await["agrees"], true);
        service.kill().await.unwrap();
        let service = clinic.serve().await;
        clinic.book(&service, 1).await;
    }
}
