//! The analysis of a source, the clinic's own rules, and the rehearsal of a run. Each predicts the effect of a run and
//! changes nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::io::Cursor;

use daybook_commands::Commands;
use daybook_domain::requested_time::Ambiguity;
use daybook_domain::schedule::{ScheduleEvent, SlotAssignment};
use daybook_domain::{Event, Period};
use daybook_migration::import::{Analysis, AnomalyKind, Place, Reason, Rules, Samples, Source};
use daybook_migration::import::{ImportReport, ImportRun};
use daybook_vault::PatientDetails;

use crate::clinic::{Clinic, Process};
use crate::import::EXPORT;

const CORPUS: &str = include_str!("../../fixtures/preferred_time_corpus.tsv");

/// Rules for the times that the built-in grammar cannot read. They also override one time that it can read.
const RULES: &str = r#"
[[rule]]
name = "lunch"
text = "점심시간"
means = "12:30"
[[rule]]
name = "evening"
pattern = '(퇴근 후|저녁).*'
means = "AFTERNOON"
[[rule]]
name = "idle"
text = "해질녘"
means = "REVIEW"
"#;

fn csv(text: impl Into<Vec<u8>>) -> Source {
    Source::csv(Cursor::new(text.into()))
}

fn by(rules: &Rules) -> ImportRun {
    ImportRun { rules: rules.clone(), ..ImportRun::default() }
}

async fn analyzed(text: impl Into<Vec<u8>>, rules: &Rules, samples: Samples) -> Analysis {
    by(rules).analyze(None, csv(text), samples, &|_| {}).await.unwrap()
}

async fn rehearsed(commands: Option<&Commands>, rules: &Rules) -> ImportReport {
    by(rules).rehearse(commands, csv(EXPORT), &|_| {}).await.unwrap()
}

async fn run(process: &Process, text: impl Into<Vec<u8>>, rules: &Rules) -> ImportReport {
    by(rules).run(&process.commands, csv(text), &|_| {}).await.unwrap()
}

/// Returns the report that a rehearsal should give for a completed run.
fn reckoned(done: &ImportReport) -> ImportReport {
    ImportReport { position: None, next_since: None, ..done.clone() }
}

fn header() -> &'static str {
    EXPORT.lines().next().unwrap()
}

/// Returns a row of the old table. 2025-03-28 is a Friday.
fn row(id: &str, date: &str, time: &str) -> String {
    format!(
        "{id},Nobody,010-0000-0001,,1990-01-02 00:00:00,MALE,FIRST_VISIT,{date},{time},PENDING,,,\
         2025-03-01 00:00:00,2025-03-01 00:00:00,SKIN_CARE,2025-03-01 00:00:00,\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analysis_counts_every_row_of_the_export_as_a_run_would() {
    let analysis = analyzed(EXPORT, &Rules::default(), Samples::Times).await;
    assert_eq!((analysis.rows, analysis.run.read, analysis.run.imported), (200, 200, 200));
    let formats: u64 = analysis.formats.iter().map(|format| format.rows).sum();
    assert_eq!(formats + analysis.rows_of_other_formats, 200);
    for format in &analysis.formats {
        let outcomes: u64 = format.outcomes.iter().map(|outcome| outcome.rows).sum();
        assert_eq!(outcomes, format.rows, "{format:?}");
    }
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    let mut export = csv::Reader::from_reader(EXPORT.as_bytes());
    for record in export.deserialize::<BTreeMap<String, String>>() {
        *counted.entry(record.unwrap()["service"].clone()).or_default() += 1;
    }
    let services = analysis.services.iter().map(|(service, rows)| (service.to_string(), *rows));
    assert_eq!(services.collect::<BTreeMap<_, _>>(), counted);
    assert_eq!(analysis.statuses, analysis.run.by_status);
    assert_eq!(analysis.run.review, BTreeMap::from([(Ambiguity::Empty, 1), (Ambiguity::NotATime, 5)]));
    let (_clinic, process) = Clinic::set_up().await;
    let done = run(&process, EXPORT, &Rules::default()).await;
    assert_eq!(analysis.run, reckoned(&done));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_format_tells_its_days_its_samples_and_its_rule() {
    let rows = [
        row("a", "2025-03-28", "오전 9시"),
        row("b", "2025-03-03", "오전 8시"),
        row("c", "2025-03-29", "오전 9시"),
        row("d", "2025-03-28", "김철수 저녁"),
    ];
    let text = format!("{}\n{}", header(), rows.concat());
    let analysis = analyzed(text.clone(), &Rules::default(), Samples::Times).await;
    let shown = serde_json::to_value(&analysis.formats).unwrap();
    let expected = serde_json::json!([
        {
            "format": "오전 N시", "rows": 3, "percent": 75.0, "earliest": "2025-03-03", "latest": "2025-03-29",
            "samples": [{"text": "오전 9시", "becomes": "09:00"}, {"text": "오전 8시", "becomes": "08:00"}],
            "outcomes": [{"becomes": "TIME", "by": {"built_in": "hour-with-marker"}, "rows": 3}],
        },
        {
            "format": "○○○ ○○", "rows": 1, "percent": 25.0, "earliest": "2025-03-28", "latest": "2025-03-28",
            "samples": [],
            "outcomes": [{"becomes": "REVIEW NOT_A_TIME", "by": "no_rule", "rows": 1}],
        },
    ]);
    assert_eq!(shown, expected);
    let json = serde_json::to_string(&analysis).unwrap();
    assert!(!json.contains("김철수") && !json.contains("Nobody") && !json.contains("010-"), "{json}");
    let all = analyzed(text, &Rules::default(), Samples::All).await;
    assert_eq!(all.formats[1].samples[0].text, "김철수 저녁", "shown where that was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_odd_is_counted_with_its_places() {
    let text = format!(
        "{}\n{}",
        header(),
        [
            row("no-time", "2025-03-28", ""),
            row("empty", "2025-03-28", "\" \""),
            row("sunday", "2025-03-30", "10:00"),
            row("late", "2025-03-28", "22:00"),
            row("lunch", "2025-03-28", "12:30"),
            row("late", "2025-03-28", "10:00"),
            row("february", "2025-02-30", "10:00"),
            row("word", "2025-03-28", "10:00").replace("SKIN_CARE", "TELEPORT"),
        ]
        .concat()
    );
    let analysis = analyzed(text, &Rules::default(), Samples::Times).await;
    let found: Vec<_> = analysis
        .anomalies
        .iter()
        .map(|odd| (odd.what, odd.field.unwrap(), odd.is_rejected, odd.places.clone()))
        .collect();
    let at = |lines: &[u64]| lines.iter().map(|line| Place::Line(*line)).collect::<Vec<_>>();
    let expected = [
        (AnomalyKind::NullTime, "preferredTime", false, at(&[2])),
        (AnomalyKind::EmptyTime, "preferredTime", false, at(&[3])),
        (AnomalyKind::ClosedDay, "preferredDate", false, at(&[4])),
        (AnomalyKind::OutsideHours, "preferredTime", false, at(&[5, 6])),
        (AnomalyKind::Rejected(Reason::NotADate), "preferredDate", true, at(&[8])),
        (AnomalyKind::Rejected(Reason::UnknownWord), "service", true, at(&[9])),
        (AnomalyKind::Rejected(Reason::DuplicateId), "id", true, at(&[7])),
    ];
    assert_eq!(found, expected);
    let kinds = serde_json::to_value(analysis.anomalies).unwrap();
    assert_eq!((&kinds[0]["what"], &kinds[4]["what"]), (&"NULL_TIME".into(), &"NOT_A_DATE".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_text_of_the_corpus_becomes_what_is_listed() {
    let days = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"];
    let (mut rows, mut times, mut review) = (String::new(), 0, 0);
    let mut periods: BTreeMap<Period, u64> = BTreeMap::new();
    for (number, line) in CORPUS.lines().skip(1).enumerate() {
        let [raw, weekday, time, period] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        let day = 1 + days.iter().position(|day| *day == weekday).unwrap();
        let quoted = format!("\"{}\"", raw.replace('"', "\"\""));
        // 1 September 2025 is a Monday.
        rows.push_str(&row(&format!("r{number}"), &format!("2025-09-{day:02}"), &quoted));
        times += u64::from(time.contains(':'));
        review += u64::from(time == "REVIEW");
        if let Ok(period) = period.parse() {
            *periods.entry(period).or_default() += 1;
        }
    }
    let analysis = analyzed(format!("{}\n{rows}", header()), &Rules::default(), Samples::Times).await;
    let outcomes = || analysis.formats.iter().flat_map(|format| &format.outcomes);
    let counted = |kind: &str| -> u64 {
        outcomes().filter(|o| o.becomes.to_string().starts_with(kind)).map(|o| o.rows).sum()
    };
    assert_eq!((analysis.run.imported, counted("TIME"), counted("REVIEW")), (80, times, review));
    assert_eq!((analysis.run.by_period.clone(), analysis.run.review_total()), (periods, review));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_show_what_they_change_and_which_of_them_decide_nothing() {
    let rules = Rules::parse(RULES).unwrap();
    let times = ["점심시간", "저녁 6시 이후", "점심시간 ", "09:00"];
    let rows = times.iter().enumerate().map(|(n, time)| row(&format!("r{n}"), "2025-03-28", time));
    let text = format!("{}\n{}", header(), rows.collect::<String>());
    let analysis = analyzed(text, &rules, Samples::Times).await;
    let shown = serde_json::to_value(&analysis.rules).unwrap();
    let expected = serde_json::json!([
        {"name": "lunch", "rows": 2, "changes": [{"before": "REVIEW NOT_A_TIME", "after": "12:30", "rows": 2}]},
        {"name": "evening", "rows": 1,
         "changes": [{"before": "REVIEW NOT_A_TIME", "after": "AFTERNOON", "rows": 1}]},
        {"name": "idle", "rows": 0, "changes": []},
    ]);
    assert_eq!(shown, expected);
    assert_eq!(analysis.run.review_total(), 0);
}

/// Returns a source whose times only the clinic's rules can read. One of the times contains a name.
fn unread_rows() -> String {
    let times = ["점심시간", "저녁 김철수", "해질녘", "09:00"];
    let rows = times.iter().enumerate().map(|(n, time)| row(&format!("r{n}"), "2025-03-28", time));
    format!("{}\n{}", header(), rows.collect::<String>())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_places_by_the_rules_and_keeps_the_texts_sealed() {
    let (_clinic, process) = Clinic::set_up().await;
    let rules = Rules::parse(RULES).unwrap();
    let done = run(&process, unread_rows(), &rules).await;
    assert_eq!((done.imported, done.review), (4, BTreeMap::from([(Ambiguity::NotATime, 1)])));
    let shown: Vec<_> = imported(&process).await;
    let at = |start: &str, period| SlotAssignment::At { start: start.parse().unwrap(), period };
    let sealed = |id: &str, placement, text: &str| (id.to_owned(), placement, None, Some(text.to_owned()));
    let expected = vec![
        sealed("r0", at("12:30", Period::Afternoon), "점심시간"),
        sealed("r1", SlotAssignment::Period(Period::Afternoon), "저녁 김철수"),
        sealed("r2", SlotAssignment::Review(Ambiguity::NotATime), "해질녘"),
        ("r3".to_owned(), at("09:00", Period::Morning), Some("09:00".into()), None),
    ];
    assert_eq!(shown, expected);
}

type Taken = (String, SlotAssignment, Option<Box<str>>, Option<String>);

/// Returns the imported reservations by ID, with their placement, plain text and sealed text.
async fn imported(process: &Process) -> Vec<Taken> {
    let mut taken = Vec::new();
    for event in process.all_events().await {
        let Event::Schedule(ScheduleEvent::ReservationImported(row)) = event else { continue };
        let details = process.opened(&row.details, &row.reservation).await.unwrap();
        let unread = PatientDetails::from_text(&details).unwrap().unread_wish.map(String::from);
        taken.push((row.reservation.to_string(), row.placement, row.wish, unread));
    }
    taken.sort_by(|a, b| a.0.cmp(&b.0));
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_says_what_the_run_then_does_and_appends_nothing() {
    let (_clinic, process) = Clinic::set_up().await;
    let rules = Rules::parse(RULES).unwrap();
    let head = || async { process.all_events().await.len() };
    let before = head().await;
    let without_a_clinic = rehearsed(None, &rules).await;
    let rehearsal = rehearsed(Some(&process.commands), &rules).await;
    assert_eq!(head().await, before);
    let done = run(&process, EXPORT, &rules).await;
    let expected = reckoned(&done);
    assert_eq!((&rehearsal, &without_a_clinic), (&expected, &expected));
    assert!(done.position.is_some() && head().await > before);
    let after = head().await;
    let again = rehearsed(Some(&process.commands), &rules).await;
    assert_eq!((again.imported, again.already_there, again.by_status), (0, 200, done.by_status));
    assert_eq!(head().await, after);
    assert_eq!(again.position, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_that_was_not_set_up_is_read_by_the_first_services_and_hours() {
    let clinic = Clinic::empty().await;
    let process = clinic.process().await;
    let rehearsal = rehearsed(Some(&process.commands), &Rules::default()).await;
    assert_eq!((rehearsal.imported, rehearsal.rejected), (200, 0));
    assert_eq!(process.all_events().await.len(), 0, "nothing was set up by it");
}
