//! Guardrails across two processes, and comparisons of reads by command.

use std::time::Duration;

use daybook_tests::process::{Installation, Service};
use futures_util::StreamExt;
use serde_json::Value;

use crate::client::{EXPORT, EXPORT_ROWS, client, send, wait_until, wait_within};

/// Clients that send requests to one service in turn. At 25 % about 25 of them use the dynamic view.
const CLIENTS: usize = 100;

/// How soon a finding of one process must take effect in the other.
const IN_FORCE: Duration = Duration::from_secs(1);

/// Number of comparisons of a view with itself.
const COMPARES: u64 = 5_000;

/// Short windows, and a low minimum of requests.
const SETTINGS: [(&str, &str); 3] = [
    ("DAYBOOK_GUARD_WINDOW", "1"),
    ("DAYBOOK_GUARDRAILS", "min-requests=10,latency-ms=30000"),
    ("DAYBOOK_SHADOW_SAMPLE", "0"),
];

/// Sends one request per client. Returns how many each model answered, and the number of 5xx responses.
async fn round(service: &Service) -> (usize, usize) {
    let (client, url) = (client(), service.url("/api/public/services"));
    let send = |n: usize| send(client.get(&url).header("Daybook-Client", format!("client-{n}")));
    let responses: Vec<_> =
        futures_util::stream::iter(0..CLIENTS).map(send).buffer_unordered(16).collect().await;
    let responses = responses.into_iter().map(Result::unwrap);
    responses.fold((0, 0), |(dynamic, failed), response| {
        (dynamic + usize::from(response.model == "dynamic"), failed + usize::from(response.status >= 500))
    })
}

async fn reads(clinic: &Installation, arguments: &[&str]) -> Value {
    let line: Vec<&str> = ["reads"].iter().chain(arguments).chain(&["--json"]).copied().collect();
    clinic.run(&line).await.unwrap().json().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_see_the_same_fault_record_one_rollback_for_both() {
    let clinic = Installation::open().await.unwrap();
    let services = [clinic.serve_with(&SETTINGS).await.unwrap(), clinic.serve_with(&SETTINGS).await.unwrap()];
    reads(&clinic, &["set", "--dynamic", "25", "--reason", "a drill", "--yes"]).await;
    for service in &services {
        wait_within(IN_FORCE, "the percentage to take effect", async || match round(service).await {
            (10..=45, 0) => Ok(()),
            found => Err(format!("{found:?}")),
        })
        .await;
    }
    let database = clinic.connect().await.unwrap();
    database.batch_execute("ALTER TABLE dynamic_1.services RENAME TO away").await.unwrap();
    wait_until("the reads to be rolled back", async || {
        round(&services[0]).await;
        round(&services[1]).await;
        let shown = reads(&clinic, &["show"]).await;
        if shown["rolled_back"] == true { Ok(()) } else { Err(shown.to_string()) }
    })
    .await;
    for service in &services {
        wait_within(IN_FORCE, "both processes to answer from the legacy view", async || {
            match round(service).await {
                (0, 0) => Ok(()),
                found => Err(format!("{found:?}")),
            }
        })
        .await;
    }
    // Both processes evaluate once more and record nothing new.
    let windows = "SELECT count(*) FROM control.read_windows";
    let before: i64 = database.query_one(windows, &[]).await.unwrap().get(0);
    wait_until("more windows", async || {
        let now: i64 = database.query_one(windows, &[]).await.unwrap().get(0);
        if now >= before + 8 { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    let sql = "SELECT kind, count(*) FROM event_log.events
        WHERE kind IN ('GuardrailTripped', 'ReadsRolledBack') GROUP BY 1 ORDER BY 1";
    let rows = database.query(sql, &[]).await.unwrap();
    let found: Vec<(String, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(found, [("GuardrailTripped".to_owned(), 1), ("ReadsRolledBack".to_owned(), 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_compare_compares_a_view_with_itself_and_with_the_other() {
    let clinic = Installation::open().await.unwrap();
    let none = clinic.run(&["reads", "selftest"]).await.unwrap();
    assert_eq!(none.code, Some(1), "there is no view yet: {}", none.stderr);
    clinic.run(&["import", "run", "--csv", EXPORT, "--yes", "--json"]).await.unwrap().json().unwrap();
    let same = reads(&clinic, &["selftest", "--compares", &COMPARES.to_string()]).await;
    assert_eq!((&same["compared"], &same["mismatched"]), (&COMPARES.into(), &0.into()), "{same}");
    let both = reads(&clinic, &["compare", "--sample", "1000"]).await;
    assert_eq!((&both["compared"], &both["mismatched"]), (&EXPORT_ROWS.into(), &0.into()), "{both}");
    assert_eq!(both["generations"], serde_json::json!(["legacy_1", "dynamic_1"]));

    let database = clinic.connect().await.unwrap();
    let planted = r#"UPDATE dynamic_1.reservations SET "patientName" = '임꺽정', version = version + 1
        WHERE id = (SELECT min(id) FROM dynamic_1.reservations) RETURNING id"#;
    let id: String = database.query_one(planted, &[]).await.unwrap().get(0);
    let output = clinic.run(&["reads", "compare"]).await.unwrap();
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(output.stdout.contains(": 1 differ of ") && output.stdout.contains(&id), "{}", output.stdout);
    assert!(output.stdout.contains("(not shown)") && !output.stdout.contains("임꺽정"), "{}", output.stdout);
    let same = reads(&clinic, &["selftest", "--model", "dynamic", "--compares", "1000"]).await;
    assert_eq!((&same["compared"], &same["mismatched"]), (&1000.into(), &0.into()), "{same}");
}
