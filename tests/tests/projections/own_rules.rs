//! Times that a rule of the clinic parses: both views show the typed text and agree on its meaning, and a forgotten
//! patient leaves no text.

use std::io::Cursor;

use daybook_commands::ReservationChange;
use daybook_domain::phone::Phone;
use daybook_domain::schedule::{ReviewedTime, SlotAssignment};
use daybook_domain::{ReadModel, ReservationId};
use daybook_migration::import::{ImportReport, ImportRun};
use daybook_migration::import::{Rules, Source};
use daybook_projections::query::Queries;
use daybook_projections::verify;
use daybook_tests::clinic::{Clinic, desk};
use tokio_postgres::Client;

use crate::history::{contents, live};

const RULES: &str = r#"
[[rule]]
name = "lunch"
pattern = '점심때.*'
means = "12:30"
[[rule]]
name = "evening"
text = "10:40"
means = "AFTERNOON"
before = true
[[rule]]
name = "ask"
text = "오전 10시"
means = "REVIEW"
before = true
"#;

/// The id, the typed text, the column `readAs`, and the start and half-day in the dynamic view.
type Row = (String, Option<String>, Option<String>, Option<String>, Option<String>);

/// A time that staff decided here.
const PLACED_HERE: &str = "15:30";

const EXPORT: &str = "id,patientName,phone,email,birthDate,gender,treatmentType,preferredDate,preferredTime,status,\
    notes,adminNotes,createdAt,updatedAt,service,statusChangedAt,statusChangedBy\n";

async fn clinic_with_rows() -> Clinic {
    let clinic = Clinic::open().await.unwrap();
    import_rows(&clinic).await;
    clinic
}

async fn import_rows(clinic: &Clinic) {
    let report = export(clinic, ["점심때 김철수", "10:40", "오전 10시", "14:00"], "").await;
    assert_eq!(report.imported, 4);
}

async fn export(clinic: &Clinic, texts: [&str; 4], notes: &str) -> ImportReport {
    let row = |(number, text): (usize, &str)| {
        format!(
            "old-{number},홍길순,010-1000-000{number},,1963-04-30 00:00:00,FEMALE,FOLLOW_UP,2026-12-01,{text},PENDING,{notes},,\
             2025-03-04 02:15:00,2025-03-06 06:45:00,SKIN_CARE,2025-03-05 06:45:00,\n"
        )
    };
    let export = format!("{EXPORT}{}", texts.into_iter().enumerate().map(row).collect::<String>());
    let takeover = ImportRun { rules: Rules::parse(RULES).unwrap(), ..ImportRun::default() };
    let source = Source::csv(Cursor::new(export.into_bytes()));
    let report = takeover.run(&clinic.commands, source, &|_| {}).await.unwrap();
    clinic.wait_for_views().await.unwrap();
    report
}

async fn shown(clinic: &Clinic, client: &Client) -> Vec<Row> {
    let (legacy, dynamic) =
        (live(clinic, ReadModel::Legacy).await.schema(), live(clinic, ReadModel::Dynamic).await.schema());
    let sql = format!(
        r#"SELECT id, l."preferredTime", l."readAs", d."timeSlotStart", d.period::text, d."requestedTime"
           FROM {legacy}.reservations l JOIN {dynamic}.reservations d USING (id) ORDER BY id"#
    );
    let rows = client.query(&sql, &[]).await.unwrap();
    for row in &rows {
        let [typed, requested]: [Option<&str>; 2] = [row.get(1), row.get(5)];
        let erased = requested == Some(daybook_projections::ERASED);
        let placed_here = typed == Some(PLACED_HERE);
        assert!(erased || placed_here || typed == requested, "{typed:?} and {requested:?}");
    }
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4))).collect()
}

fn row(id: &str, typed: &str, [read_as, start, period]: [Option<&str>; 3]) -> Row {
    let own = |text: Option<&str>| text.map(str::to_owned);
    (id.to_owned(), own(Some(typed)), own(read_as), own(start), own(period))
}

#[tokio::test(flavor = "multi_thread")]
async fn both_views_show_the_typed_text_and_agree_on_its_meaning() {
    let clinic = clinic_with_rows().await;
    let client = clinic.database.connect().await.unwrap();
    let expected = [
        row("old-0", "점심때 김철수", [Some("12:30"), Some("12:30"), Some("AFTERNOON")]),
        row("old-1", "10:40", [Some("AFTERNOON"), None, Some("AFTERNOON")]),
        row("old-2", "오전 10시", [Some("REVIEW"), None, None]),
        row("old-3", "14:00", [None, Some("14:00"), Some("AFTERNOON")]),
    ];
    assert_eq!(shown(&clinic, &client).await, expected);
    assert_eq!(
        queried_times(&clinic, ReadModel::Legacy).await,
        queried_times(&clinic, ReadModel::Dynamic).await
    );
    let verdict = verify(clinic.log.as_ref(), &clinic.vault, &clinic.pool).await.unwrap();
    assert!(verdict.agrees(), "{verdict:?}");
}

/// The time of each reservation in a view's queries, and its slot for the capacity rules.
async fn queried_times(clinic: &Clinic, model: ReadModel) -> Vec<(String, SlotAssignment)> {
    let generation = live(clinic, model).await;
    let queries = Queries::new(clinic.database.config(), clinic.pool.clone());
    let date = "2026-12-01".parse().unwrap();
    let days = queries.days(generation, date, date).await.unwrap().value;
    let mut queried_times = Vec::new();
    for number in 0..4 {
        let id = ReservationId::parse(format!("old-{number}")).unwrap();
        let text = queries.reservation(generation, &id).await.unwrap().value.unwrap().preferred_time;
        let book = &days.sheets[&date].book;
        queried_times.push((text, book.booking(&id).unwrap().placement));
    }
    queried_times
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_patient_leaves_the_time_and_no_text() {
    let clinic = clinic_with_rows().await;
    let client = clinic.database.connect().await.unwrap();
    for number in [0, 1] {
        let phone = Phone::parse(&format!("010-1000-000{number}")).unwrap();
        clinic.commands.forget(&phone, desk()).await.unwrap();
    }
    clinic.wait_for_views().await.unwrap();
    let expected = [
        row("old-0", "12:30", [None, Some("12:30"), Some("AFTERNOON")]),
        row("old-1", "10:40", [Some("AFTERNOON"), None, Some("AFTERNOON")]),
    ];
    assert_eq!(shown(&clinic, &client).await[..2], expected);
    let mut before = Vec::new();
    for model in ReadModel::ALL {
        before.push(contents(&clinic, live(&clinic, model).await).await);
    }
    clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
    for (model, before) in ReadModel::ALL.into_iter().zip(before) {
        assert_eq!(contents(&clinic, live(&clinic, model).await).await, before, "{model}");
        assert!(!format!("{before:?}").contains("김철수"));
    }
    let verdict = verify(clinic.log.as_ref(), &clinic.vault, &clinic.pool).await.unwrap();
    assert!(verdict.agrees(), "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_import_reads_the_time_again_and_keeps_local_decisions() {
    let clinic = clinic_with_rows().await;
    let client = clinic.database.connect().await.unwrap();
    let decide = async |number: u32, meant| {
        let (date, id) =
            ("2026-12-01".parse().unwrap(), ReservationId::parse(format!("old-{number}")).unwrap());
        clinic.commands.change(date, id, None, ReservationChange::ReviewTime(meant), desk()).await.unwrap();
    };
    decide(0, ReviewedTime::At(PLACED_HERE.parse().unwrap())).await;
    let report = export(&clinic, ["점심때 김철수", "11:00", "오전 10시", "점심때"], "more").await;
    assert_eq!((report.updated, report.conflicts), (4, 0), "{report:?}");
    let expected = [
        row("old-0", PLACED_HERE, [None, Some(PLACED_HERE), Some("AFTERNOON")]),
        row("old-1", "11:00", [None, Some("11:00"), Some("MORNING")]),
        row("old-2", "오전 10시", [Some("REVIEW"), None, None]),
        row("old-3", "점심때", [Some("12:30"), Some("12:30"), Some("AFTERNOON")]),
    ];
    assert_eq!(shown(&clinic, &client).await, expected);
    // A rule left it to staff, also after a repeated import.
    decide(2, ReviewedTime::At("09:00".parse().unwrap())).await;
    clinic.wait_for_views().await.unwrap();
    let phone = Phone::parse("010-1000-0003").unwrap();
    clinic.commands.forget(&phone, desk()).await.unwrap();
    clinic.wait_for_views().await.unwrap();
    let mut before = Vec::new();
    for model in ReadModel::ALL {
        before.push(contents(&clinic, live(&clinic, model).await).await);
    }
    clinic.rebuild().run(&ReadModel::ALL, &|_| {}).await.unwrap();
    for (model, before) in ReadModel::ALL.into_iter().zip(before) {
        assert_eq!(contents(&clinic, live(&clinic, model).await).await, before, "{model}");
    }
    let verdict = verify(clinic.log.as_ref(), &clinic.vault, &clinic.pool).await.unwrap();
    assert!(verdict.agrees(), "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_older_than_the_rules_applies_them() {
    let clinic = Clinic::open().await.unwrap();
    let client = clinic.database.connect().await.unwrap();
    let schema = live(&clinic, ReadModel::Legacy).await.schema();
    let drop = format!(r#"ALTER TABLE {schema}.reservations DROP COLUMN "readAs" CASCADE"#);
    client.batch_execute(&drop).await.unwrap();
    // The old system's own table may exist beside it.
    let old = include_str!("../commands/legacy_schema.sql");
    client.batch_execute(old).await.unwrap();
    client.batch_execute(&migration()).await.unwrap();
    let columns = r#"SELECT count(*) FROM pg_attribute WHERE attname = 'readAs'
        AND attrelid = 'public.reservations'::regclass"#;
    assert_eq!(
        client.query_one(columns, &[]).await.unwrap().get::<_, i64>(0),
        0,
        "the table of the old system is left alone"
    );
    import_rows(&clinic).await;
    let verdict = verify(clinic.log.as_ref(), &clinic.vault, &clinic.pool).await.unwrap();
    assert!(verdict.agrees(), "{verdict:?}");
}

/// The migration that adds the column. It is found by name, because its number may change before the release.
fn migration() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut found = files.filter(|path| path.to_string_lossy().ends_with("__legacy_read_as.sql"));
    std::fs::read_to_string(found.next().unwrap()).unwrap()
}
