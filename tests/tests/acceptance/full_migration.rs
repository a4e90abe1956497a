//! The whole migration by an operator: from the old system's live database to dynamic services, to the cleanup, and
//! back, while clients book and read. No request fails, and every reservation exists at every step.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use daybook_tests::process::{CommandOutput, Installation, Service};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_postgres::Client;

use crate::client::{client, send, wait_within, working_day};
use crate::load::{Load, Tolerance};
use crate::{legacy_system, tables};

/// Copies of each of the export's 200 rows: 5,000 reservations.
const COPIES: usize = 25;

/// How many reservations were created a week ago, from the hour of the test on, and the milliseconds between them. This
/// is slower than the load books now, and lasts longer than the test.
const WEEK_AGO: usize = 2400;
const WEEK_AGO_PAUSE_MS: usize = 500;

/// Soak times that are short enough for a test; every read is compared.
const SETTINGS: [(&str, &str); 3] = [
    ("DAYBOOK_SOAK", "shadow=1s,canary-5=1s,canary-25=1s,canary-50=1s,dynamic=2s,stability=3s"),
    ("DAYBOOK_SHADOW_SAMPLE", "100"),
    ("DAYBOOK_GUARD_WINDOW", "1"),
];

/// Booking clients, each with a pause, and reading clients without one.
const BOOKING_CLIENTS: usize = 2;
const BOOKING_PAUSE: Duration = Duration::from_millis(250);
const READING_CLIENTS: usize = 3;

/// The time limit for collecting the evidence of a stage on a busy machine.
const EVIDENCE_PATIENCE: Duration = Duration::from_secs(180);

/// A rule of the clinic for a text that the grammar cannot parse.
const RULES: &str = "[[rule]]\nname = \"lunch\"\ntext = \"점심시간\"\nmeans = \"12:30\"\n";

/// An operator at the command line.
struct Operator<'a> {
    clinic: &'a Installation,
    database: Client,
}

impl Operator<'_> {
    async fn run(&self, line: &[&str]) -> CommandOutput {
        self.clinic.run_with(line, &SETTINGS).await.unwrap()
    }

    /// Runs a command that must succeed.
    async fn run_json(&self, line: &[&str]) -> Value {
        self.run(line).await.json().unwrap()
    }

    /// Enters a stage once all its gates are met.
    async fn enter(&self, stage: &str) {
        let line = ["migrate", "advance", "--to", stage, "--yes", "--json"];
        wait_within(EVIDENCE_PATIENCE, &format!("the gates before {stage} to be met"), async || {
            let output = self.run(&line).await;
            let outcome: Value = serde_json::from_str(&output.stdout).unwrap();
            if outcome["entered"] == true {
                return Ok(());
            }
            let gates = outcome["next"]["gates"].as_array().unwrap().iter();
            let shut: Vec<String> =
                gates.filter(|gate| gate["finding"] != "met").map(Value::to_string).collect();
            Err(shut.join("\n"))
        })
        .await;
    }

    /// Checks that both views hold all imported and all acknowledged reservations.
    async fn assert_complete(&self, imported: &BTreeSet<String>, load: &Load) {
        let expected: BTreeSet<String> = imported.union(&load.acknowledged()).cloned().collect();
        tables::wait_for(&self.database, &expected).await;
    }
}

/// Continuous reads by clients of many names.
struct Reads {
    clients: JoinSet<()>,
    answered: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
}

impl Reads {
    fn start(service: &Service) -> Self {
        let (answered, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut clients = JoinSet::new();
        for _ in 0..READING_CLIENTS {
            let (answered, is_over) = (Arc::clone(&answered), Arc::clone(&is_over));
            let (client, base) =
                (client(), service.url("/api/public/reservations/time-slots?service=SKIN_CARE&date="));
            clients.spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let number = answered.fetch_add(1, Ordering::Relaxed);
                    let day = working_day(number as usize % 40);
                    let name = format!("reader-{}", number % 997);
                    let request = client.get(format!("{base}{day}")).header("Daybook-Client", name);
                    let response = send(request).await.unwrap();
                    assert_eq!(response.status, 200, "{}", response.body);
                }
            });
        }
        Self { clients, answered, is_over }
    }

    /// Stops the reads and fails if one was not answered. Returns their number.
    async fn end(mut self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        while let Some(finished) = self.clients.join_next().await {
            finished.unwrap();
        }
        self.answered.load(Ordering::Relaxed)
    }
}

/// Phase 2: the old system's rows are analysed, imported as a dry run, imported, reviewed and accounted for.
async fn import(operator: &Operator<'_>, url: &str, rows: usize, folder: &Path) {
    let rules = folder.join("rules.toml");
    fs::write(&rules, RULES).unwrap();
    let rules = rules.to_str().unwrap();
    let analyzed = operator.run_json(&["import", "analyze", "--from", url, "--json"]).await;
    assert_eq!((&analyzed["rows"], &analyzed["run"]["imported"]), (&rows.into(), &rows.into()));
    operator.run_json(&["import", "analyze", "--from", url, "--rules", rules, "--json"]).await;
    let run = ["import", "run", "--from", url, "--rules", rules, "--json"];
    let tried = operator.run_json(&[&run[..], &["--dry-run"]].concat()).await;
    assert_eq!((&tried["imported"], &tried["dry_run"]), (&rows.into(), &true.into()), "{tried}");
    let taken = operator.run_json(&[&run[..], &["--yes"]].concat()).await;
    assert_eq!(taken["imported"], rows, "{taken}");
    review(operator, rows, folder).await;
    let last = operator.run_json(&[&run[..], &["--yes", "--final"]].concat()).await;
    assert_eq!((&last["is_clean"], &last["imported"]), (&true.into(), &0.into()), "{last}");
    operator.run_json(&["projection", "verify", "--json"]).await;
    for phase in ["1", "2"] {
        let checked = operator.run_json(&["migrate", "check", "--phase", phase, "--json"]).await;
        assert_eq!(checked["is_met"], true, "{checked}");
    }
}

/// Exports the review list and imports the decisions.
async fn review(operator: &Operator<'_>, rows: usize, folder: &Path) {
    let (out, back) = (folder.join("review.csv"), folder.join("reviewed.csv"));
    let waiting = operator.run_json(&["import", "review", "list", "--json"]).await;
    let waiting = waiting["waiting"].as_u64().unwrap();
    assert!((1..rows as u64 / 20).contains(&waiting), "{waiting} await review: at least 95 % must be parsed");
    operator.run_json(&["import", "review", "export", out.to_str().unwrap(), "--json"]).await;
    let mut reader = csv::Reader::from_path(&out).unwrap();
    let decision = reader.headers().unwrap().iter().position(|name| name == "decision").unwrap();
    let mut writer = csv::Writer::from_path(&back).unwrap();
    writer.write_record(reader.headers().unwrap()).unwrap();
    for record in reader.records() {
        let record = record.unwrap();
        let fields = record.iter().enumerate().map(|(at, field)| if at == decision { "오후" } else { field });
        writer.write_record(fields).unwrap();
    }
    writer.flush().unwrap();
    let applied =
        operator.run_json(&["import", "review", "apply", back.to_str().unwrap(), "--yes", "--json"]).await;
    assert_eq!(applied["applied"], waiting);
}

/// Completes the manual checklist items and makes a verified backup.
async fn prepare(operator: &Operator<'_>, folder: &Path, name: &str) {
    let contacts = [
        "database-admin=Kim,1",
        "application-owner=Lee,2",
        "backup-location=shelf",
        "rollback-authority=Park,3",
    ];
    let set = contacts.iter().flat_map(|contact| ["--set", contact]);
    let line: Vec<&str> =
        ["migrate", "checklist", "contacts"].into_iter().chain(set).chain(["--yes", "--json"]).collect();
    operator.run_json(&line).await;
    let backup = folder.join(name);
    operator.run_json(&["backup", backup.to_str().unwrap(), "--json"]).await;
    operator.run_json(&["restore", backup.to_str().unwrap(), "--verify", "--json"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_migration_and_its_rollback_lose_no_booking_and_fail_no_request() {
    let (old, system) = legacy_system::start_other_or(COPIES).await;
    let rows = legacy_system::rows(&system).await;
    legacy_system::move_to_last_week(&system, WEEK_AGO, WEEK_AGO_PAUSE_MS).await;
    let clinic = Installation::open().await.unwrap();
    let folder = clinic.data_dir();
    fs::create_dir_all(&folder).unwrap();
    let operator = Operator { clinic: &clinic, database: clinic.connect().await.unwrap() };
    import(&operator, &old.url(), rows, &folder).await;
    let imported: BTreeSet<String> = tables::ids(&operator.database, "legacy").await.into_iter().collect();
    assert_eq!(imported.len(), rows);

    let service = clinic.serve_with(&SETTINGS).await.unwrap();
    let load = Load::default();
    let mut bookings =
        load.start_slowly(&service, BOOKING_CLIENTS, Tolerance::LostConnections, BOOKING_PAUSE);
    let reads = Reads::start(&service);
    load.wait_for_acknowledged(1).await;
    prepare(&operator, &folder, "first").await;
    for stage in ["shadow", "canary-5", "canary-25", "canary-50", "dynamic"] {
        operator.enter(stage).await;
        load.wait_for_acknowledged(2).await;
        operator.assert_complete(&imported, &load).await;
    }
    prepare(&operator, &folder, "final").await;
    let approve =
        ["migrate", "checklist", "done", "cleanup-approved", "--evidence", "the team", "--yes", "--json"];
    operator.run_json(&approve).await;
    operator.run_json(&["projection", "verify", "--json"]).await;
    operator.enter("retired").await;
    load.wait_for_acknowledged(2).await;
    let closing = operator.run(&["migrate", "check", "--phase", "4", "--json"]).await;
    assert_eq!(closing.code, Some(0), "{}{}", closing.stdout, closing.stderr);

    let back = ["migrate", "rollback", "--reason", "to see that it goes", "--yes", "--json"];
    let back = operator.run_json(&back).await;
    assert!(back["in_force_seconds"].as_f64().unwrap() < 1.0, "{back}");
    load.wait_for_acknowledged(2).await;
    operator.assert_complete(&imported, &load).await;

    load.stop();
    while let Some(finished) = bookings.join_next().await {
        finished.unwrap();
    }
    assert_eq!(load.unanswered(), 0, "no booking may be refused or lose its connection");
    assert!(reads.end().await > 1000);
    operator.assert_complete(&imported, &load).await;
    for view in tables::VIEWS {
        let count = tables::ids(&operator.database, view).await.len();
        assert_eq!(count, rows + load.acknowledged().len(), "{view}: each reservation must exist once");
    }
    assert_eq!(operator.run_json(&["projection", "verify", "--json"]).await["agrees"], true);
}
