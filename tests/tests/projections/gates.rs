//! The gates of the migration, each with a history or fault that meets it and one that does not, and its figures.

mod parity;
mod phases;
mod rows;
mod stage_history;
mod traffic;

use std::io::Cursor;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use daybook_commands::Commands;
use daybook_domain::ClinicZone;
use daybook_domain::routing::{
    AdvanceStage, ChecklistItem, ChecklistItemDone, Finding, Gate, GateResult, LogPlace, Override,
    RoutingCommand, Stage,
};
use daybook_migration::import::ImportRun;
use daybook_migration::import::Source;
use daybook_migration::{GateSettings, Gates, Measured};
use daybook_projections::verify;
use daybook_tests::clinic::{Clinic, FixedClock, desk};

/// Two hundred reservations of invented patients, as the old system exports them.
const EXPORT: &str = include_str!("../../fixtures/legacy_reservations.csv");

/// This many hours after the clinic's first start.
fn hour(hours: i64) -> DateTime<Utc> {
    let morning: DateTime<Utc> = "2026-11-20T01:00:00Z".parse().unwrap();
    morning + TimeDelta::hours(hours)
}

/// A clinic that has imported the old system's reservations.
async fn migrated_clinic() -> Clinic {
    let clinic = Clinic::open().await.unwrap();
    let report =
        ImportRun::default().run(&clinic.commands, Source::csv(Cursor::new(EXPORT)), &|_| {}).await.unwrap();
    assert_eq!(report.imported, 200);
    clinic.wait_for_views().await.unwrap();
    clinic
}

/// The write side with its clock at a later hour.
async fn commands_at(clinic: &Clinic, hours: i64) -> Commands {
    let settings = daybook_commands::Settings {
        zone: ClinicZone::SEOUL,
        clock: Arc::new(FixedClock(hour(hours))),
        bounds: daybook_commands::StrangerBounds::NONE,
    };
    Commands::open(clinic.log.clone(), clinic.vault.clone(), settings).await.unwrap()
}

/// Records a routing change at a later hour.
async fn change(clinic: &Clinic, hours: i64, command: RoutingCommand) {
    commands_at(clinic, hours).await.change_routing(command, desk()).await.unwrap();
    clinic.wait_for_views().await.unwrap();
}

/// Enters a stage and overrides its gates.
async fn enter(clinic: &Clinic, stage: Stage, hours: i64) {
    let overridden = Some(Override { reason: "a test".into(), approver: None });
    let position = LogPlace { commit: 1, prepare: 1 };
    let advance = AdvanceStage { stage, position, gates: vec![], overridden, reason: None };
    change(clinic, hours, RoutingCommand::AdvanceStage(advance)).await;
}

/// Enters all stages up to this one, one per hour, the last one in the given hour.
async fn enter_up_to(clinic: &Clinic, stage: Stage, hours: i64) {
    let stages: Vec<Stage> =
        Stage::ALL.into_iter().filter(|one| (Stage::Shadow..=stage).contains(one)).collect();
    for (later, stage) in (0..).zip(stages.iter().rev()).collect::<Vec<_>>().into_iter().rev() {
        enter(clinic, *stage, hours - later).await;
    }
}

async fn complete_item(clinic: &Clinic, item: ChecklistItem, hours: i64) {
    let evidence = format!("noted in hour {hours}").into();
    change(clinic, hours, RoutingCommand::CompleteChecklistItem(ChecklistItemDone { item, evidence })).await;
}

fn gates(clinic: &Clinic) -> Gates {
    Gates::new(clinic.log.clone(), clinic.pool.clone(), GateSettings::default())
}

/// Measures on a separate task, as a server does.
async fn measure(clinic: &Clinic, stage: Stage, hours: i64) -> Measured {
    let gates = gates(clinic);
    tokio::spawn(async move { gates.measure(stage, hour(hours)).await }).await.unwrap().unwrap()
}

async fn gate(clinic: &Clinic, gate: Gate, stage: Stage, hours: i64) -> GateResult {
    let measured = measure(clinic, stage, hours).await;
    measured.gates.into_iter().find(|result| result.gate == gate).unwrap()
}

async fn run(clinic: &Clinic, sql: &str) {
    clinic.database.connect().await.unwrap().batch_execute(sql).await.unwrap();
}

/// Inserts a window of one hour with four numbers for a model: requests, failed requests, compared reads, and differing
/// reads.
async fn window(
    clinic: &Clinic,
    model: &str,
    hours: i64,
    [requests, failed, compared, mismatched]: [i64; 4],
) {
    let sql = "INSERT INTO control.read_windows (process, model, started_at, ended_at, requests, failed, by_share, compared,
                                                 mismatched)
               VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, 0, $6, $7)";
    let (from, to) = (hour(hours), hour(hours + 1));
    let client = clinic.database.connect().await.unwrap();
    client.execute(sql, &[&model, &from, &to, &requests, &failed, &compared, &mismatched]).await.unwrap();
}

#[track_caller]
fn assert_found(result: &GateResult, finding: Finding, found: &str) {
    assert_eq!((result.finding, &*result.found), (finding, found), "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_well_migrated_clinic_meets_the_gates_of_the_first_canary() {
    let clinic = migrated_clinic().await;
    enter(&clinic, Stage::Shadow, 0).await;
    for item in [ChecklistItem::BackupMade, ChecklistItem::RestoreTested, ChecklistItem::ContactsFilled] {
        complete_item(&clinic, item, 0).await;
    }
    window(&clinic, "legacy", 0, [5_000, 0, 1_200, 0]).await;
    let verdict = verify(&*clinic.log, &clinic.vault, &clinic.pool).await.unwrap();
    assert!(verdict.agrees());
    let measured = measure(&clinic, Stage::Canary5, 2).await;
    let found: Vec<(Gate, &str)> =
        measured.gates.iter().map(|result| (result.gate, &*result.found)).collect();
    assert!(measured.is_met(), "{:?}", measured.gates);
    let days = verdict.days_compared;
    let at = verdict.position;
    let parity = found.iter().find(|(gate, _)| *gate == Gate::Parity).unwrap().1;
    assert!(parity.starts_with(&format!("200 reservations compared in full at position {at}, ")), "{parity}");
    let end = format!(" ago without a difference; the digests of {days} days are equal at position {at}");
    assert!(parity.ends_with(&end), "{parity}");
    let lag = format!("dynamic_1 and legacy_1 at or after position {at}");
    let expected = [
        (Gate::Services, "6 services, 6 active; 6 of 6 enum values have a service"),
        (Gate::Hours, "11 rows (6 MORNING, 5 AFTERNOON): 0 missing, 0 not in the log"),
        (
            Gate::ServiceFields,
            "200 reservations: 0 without a service id, 0 without a service name, 0 without a duration",
        ),
        (Gate::Periods, "194 of 200 reservations have a period (97 %), 6 await review"),
        (Gate::PeriodSplit, "98 MORNING (50.52 %), 96 AFTERNOON (49.48 %)"),
        (
            Gate::Mappings,
            "200 reservations in both views: 0 with a wrong enum value, 0 shown as OTHER_CONSULTATION because the enum lacks their \
             service",
        ),
        (
            Gate::OldFields,
            "200 reservations in the legacy view, 200 in the dynamic view: 0 only in legacy, 0 only in dynamic, 0 without a \
             service, 0 with an unknown service. No time text is missing; 1 was empty in the old system.",
        ),
        (Gate::Lag, &*lag),
        (Gate::Parity, parity),
        (Gate::Parked, "0 parked events in dynamic_1, 0 parked events in legacy_1"),
        (Gate::Soak, "2h in shadow"),
        (Gate::ShadowReads, "1200 reads compared in shadow: 0 differed"),
        (Gate::Backup, "backup: 2h ago; restore test: 2h ago"),
        (Gate::Contacts, "filled in: 2h ago"),
    ];
    assert_eq!(found, expected);

    let json = serde_json::to_string(&measured).unwrap();
    for patient in csv_column(1).into_iter().chain(csv_column(2)) {
        assert!(!json.contains(&patient), "{patient}");
    }
    let (stage, position, gates) = (Stage::Canary5, measured.position, measured.gates);
    let advance = AdvanceStage { stage, position, gates, overridden: None, reason: None };
    change(&clinic, 2, RoutingCommand::AdvanceStage(advance)).await;
}

fn csv_column(column: usize) -> Vec<String> {
    let rows = EXPORT.lines().skip(1);
    let cells: Vec<String> = rows.filter_map(|row| row.split(',').nth(column)).map(str::to_owned).collect();
    assert_eq!(cells.len(), 200);
    cells.into_iter().filter(|cell| !cell.is_empty()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn views_without_a_leader_are_reported_with_their_lag() {
    let clinic = migrated_clinic().await;
    clinic.stop_engine();
    tokio::time::timeout(daybook_tests::clinic::PATIENCE, async {
        // The engine may still be in a batch. It has stopped once an event remains unapplied.
        loop {
            complete_item_without_views(&clinic).await;
            let lag = gate(&clinic, Gate::Lag, Stage::Shadow, 0).await;
            if lag.finding == Finding::NotMet {
                break lag;
            }
        }
    })
    .await
    .map(|lag| {
        let text =
            "dynamic_1 is 1 event behind, legacy_1 is 1 event behind; `daybook status` shows the leader";
        assert_found(&lag, Finding::NotMet, text);
    })
    .unwrap();
}

/// Records an event without waiting for the views.
async fn complete_item_without_views(clinic: &Clinic) {
    let evidence = format!("{}", uuid::Uuid::now_v7()).into();
    let done = ChecklistItemDone { item: ChecklistItem::TeamTrained, evidence };
    clinic.commands.change_routing(RoutingCommand::CompleteChecklistItem(done), desk()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn gates_that_need_a_missing_view_are_unmet_and_name_the_remedy() {
    let clinic = migrated_clinic().await;
    run(&clinic, "UPDATE control.generations SET state = 'kept' WHERE model = 'legacy'").await;
    let measured = measure(&clinic, Stage::Shadow, 0).await;
    let remedy = "the legacy view has no live generation; run `daybook projection rebuild legacy`";
    let unmet: Vec<Gate> =
        measured.gates.iter().filter(|result| &*result.found == remedy).map(|result| result.gate).collect();
    assert_eq!(unmet, [Gate::Mappings, Gate::OldFields, Gate::Lag, Gate::Parity, Gate::Parked]);
    assert!(measured.gates.iter().all(|result| result.is_met() || !result.asked.is_empty()));
    run(&clinic, "UPDATE control.generations SET state = 'kept' WHERE model = 'dynamic'").await;
    let measured = measure(&clinic, Stage::Shadow, 0).await;
    let met = measured.gates.iter().filter(|result| result.is_met()).count();
    assert_eq!(met, 0, "{:?}", measured.gates);
}
