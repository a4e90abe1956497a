//! `daybook migrate check`: the closing summary and the performance check by command, compared with those in `psql`.

use std::path::Path;

use daybook_domain::requested_time::{ParsedTime, parse};
use daybook_tests::process::Installation;
use serde_json::Value;

use super::selects::{run, run_json};
use crate::client::EXPORT;

/// Writes the rows of the export with a clock time to a file. Returns their number.
fn write_parsed_rows(file: &Path) -> usize {
    let mut rows = csv::Reader::from_path(EXPORT).unwrap();
    let headers = rows.headers().unwrap().clone();
    let time = headers.iter().position(|name| name == "preferredTime").unwrap();
    let mut parsed_rows = csv::Writer::from_path(file).unwrap();
    parsed_rows.write_record(&headers).unwrap();
    let mut count = 0;
    for row in rows.records().map(Result::unwrap) {
        if matches!(parse(&row[time]), ParsedTime::At(_)) {
            parsed_rows.write_record(&row).unwrap();
            count += 1;
        }
    }
    parsed_rows.flush().unwrap();
    count
}

/// The exit code of the closing summary, the unexpected findings, and the whole summary.
async fn closing(clinic: &Installation) -> (Option<i32>, Vec<String>, Value) {
    let output = clinic.run(&["migrate", "check", "--final", "--json"]).await.unwrap();
    let summary: Value = serde_json::from_str(&output.stdout).expect(&output.stderr);
    let findings = summary["findings"].as_array().unwrap();
    let unexpected = findings.iter().filter(|finding| finding["is_as_expected"] == false);
    let unexpected = unexpected.map(|finding| finding["what"].as_str().unwrap().to_owned()).collect();
    (output.code, unexpected, summary)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_closing_summary_passes_only_after_the_cleanup() {
    let clinic = Installation::open().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let export = folder.path().join("understood.csv");
    let rows = write_parsed_rows(&export);
    assert!(rows > 100, "{rows}");
    run_json(&clinic, &["import", "run", "--csv", export.to_str().unwrap(), "--yes", "--json"]).await;
    let before_cleanup =
        ["old enum removed", "old fields removed", "old limits table removed", "index of the cleanup made"];
    let (code, unexpected, _) = closing(&clinic).await;
    assert_eq!((code, &*unexpected), (Some(1), &before_cleanup.map(str::to_owned)[..]));
    let output = clinic.run(&["migrate", "check", "--final"]).await.unwrap();
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    for words in ["not complete: 4 checks", "daybook migrate advance", "NO, still in legacy_1"] {
        assert!(output.stdout.contains(words), "`{words}` is not in {}", output.stdout);
    }

    run_json(&clinic, &["reads", "set", "--dynamic", "100", "--reason", "go", "--yes", "--json"]).await;
    run_json(&clinic, &["projection", "retire", "legacy", "--reason", "done", "--yes", "--json"]).await;
    let (code, unexpected, summary) = closing(&clinic).await;
    assert_eq!((code, unexpected), (Some(0), vec![]), "{summary}");
    assert_eq!((&summary["active_services"], &summary["active_time_slots"]), (&6.into(), &11.into()));
    assert_eq!(
        (&summary["reservations"], &summary["reservations_at_retirement"]),
        (&rows.into(), &rows.into())
    );
    let output = clinic.run(&["migrate", "check", "--final"]).await.unwrap();
    assert!(
        output.stdout.starts_with("The migration is complete") && output.stdout.contains("PERFECT"),
        "{}",
        output.stdout
    );
    let lines = run(&clinic, "any_time/final").await;
    assert!(lines.iter().any(|line| line.contains("Data integrity: PERFECT ✅")), "{lines:?}");

    run_json(&clinic, &["projection", "restore", "legacy", "--yes", "--json"]).await;
    let (code, unexpected, _) = closing(&clinic).await;
    // The longer index remains until the dynamic view is rebuilt. It serves the same queries as the shorter one.
    assert_eq!(
        (code, &*unexpected),
        (Some(1), &before_cleanup[..3].iter().map(|what| (*what).to_owned()).collect::<Vec<_>>()[..])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_performance_check_shows_the_plan_of_the_runbook_query() {
    let clinic = Installation::open().await.unwrap();
    run_json(&clinic, &["import", "run", "--csv", EXPORT, "--yes", "--json"]).await;
    let check = ["migrate", "check", "--performance"];
    let shown = run_json(&clinic, &[&check[..], &["--json"]].concat()).await;
    assert_eq!((&shown["reservations"], &shown["is_as_expected"]), (&200.into(), &true.into()), "{shown}");
    assert!(shown["execution_ms"].as_f64().unwrap() > 0.0, "{shown}");
    let output = clinic.run(&check).await.unwrap();
    let plan = shown["plan"][0].as_str().unwrap().split(" (").next().unwrap();
    for words in [plan, "preferredDate", " ms, planned in ", "of 200 in"] {
        assert!(output.stdout.contains(words), "`{words}` is missing in {}", output.stdout);
    }
}
