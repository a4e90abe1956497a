//! The import by the real program: kills, the final report, and the review of unreadable times.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use daybook_tests::process::{CommandOutput, Installation};
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::client::{EXPORT, EXPORT_ROWS, wait_until};
use crate::legacy_system;

/// Copies of each row of the export.
const COPIES: usize = 30;

/// Number of imports to kill.
const KILLED: usize = 3;

const IMPORTED: &str = "SELECT count(*) FROM event_log.events WHERE kind = 'ReservationImported'";

const MOVED: &str = "SELECT count(*) FROM event_log.events WHERE kind = 'ReservationMovedIn'";

/// Changes rows in the old system; some of them move to the next day.
const CHANGE: &str = "UPDATE reservations SET notes = coalesce(notes, '') || '!', status = 'CANCELLED',
        \"preferredDate\" = \"preferredDate\" + (length(id) % 2 + ascii(right(id, 1)) % 2) * interval '1 day'
    WHERE id IN (SELECT id FROM reservations WHERE status <> 'CANCELLED' ORDER BY id LIMIT 40)";

async fn count(database: &Client, sql: &str) -> i64 {
    // Before the first start there is no log.
    database.query_one(sql, &[]).await.map_or(0, |row| row.get(0))
}

/// Starts an import, and kills it as soon as `counted` has grown.
async fn kill_import(clinic: &Installation, database: &Client, run: &[&str], counted: &str) {
    let before = count(database, counted).await;
    let mut import = clinic.command(run, &[]).await.unwrap().spawn().unwrap();
    wait_until("the import to append something", async || match count(database, counted).await {
        now if now > before => Ok(()),
        now => Err(format!("{now} rows")),
    })
    .await;
    import.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_import_report_adds_up_after_kills_and_changes_in_the_old_system() {
    let (old, system) = legacy_system::start(COPIES).await;
    let clinic = Installation::open().await.unwrap();
    let database = clinic.connect().await.unwrap();
    let url = old.url();
    let run = ["import", "run", "--from", &url, "--yes", "--json"];
    for _ in 0..KILLED {
        kill_import(&clinic, &database, &run, IMPORTED).await;
        system.batch_execute(CHANGE).await.unwrap();
    }
    // All rows are imported now, so that some of the changed ones move to another day; the kill comes among the moves.
    clinic.run(&run).await.unwrap().json().unwrap();
    system.batch_execute(CHANGE).await.unwrap();
    kill_import(&clinic, &database, &run, MOVED).await;
    let rows = EXPORT_ROWS * COPIES;
    let last = [&run[..], &["--final"]].concat();
    let report = clinic.run(&last).await.unwrap().json().unwrap();
    assert_eq!((&report["read"], &report["is_clean"]), (&json!(rows), &json!(true)), "{report}");
    assert_eq!(count(&database, IMPORTED).await as usize, rows, "every row must be imported once");
    let account = &report["reconciliation"];
    let sum: u64 = ["equal", "imported", "brought_up_to_date", "moved"]
        .map(|kind| account[kind].as_u64().unwrap())
        .iter()
        .sum();
    assert_eq!(sum, rows as u64, "{account}");
    let again = clinic.run(&last).await.unwrap().json().unwrap();
    assert_eq!([&again["imported"], &again["updated"], &again["moved"]], [&json!(0); 3], "{again}");
    // The import reports a row deleted in the old system, keeps its reservation, and the last run fails.
    system.batch_execute("DELETE FROM reservations WHERE id = (SELECT min(id) FROM reservations WHERE status = 'COMPLETED')").await.unwrap();
    let output = clinic.run(&last).await.unwrap();
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(report["reconciliation"]["only_in_daybook"]["count"], 1, "{report}");
    let verdict = clinic.run(&["projection", "verify", "--json"]).await.unwrap().json().unwrap();
    assert_eq!(verdict["agrees"], true, "{verdict}");
}

/// The reservations on the review list.
async fn review_list(clinic: &Installation, options: &[&str]) -> Vec<Value> {
    let list = [&["import", "review", "list", "--json"], options].concat();
    let listed = clinic.run(&list).await.unwrap().json().unwrap();
    listed["reservations"].as_array().unwrap().clone()
}

/// Fills in the column `decision`, based on the text of the patient.
fn fill_in(from: &Path, to: &Path, decide: impl Fn(&str) -> &'static str) {
    let mut reader = csv::Reader::from_path(from).unwrap();
    let mut writer = csv::Writer::from_path(to).unwrap();
    writer.write_record(reader.headers().unwrap()).unwrap();
    for record in reader.records() {
        let record = record.unwrap();
        let decision = decide(&record[5]);
        writer.write_record(record.iter().take(7).chain([decision])).unwrap();
    }
    writer.flush().unwrap();
}

fn counts(output: &CommandOutput) -> [u64; 4] {
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    ["applied", "already_so", "kept", "refused"].map(|kind| report[kind].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_review_list_is_exported_corrected_and_imported_line_by_line() {
    let clinic = Installation::open().await.unwrap();
    clinic.run(&["import", "run", "--csv", EXPORT, "--yes", "--json"]).await.unwrap().json().unwrap();
    let all = review_list(&clinic, &[]).await;
    assert_eq!(all.len(), 6, "{all:?}");
    assert_eq!(review_list(&clinic, &["--reason", "EMPTY"]).await.len(), 1);
    let day = all[0]["date"].as_str().unwrap();
    assert!(review_list(&clinic, &["--date", day]).await.iter().all(|unread| unread["date"] == day));
    std::fs::create_dir_all(clinic.data_dir()).unwrap();
    let (exported, filled) = (clinic.data_dir().join("review.csv"), clinic.data_dir().join("filled.csv"));
    let (exported_name, filled_name) = (exported.to_str().unwrap(), filled.to_str().unwrap());
    let export = ["import", "review", "export", exported_name];
    assert_eq!(clinic.run(&export).await.unwrap().code, Some(0));
    assert_eq!(std::fs::metadata(&exported).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(clinic.run(&export).await.unwrap().code, Some(1), "an existing file must not be overwritten");
    fill_in(&exported, &filled, |text| if text.is_empty() { "keep" } else { "오후" });
    let apply = ["import", "review", "apply", filled_name, "--yes", "--json"];
    let output = clinic.run(&apply).await.unwrap();
    assert_eq!((output.code, counts(&output)), (Some(0), [5, 0, 1, 0]), "{}", output.stderr);
    // Only Korean texts: a number could occur in an id by chance.
    let texts = all.iter().filter_map(|unread| unread["text"].as_str());
    for text in texts.filter(|text| !text.is_ascii()) {
        assert!(!output.stderr.contains(text) && !output.stdout.contains(text), "the output repeats {text}");
    }
    assert_eq!(counts(&clinic.run(&apply).await.unwrap()), [0, 5, 1, 0]);
    let left = review_list(&clinic, &[]).await;
    assert_eq!((left.len(), &left[0]["reason"]), (1, &json!("EMPTY")));
    // One at a time: wrong, unknown and duplicate lines are reported, and the others are applied.
    let id = left[0]["id"].as_str().unwrap();
    let lines = format!("id,decision\n{id},2시\nnobody,10:00\n{id},오전\n{id},오후\n");
    std::fs::write(&filled, lines).unwrap();
    let output = clinic.run(&apply).await.unwrap();
    assert_eq!((output.code, counts(&output)), (Some(1), [1, 0, 0, 3]), "{}", output.stdout);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let refused = |line: u64| {
        report["decisions"]
            .as_array()
            .unwrap()
            .iter()
            .any(|line_report| line_report["line"] == line && line_report["outcome"] == "refused")
    };
    assert!(refused(2) && refused(3) && refused(5), "{report}");
    let decide = ["import", "review", "decide", id, "--time", "09:30", "--yes", "--json"];
    assert_eq!(counts(&clinic.run(&decide).await.unwrap()), [1, 0, 0, 0]);
    assert!(review_list(&clinic, &[]).await.is_empty());
    let verdict = clinic.run(&["projection", "verify", "--json"]).await.unwrap().json().unwrap();
    assert_eq!(verdict["agrees"], true, "{verdict}");
    let again = clinic.run(&["import", "run", "--csv", EXPORT, "--yes", "--json", "--final"]).await.unwrap();
    assert_eq!(again.json().unwrap()["already_there"], EXPORT_ROWS, "{}", again.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn identical_texts_are_decided_together() {
    let clinic = Installation::open().await.unwrap();
    let export = std::fs::read_to_string(EXPORT).unwrap();
    let header = export.lines().next().unwrap();
    let row = |n: usize, wish: &str| {
        format!(
            "alike-{n},Nobody,010-0000-{n:04},,1990-01-02 00:00:00,MALE,FIRST_VISIT,2025-03-{:02},{wish},PENDING,,,\
             2025-03-01 00:00:00,2025-03-01 00:00:00,SKIN_CARE,2025-03-01 00:00:00,",
            n + 1
        )
    };
    let mut rows: Vec<String> = (0..20).map(|n| row(n, "퇴근 후")).collect();
    rows.push(row(20, "점심"));
    let file = clinic.data_dir().join("alike.csv");
    std::fs::create_dir_all(clinic.data_dir()).unwrap();
    std::fs::write(&file, format!("{header}\n{}\n", rows.join("\n"))).unwrap();
    clinic
        .run(&["import", "run", "--csv", file.to_str().unwrap(), "--yes", "--json"])
        .await
        .unwrap()
        .json()
        .unwrap();
    let decide =
        ["import", "review", "decide", "--all-like", "퇴근 후", "--period", "AFTERNOON", "--yes", "--json"];
    let output = clinic.run(&decide).await.unwrap();
    assert_eq!((output.code, counts(&output)), (Some(0), [20, 0, 0, 0]), "{}", output.stderr);
    assert!(!output.stderr.contains("퇴근"), "the output must not repeat a patient's text");
    let left = review_list(&clinic, &[]).await;
    assert_eq!((left.len(), &left[0]["id"]), (1, &json!("alike-20")));
    for (command, reason) in [
        (&decide[..], "no reservation in review has the text of --all-like, so nothing was decided"),
        (
            &decide[..decide.len() - 1],
            "no reservation in review has the text of --all-like, so nothing was decided",
        ),
        (
            &["import", "review", "apply", &empty_review(&clinic), "--yes"][..],
            "has no rows, so nothing was decided",
        ),
    ] {
        let output = clinic.run(command).await.unwrap();
        assert_eq!(output.code, Some(1), "{command:?}: {}", output.stderr);
        assert!(output.stderr.contains(reason) && !output.stderr.contains("퇴근"), "{}", output.stderr);
    }
}

/// A file for decisions without a reservation.
fn empty_review(clinic: &Installation) -> String {
    let file = clinic.data_dir().join("empty.csv");
    std::fs::write(&file, "id,decision\n").unwrap();
    file.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_decisions_in_another_form_is_refused_with_options_of_its_own_command() {
    let clinic = Installation::open().await.unwrap();
    std::fs::create_dir_all(clinic.data_dir()).unwrap();
    let file = clinic.data_dir().join("decisions.csv");
    let name = file.to_str().unwrap();
    let apply = ["import", "review", "apply", name, "--yes"];
    for (bytes, code, reason) in [
        (b"when;who\n1;2\n".to_vec(), 1, "see --separator and --encoding"),
        (
            encoding_rs::GBK.encode("id,decision,note\n1,10:00,王小明 请打电话\n").0.into_owned(),
            1,
            "use --encoding GBK",
        ),
        (b"-- dump\nINSERT INTO x VALUES".to_vec(), 1, "`daybook import run --from`"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let output = clinic.run(&apply).await.unwrap();
        assert_eq!(output.code, Some(code), "{}", output.stderr);
        assert!(output.stderr.contains(reason), "{}", output.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_in_which_no_row_came_in_fails_and_says_what_the_file_is() {
    let clinic = Installation::open().await.unwrap();
    std::fs::create_dir_all(clinic.data_dir()).unwrap();
    let file = clinic.data_dir().join("export.csv");
    let name = file.to_str().unwrap();
    let header = std::fs::read_to_string(EXPORT).unwrap().lines().next().unwrap().to_owned();
    let row = |phone: &str| {
        format!(
            "row-1,한여울,{phone},,1990-01-02 00:00:00,MALE,FIRST_VISIT,2025-03-28,10:00,PENDING,,,\
             2025-03-01 00:00:00,2025-03-01 00:00:00,SKIN_CARE,2025-03-01 00:00:00,"
        )
    };
    let analyze = ["import", "analyze", "--csv", name];
    let preview = ["import", "run", "--csv", name, "--dry-run"];
    let run = ["import", "run", "--csv", name, "--yes"];
    let refused = [
        (Vec::new(), "the file is empty"),
        (b"\xef\xbb\xbf".to_vec(), "has no header"),
        (b"PK\x03\x04[Content_Types].xml".to_vec(), "Excel workbook"),
    ];
    for (bytes, reason) in refused {
        std::fs::write(&file, bytes).unwrap();
        for command in [&analyze[..], &preview, &run] {
            let output = clinic.run(command).await.unwrap();
            assert_eq!(output.code, Some(1), "{command:?}: {}", output.stderr);
            assert!(output.stderr.contains(reason), "{}", output.stderr);
        }
    }
    for text in [format!("{header}\n"), format!("{header}\n{}\n", row("none"))] {
        std::fs::write(&file, text).unwrap();
        for command in [&analyze[..], &preview, &run] {
            let output = clinic.run(command).await.unwrap();
            assert_eq!(output.code, Some(1), "{command:?}: {}", output.stderr);
            let said = if command == run { "NO ROW CAME IN" } else { "NO ROW WOULD COME IN" };
            assert!(output.stdout.contains(said), "{}", output.stdout);
            let json = clinic.run(&[command, &["--json"]].concat()).await.unwrap();
            assert_eq!(json.code, Some(1));
            assert!(json.stdout.contains("NOTHING_CAME_IN"), "{}", json.stdout);
        }
    }
    std::fs::write(&file, format!("{header}\n{}\n", row("010-5550-0001")).replace(',', ";")).unwrap();
    let output = clinic.run(&run).await.unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let said = "Every row is in Daybook: 1 row.\nThe file is UTF-8 text, separated by semicolons.";
    assert!(output.stdout.starts_with(said), "{}", output.stdout);
}

/// A reason that cannot be shown or is too long is refused before anything is read.
async fn refuses_odd_reasons(clinic: &Installation, url: &str, row: &str) {
    let from = ["--from", url, "--yes", "--reason"];
    for reason in [" ", "a\u{202e}b", &"x".repeat(501)] {
        let how = [&["import", "resolve", "decide", row, "--leave-out"], &from[..], &[reason]].concat();
        let refused = clinic.run(&how).await.unwrap();
        assert!(refused.code == Some(2) && refused.stderr.contains("--reason"), "{}", refused.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn open_rows_are_decided_one_by_one_until_the_final_run_is_complete() {
    let (old, system) = legacy_system::start(1).await;
    let clinic = Installation::open().await.unwrap();
    let url = old.url();
    let last = ["import", "run", "--from", &url, "--final", "--yes", "--json"];
    assert_eq!(clinic.run(&last).await.unwrap().code, Some(0));
    let ids = system
        .query("SELECT id FROM reservations WHERE status = 'COMPLETED' ORDER BY id LIMIT 2", &[])
        .await
        .unwrap();
    let (gone, odd): (String, String) = (ids[0].get(0), ids[1].get(0));
    system.execute("DELETE FROM reservations WHERE id = $1", &[&gone]).await.unwrap();
    system.execute("UPDATE reservations SET phone = 'none' WHERE id = $1", &[&odd]).await.unwrap();
    let output = clinic.run(&last).await.unwrap();
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    let decide = async |id: &str, how: &str| {
        let from = ["--from", &url, "--reason", "as agreed", "--yes", "--json"];
        clinic.run(&[&["import", "resolve", "decide", id, how], &from[..]].concat()).await.unwrap()
    };
    let said = clinic.run(&["import", "run", "--from", &url, "--final", "--dry-run"]).await.unwrap().stdout;
    let shown = [
        "Would be REJECTED: 1 row of",
        "1 of them stay in Daybook as an earlier import took them",
        "they are over, so none can be cancelled",
        "daybook import resolve decide ID --leave-out --reason TEXT --from URL",
        "daybook import run --from URL --final",
    ];
    for text in shown {
        assert!(said.contains(text), "{text}: {said}");
    }
    refuses_odd_reasons(&clinic, &url, &odd).await;
    let wrong = decide(&odd, "--keep-ours").await;
    assert!(wrong.code == Some(2) && wrong.stderr.contains("use --leave-out"), "{}", wrong.stderr);
    assert_eq!(decide("nobody", "--leave-out").await.code, Some(2));
    for (id, how) in [(&odd, "--leave-out"), (&gone, "--keep-ours")] {
        let output = decide(id, how).await;
        assert_eq!(output.code, Some(0), "{}", output.stderr);
    }
    let output = clinic.run(&last).await.unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stdout);
    let report = output.json().unwrap();
    assert_eq!(
        (&report["is_clean"], &report["resolved"], &report["views"][0]["parked"]),
        (&json!(true), &json!(1), &json!(0))
    );
    let summary = clinic.run(&["import", "run", "--from", &url, "--final", "--yes"]).await.unwrap().stdout;
    assert_eq!(summary.matches("Every row of the old system is reconciled.").count(), 1, "{summary}");
    let listed = clinic.run(&["import", "resolve", "list", "--json"]).await.unwrap().json().unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    // A view that could not apply a row is not complete, until it is applied after all.
    let database = clinic.connect().await.unwrap();
    let refuse =
        r#"ALTER TABLE legacy_1.reservations ADD CONSTRAINT refuse CHECK (notes IS DISTINCT FROM 'refused')"#;
    database.batch_execute(refuse).await.unwrap();
    let change = "UPDATE reservations SET notes = 'refused' WHERE id = (SELECT max(id) FROM reservations)";
    system.batch_execute(change).await.unwrap();
    let output = clinic.run(&last).await.unwrap();
    assert_eq!(output.code, Some(1), "{}", output.stdout);
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let parked = |report: &Value| report["views"].as_array().unwrap().iter().any(|view| view["parked"] != 0);
    assert!(report["is_clean"] == false && parked(&report), "{report}");
    database.batch_execute("ALTER TABLE legacy_1.reservations DROP CONSTRAINT refuse").await.unwrap();
    let retry = clinic.run(&["projection", "parked", "retry", "--all", "--yes"]).await.unwrap();
    assert_eq!(retry.code, Some(0), "{}", retry.stderr);
    assert_eq!(clinic.run(&last).await.unwrap().code, Some(0));
    let withdraw = ["import", "resolve", "withdraw", &gone, "--yes"];
    assert_eq!(clinic.run(&withdraw).await.unwrap().code, Some(0));
    assert_eq!(clinic.run(&last).await.unwrap().code, Some(1), "it is open again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_a_total_is_left_out_by_its_mark_and_empty_lines_are_counted() {
    let clinic = Installation::open().await.unwrap();
    std::fs::create_dir_all(clinic.data_dir()).unwrap();
    let file = clinic.data_dir().join("export.csv");
    let name = file.to_str().unwrap();
    let export = std::fs::read_to_string(EXPORT).unwrap();
    let (empty, total) = (",".repeat(16), format!(",Total{}{EXPORT_ROWS}", ",".repeat(15)));
    std::fs::write(&file, format!("{export}{empty}\n{empty}\n{total}\n\u{1a}")).unwrap();
    let last = ["import", "run", "--csv", name, "--final", "--yes"];
    let output = clinic.run(&last).await.unwrap();
    assert_eq!(output.code, Some(1), "{}", output.stdout);
    let skipped = "The file is UTF-8 text, separated by commas. 2 lines without a value were skipped.";
    assert!(output.stdout.contains(skipped), "{}", output.stdout);
    let report: Value =
        serde_json::from_str(&clinic.run(&[&last[..], &["--json"]].concat()).await.unwrap().stdout).unwrap();
    assert_eq!((&report["rejected"], &report["empty_lines"]), (&json!(1), &json!(2)), "{report}");
    let mark = report["rejects"][0]["mark"].as_str().unwrap();
    let advice = format!("decide MARK --leave-out --reason TEXT --csv {name}");
    for text in [mark, "line 204 (row:", &advice] {
        assert!(output.stdout.contains(text), "{text}: {}", output.stdout);
    }
    let decide = async |row: &str| {
        let how = [
            "import",
            "resolve",
            "decide",
            row,
            "--leave-out",
            "--reason",
            "a total",
            "--csv",
            name,
            "--yes",
        ];
        clinic.run(&how).await.unwrap()
    };
    for (row, fault) in [("row:0123456789abcdef", "nothing is open about"), ("row:7", "such as row:")] {
        let refused = decide(row).await;
        assert!(refused.code == Some(2) && refused.stderr.contains(fault), "{}", refused.stderr);
    }
    assert_eq!(decide(mark).await.code, Some(0));
    let output = clinic.run(&last).await.unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stdout);
    assert!(output.stdout.contains("left out as decided"), "{}", output.stdout);
    let listed = clinic.run(&["import", "resolve", "list"]).await.unwrap().stdout;
    assert!(listed.contains(mark) && listed.contains("a total"), "{listed}");
    let withdraw = ["import", "resolve", "withdraw", mark, "--yes"];
    assert_eq!(clinic.run(&withdraw).await.unwrap().code, Some(0));
    assert_eq!(clinic.run(&last).await.unwrap().code, Some(1), "it is open again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_kept_by_decision_is_kept_when_the_old_system_wins() {
    let (old, system) = legacy_system::start(1).await;
    let clinic = Installation::open().await.unwrap();
    let url = old.url();
    let last = ["import", "run", "--from", &url, "--final", "--yes"];
    assert_eq!(clinic.run(&last).await.unwrap().code, Some(0));
    let unread = review_list(&clinic, &[]).await;
    let id = unread.iter().find(|row| row["status"] != "CANCELLED").unwrap()["id"].as_str().unwrap();
    let review = ["import", "review", "decide", id, "--period", "AFTERNOON", "--yes"];
    assert_eq!(clinic.run(&review).await.unwrap().code, Some(0));
    let change = "UPDATE reservations SET status = 'CANCELLED', \"preferredTime\" = '10:00' WHERE id = $1";
    system.execute(change, &[&id]).await.unwrap();
    let keep = [
        "import",
        "resolve",
        "decide",
        id,
        "--keep-ours",
        "--reason",
        "they called",
        "--from",
        &url,
        "--yes",
    ];
    assert_eq!(clinic.run(&keep).await.unwrap().code, Some(0));
    let output = clinic.run(&[&last[..], &["--old-wins"]].concat()).await.unwrap();
    assert_eq!(output.code, Some(0), "{}", output.stdout);
    for text in
        ["kept as decided", "By decision 1 row keeps Daybook's version, also where the old system wins."]
    {
        assert!(output.stdout.contains(text), "{text}: {}", output.stdout);
    }
    let database = clinic.connect().await.unwrap();
    let sql = "SELECT status::text FROM dynamic_1.reservations WHERE id = $1";
    let status: String = database.query_one(sql, &[&id]).await.unwrap().get(0);
    assert_ne!(status, "CANCELLED");
}
