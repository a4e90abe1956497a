//! The runbook's SELECTs, run unchanged by `psql` in the role that reads the runbook's tables: before the cleanup,
//! after it, and after its undo. The expected values are computed from the export.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use daybook_tests::process::Installation;
use daybook_tests::psql;
use serde_json::Value;

use crate::client::{EXPORT, EXPORT_ROWS, RESERVATIONS, client, form, send, wait_until, working_day};

const SELECTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/runbook");

/// New bookings over HTTP.
const BOOKED: usize = 3;
const ALL: usize = EXPORT_ROWS + BOOKED;

/// Number of SELECTs on the old fields.
const ABOUT_OLD_FIELDS: usize = 5;
const ABOUT_OTHERS: usize = 9;

pub(super) async fn run(clinic: &Installation, name: &str) -> Vec<String> {
    let file = Path::new(SELECTS).join(name).with_extension("sql");
    psql::run_file(&clinic.url_as("daybook_runbook").unwrap(), &file).await.unwrap()
}

/// The files in a folder of SELECTs, without their extension.
fn selects(folder: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(Path::new(SELECTS).join(folder)).unwrap();
    files.map(|file| Path::new(folder).join(file.unwrap().path().file_stem().unwrap())).collect()
}

/// How often each value of a column occurs in the export.
fn in_export(column: &str) -> BTreeMap<String, usize> {
    let mut rows = csv::Reader::from_path(EXPORT).unwrap();
    let column = rows.headers().unwrap().iter().position(|name| name == column).unwrap();
    let mut counts = BTreeMap::new();
    for row in rows.records() {
        *counts.entry(row.unwrap()[column].to_owned()).or_default() += 1;
    }
    counts
}

/// The old text of a time, and its number of reservations.
fn time_and_count(row: &str) -> (String, usize) {
    let mut values = row.split('|');
    (values.next().unwrap().to_owned(), values.next().unwrap().parse().unwrap())
}

pub(super) async fn run_json(clinic: &Installation, arguments: &[&str]) -> Value {
    clinic.run(arguments).await.unwrap().json().unwrap()
}

/// A clinic with the imported export and some later bookings, and its service.
async fn clinic_with_import() -> (Installation, daybook_tests::process::Service) {
    let clinic = Installation::open().await.unwrap();
    run_json(&clinic, &["import", "run", "--csv", EXPORT, "--yes", "--json"]).await;
    let service = clinic.serve().await.unwrap();
    for number in 0..BOOKED {
        let form = form(number, "SKIN_CARE", working_day(number), "오전 10시");
        send(client().post(service.url(RESERVATIONS)).json(&form)).await.unwrap().ok();
    }
    wait_until("the views to hold the bookings", async || {
        let found = run(&clinic, "any_time/health").await;
        if found == [format!("6|{ALL}|{ALL}|11")] { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    (clinic, service)
}

/// Checks the values that hold at any time: six services, eleven time slots, all reservations, each with a service.
async fn assert_complete(clinic: &Installation) {
    assert_eq!(run(clinic, "any_time/health").await, [format!("6|{ALL}|{ALL}|11")]);
    assert_eq!(run(clinic, "any_time/services").await, ["6"]);
    assert_eq!(run(clinic, "any_time/orphaned").await, ["0"]);
    for statuses in ["any_time/statuses", "any_time/statuses_watched"] {
        assert_eq!(
            run(clinic, statuses).await,
            [format!("PENDING|{BOOKED}")],
            "{statuses}: of the last hour"
        );
    }
    let activity = run(clinic, "any_time/activity").await;
    assert!(activity.len() == 1 && activity[0].starts_with(&format!("{BOOKED}|")), "{activity:?}");
    let hours = run(clinic, "any_time/reservation_rate").await;
    assert_eq!(hours.iter().map(|hour| time_and_count(hour).1).sum::<usize>(), BOOKED, "{hours:?}");
    let plan = run(clinic, "any_time/performance").await;
    assert!(plan.iter().any(|line| line.starts_with("Execution Time:")), "{plan:?}");
}

/// Checks the values of the old fields while they exist.
async fn assert_old_fields_are_intact(clinic: &Installation) {
    let mut times = in_export("preferredTime");
    *times.entry("오전 10시".to_owned()).or_default() += BOOKED;
    for (file, columns) in [("before_cleanup/preferred_times", 3), ("before_cleanup/time_formats", 2)] {
        let rows = run(clinic, file).await;
        assert!(rows.iter().all(|row| row.split('|').count() == columns), "{rows:?}");
        let counts: Vec<(String, usize)> = rows.iter().map(|row| time_and_count(row)).collect();
        assert!(counts.is_sorted_by(|one, next| one.1 >= next.1), "{counts:?}");
        assert_eq!(counts.into_iter().collect::<BTreeMap<_, _>>(), times, "{file}");
    }
    assert_eq!(run(clinic, "before_cleanup/old_fields_intact").await, [ALL.to_string()]);
    assert_eq!(run(clinic, "before_cleanup/dual_write").await, [format!("{BOOKED}|{BOOKED}|{BOOKED}")]);
    let under_review = run(clinic, "before_cleanup/without_period").await;
    assert!((1..EXPORT_ROWS / 20).contains(&under_review.len()), "at most 5 % of all: {under_review:?}");
    for row in under_review {
        let values: Vec<&str> = row.split('|').collect();
        assert!(values.len() == 3 && times.contains_key(values[1]) && values[2].is_empty(), "{row}");
    }
}

/// Checks the lines of the closing summary about counts, the old enum and data integrity.
async fn assert_final_summary(clinic: &Installation, enum_is_gone: bool) {
    let lines = run(clinic, "any_time/final").await;
    let gone = if enum_is_gone { "Old enum removed: YES ✅" } else { "Old enum removed: NO =" };
    let total = format!("Reservations: {ALL:>5} total preserved");
    let expected = [
        "Services table:   6 active services",
        &total,
        "Time slots:  11 active periods",
        gone,
        "ISSUES DETECTED",
    ];
    for words in expected {
        assert!(lines.iter().any(|line| line.contains(words)), "`{words}` is missing in {lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runbook_selects_return_the_expected_rows_before_and_after_the_cleanup_and_its_undo() {
    let (clinic, _service) = clinic_with_import().await;
    let (about_old, others) = (selects("before_cleanup"), selects("any_time"));
    assert_eq!((about_old.len(), others.len()), (ABOUT_OLD_FIELDS, ABOUT_OTHERS));
    assert_complete(&clinic).await;
    assert_old_fields_are_intact(&clinic).await;
    assert_final_summary(&clinic, false).await;

    run_json(&clinic, &["reads", "set", "--dynamic", "100", "--reason", "go", "--yes", "--json"]).await;
    run_json(&clinic, &["projection", "retire", "legacy", "--reason", "done", "--yes", "--json"]).await;
    assert_complete(&clinic).await;
    assert_final_summary(&clinic, true).await;
    let reader = clinic.url_as("daybook_runbook").unwrap();
    for select in about_old {
        let file = Path::new(SELECTS).join(&select).with_extension("sql");
        let refused = psql::run_file(&reader, &file).await.unwrap_err().to_string();
        assert!(refused.contains("does not exist"), "{}: {refused}", select.display());
    }

    run_json(&clinic, &["projection", "restore", "legacy", "--yes", "--json"]).await;
    assert_complete(&clinic).await;
    assert_old_fields_are_intact(&clinic).await;
    assert_final_summary(&clinic, false).await;
}
