//! Compares the legacy view with an oracle: one SQL statement over the events, which shares no code with the
//! projection.
//!
//! The other tests here compare results of the projection with each other; only this one shows that they are right. It
//! must never open a sealed text, and never print the text of a patient.

mod difference;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use daybook_commands::{Clock, Commands, Settings};
use daybook_domain::hours::{ClinicHoursSet, ClinicSlot};
use daybook_domain::time::{DayOfWeek, Period, Span};
use daybook_domain::{ClinicZone, HoursId, ReadModel};
use daybook_tests::clinic::{Clinic, desk, request};
use tokio_postgres::Client;

use crate::history::{TestRng, live, run_random_steps};
use difference::{Rows, first_difference};

const ORACLE: &str = include_str!("legacy_oracle.sql");

/// Event types that affect a row of the view. The histories must contain all of them.
const COVERED: [&str; 15] = [
    "ReservationRequested",
    "ReservationImported",
    "ReservationReimported",
    "ReservationMovedIn",
    "ReservationConfirmed",
    "ReservationRejected",
    "ReservationCancelled",
    "ReservationCompleted",
    "ReservationNoShowMarked",
    "ReservationNoShowCorrected",
    "ReservationCompletionCorrected",
    "ReservationRescheduled",
    "ReservationTimeAssigned",
    "AdminNoteWritten",
    "SubjectForgotten",
];

/// Event types that must not affect a row.
const UNRELATED: [&str; 5] =
    ["TimeClosed", "TimeReopened", "ServiceRenamed", "ServiceRetimed", "ServiceDeactivated"];

/// Required histories: a row that was imported again after its time was decided here, once with an unparsed and once
/// with a parsed time.
const REQUIRED_HISTORIES: [&str; 2] = [
    "payload ->> 'wish' IS NULL AND payload #>> '{placement,review}' IS NULL",
    "payload ->> 'wish' = ANY ('{09:00,10:40,15:30}') AND payload #>> '{placement,at,start}' <> payload ->> 'wish'",
];

/// Conditions on the oracle's rows, each of which at least one row must meet.
const REQUIRED_CONDITIONS: [&str; 10] = [
    r#""preferredTime" = '(sealed)'"#,
    r#""preferredTime" = '(erased)'"#,
    r#""preferredTime" LIKE '오전 0_:__'"#,
    r#""preferredTime" = '(sealed)' AND "readAs" = '06:30'"#,
    r#""preferredTime" = '오전 06:30' AND "patientName" = '(erased)' AND "readAs" IS NULL"#,
    r#""preferredTime" = '10:40' AND "readAs" = '(any)'"#,
    r#""preferredTime" = '오후'"#,
    r#""adminNotes" = '(sealed)' AND "patientName" = '(erased)'"#,
    r#""statusChangedBy" IS NULL AND status <> 'PENDING'"#,
    r#"version > 2 AND "createdAt" < "statusChangedAt" AND "statusChangedAt" < "updatedAt""#,
];

/// A clock that advances at each reading, so that no two times of a history are equal by accident.
#[derive(Debug)]
struct MovingClock {
    start: DateTime<Utc>,
    readings: AtomicI64,
}

/// The advance per reading. It is no whole number of milliseconds, which is the precision of the view.
const STEP_MICROS: i64 = 1_001_357;

impl Clock for MovingClock {
    fn now(&self) -> DateTime<Utc> {
        let readings = self.readings.fetch_add(1, Ordering::Relaxed);
        self.start + TimeDelta::microseconds(STEP_MICROS * readings)
    }
}

/// A clinic with a moving clock that opens early on Fridays.
async fn early_opening_clinic() -> Clinic {
    let mut clinic = Clinic::open().await.unwrap();
    let start = "2026-11-20T01:00:00.000123Z".parse().unwrap();
    let clock = Arc::new(MovingClock { start, readings: AtomicI64::new(0) });
    let settings =
        Settings { zone: ClinicZone::SEOUL, clock, bounds: daybook_commands::StrangerBounds::NONE };
    clinic.commands = Commands::open(clinic.log.clone(), clinic.vault.clone(), settings).await.unwrap();
    let hours = clinic.commands.hours();
    let mut slots: Vec<ClinicSlot> = hours.on("2026-12-04".parse().unwrap()).cloned().collect();
    slots.insert(
        0,
        ClinicSlot {
            id: HoursId::parse("cts_fri_early").unwrap(),
            period: Period::Morning,
            span: Span { start: "05:00".parse().unwrap(), end: "08:00".parse().unwrap() },
            ..slots[0].clone()
        },
    );
    let friday = ClinicHoursSet { day_of_week: DayOfWeek::from_date("2026-12-04".parse().unwrap()), slots };
    clinic.commands.set_hours(friday, desk()).await.unwrap();
    clinic
}

async fn derived(client: &Client) -> Rows {
    let statement = ORACLE.trim_end().trim_end_matches(';');
    Rows::read(client, &format!("SELECT to_jsonb(derived)::text FROM ({statement}) AS derived")).await
}

async fn shown(client: &Client, schema: &str) -> Rows {
    Rows::read(client, &format!("SELECT to_jsonb(shown)::text FROM {schema}.reservations AS shown")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_legacy_view_equals_the_oracle() {
    let (mut kinds, mut conditions, mut happened) =
        (BTreeSet::new(), BTreeSet::new(), [0; REQUIRED_HISTORIES.len()]);
    for seed in 40..52 {
        let clinic = early_opening_clinic().await;
        run_random_steps(&clinic, &mut TestRng::new(seed), 300).await;
        clinic.wait_for_views().await.unwrap();
        let client = clinic.database.connect().await.unwrap();
        let derived = derived(&client).await;
        assert!(derived.len() > 40, "seed {seed}: {} reservations", derived.len());
        let kept_up = live(&clinic, ReadModel::Legacy).await.schema();
        assert_eq!(first_difference(&derived, &shown(&client, &kept_up).await), None, "seed {seed}, live");
        clinic.rebuild().run(&[ReadModel::Legacy], &|_| {}).await.unwrap();
        let rebuilt = live(&clinic, ReadModel::Legacy).await.schema();
        assert_eq!(first_difference(&derived, &shown(&client, &rebuilt).await), None, "seed {seed}, rebuilt");
        kinds.extend(kinds_of(&client).await);
        conditions.extend(met_conditions(&client).await);
        for (times, condition) in happened.iter_mut().zip(REQUIRED_HISTORIES) {
            *times += repeated_imports(&client, condition).await;
        }
    }
    assert!(happened.iter().all(|times| *times > 0), "occurrences {happened:?} of {REQUIRED_HISTORIES:?}");
    let missing: Vec<_> = COVERED.iter().chain(&UNRELATED).filter(|kind| !kinds.contains(**kind)).collect();
    assert!(missing.is_empty(), "no history contains {missing:?}");
    let missing: Vec<_> =
        REQUIRED_CONDITIONS.iter().filter(|condition| !conditions.contains(**condition)).collect();
    assert!(missing.is_empty(), "no history leads to {missing:?}");
}

/// How many imports replaced an existing row, among the events that meet a condition.
async fn repeated_imports(client: &Client, condition: &str) -> i64 {
    let sql =
        format!("SELECT count(*) FROM event_log.events WHERE kind = 'ReservationReimported' AND {condition}");
    client.query_one(&sql, &[]).await.unwrap().get(0)
}

async fn kinds_of(client: &Client) -> Vec<String> {
    let rows = client.query("SELECT DISTINCT kind::text FROM event_log.events", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Which conditions of [`REQUIRED_CONDITIONS`] the rows meet.
async fn met_conditions(client: &Client) -> Vec<&'static str> {
    let statement = ORACLE.trim_end().trim_end_matches(';');
    let columns: Vec<String> = REQUIRED_CONDITIONS
        .iter()
        .map(|condition| format!("coalesce(bool_or({condition}), false)"))
        .collect();
    let sql = format!("SELECT {} FROM ({statement}) AS derived", columns.join(", "));
    let row = client.query_one(&sql, &[]).await.unwrap();
    REQUIRED_CONDITIONS
        .into_iter()
        .enumerate()
        .filter(|(place, _)| row.get(*place))
        .map(|(_, condition)| condition)
        .collect()
}

/// Changes to the single row of a view, and the column that the oracle names for each.
const FAULTS: [(&str, &str); 15] = [
    ("status", "status = 'NO_SHOW'"),
    ("version", "version = version + 1"),
    ("minutes", "minutes = minutes - 10"),
    ("service", "service = 'BODY_CARE'"),
    ("subject", "subject = gen_random_uuid()"),
    ("createdAt", r#""createdAt" = "createdAt" + interval '1 millisecond'"#),
    ("updatedAt", r#""updatedAt" = "updatedAt" + interval '1 millisecond'"#),
    ("statusChangedAt", r#""statusChangedAt" = "statusChangedAt" - interval '1 hour'"#),
    ("statusChangedBy", r#""statusChangedBy" = 'somebody'"#),
    ("preferredDate", r#""preferredDate" = "preferredDate" + 1"#),
    ("preferredTime", r#""preferredTime" = '홍길동 10:00'"#),
    ("patientName", r#""patientName" = '(erased)'"#),
    ("birthDate", r#""birthDate" = NULL"#),
    ("email", "email = '(erased)'"),
    ("id", "id = 'another'"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_in_any_column_is_found_and_reported_without_patient_texts() {
    let clinic = early_opening_clinic().await;
    let new_reservation = request(3, "srv_wrinkle_botox", "2026-12-01", "09:00", ReadModel::Legacy);
    clinic.commands.request(new_reservation, desk()).await.unwrap();
    clinic.wait_for_views().await.unwrap();
    let client = clinic.database.connect().await.unwrap();
    let schema = live(&clinic, ReadModel::Legacy).await.schema();
    let derived = derived(&client).await;
    assert_eq!(first_difference(&derived, &shown(&client, &schema).await), None);
    for (column, fault) in FAULTS {
        client.batch_execute(&format!("BEGIN; UPDATE {schema}.reservations SET {fault}")).await.unwrap();
        let report = first_difference(&derived, &shown(&client, &schema).await).unwrap();
        client.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(report.column, column, "{report:?}");
        assert!(!format!("{report:?}").contains('홍'), "{report:?}");
    }
}
