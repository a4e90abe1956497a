//! The migration in its reports: the current stage, the effect of a step, the patients it moves, and the history.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use daybook_domain::phone::Phone;
use daybook_domain::routing::StepCause;
use daybook_domain::routing::{
    AdvanceStage, ChecklistItem, ChecklistItemDone, DynamicShareSet, FlagsObserved, Gate, Guardrail,
    GuardrailTripped, LogPlace, Override, RollBackStage, RolloutPercentage, RoutedSubject, RoutingCommand,
    Stage,
};
use daybook_domain::{Actor, ReadModel};
use daybook_migration::rollout::MovedPatients;
use daybook_projections::verify;
use daybook_tests::clinic::{Clinic, desk, request};

use crate::history::{TestRng, run_random_steps};

/// The time on the tests' clock.
fn now() -> DateTime<Utc> {
    "2026-11-20T01:00:00Z".parse().unwrap()
}

async fn change(clinic: &Clinic, command: RoutingCommand) {
    clinic.commands.change_routing(command, desk()).await.unwrap();
}

/// Enters a stage and overrides its gates.
async fn enter(clinic: &Clinic, stage: Stage) {
    let overridden = Some(Override { reason: "a test".into(), approver: Some("lee".into()) });
    let position = LogPlace { commit: 1, prepare: 1 };
    let stage_change = AdvanceStage { stage, position, gates: vec![], overridden, reason: Some("go".into()) };
    change(clinic, RoutingCommand::AdvanceStage(stage_change)).await;
}

/// Makes one booking for each of this many patients, within the daily limits of the legacy view, and waits for the
/// views.
async fn book(clinic: &Clinic, patients: u32) {
    for patient in 0..patients {
        let date = format!("2026-12-{:02}", 1 + patient / 10);
        let new_reservation = request(patient, "srv_other_consultation", &date, "오전", ReadModel::Legacy);
        clinic.commands.request(new_reservation, desk()).await.unwrap();
    }
    clinic.wait_for_views().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_counts_exactly_the_patients_that_the_step_moves() {
    let clinic = Clinic::open().await.unwrap();
    let patients = 40;
    book(&clinic, patients).await;
    let dynamic = async || {
        let routing = clinic.commands.routing();
        let subject = |number| {
            let phone = Phone::parse(&format!("010-1000-{number:04}")).unwrap();
            RoutedSubject::patient(clinic.commands.subject(&phone))
        };
        let is_dynamic = |number: &u32| routing.choose(Some(&subject(*number))).0 == ReadModel::Dynamic;
        (0..patients).filter(is_dynamic).collect::<BTreeSet<u32>>()
    };
    for stage in [Stage::Shadow, Stage::Canary5, Stage::Canary25, Stage::Canary50, Stage::Dynamic] {
        let before = dynamic().await;
        let plan = clinic.migration().plan(None, now()).await.unwrap();
        assert_eq!(plan.to, stage);
        enter(&clinic, stage).await;
        let after = dynamic().await;
        let moved = after.symmetric_difference(&before).count() as u64;
        let moved_percent = moved as f64 * 100.0 / f64::from(patients);
        assert_eq!(plan.people, MovedPatients { known: patients.into(), moved, moved_percent }, "{stage}");
    }
    assert_eq!(dynamic().await.len(), patients as usize);
    let back = clinic.migration().plan(Some(Stage::Legacy), now()).await.unwrap();
    assert_eq!(back.people.moved, u64::from(patients));
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_legacy_cannot_show_are_those_declared_by_a_full_comparison() {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(11), 250).await;
    clinic.wait_for_views().await.unwrap();
    let verdict = verify(&*clinic.log, &clinic.vault, &clinic.pool).await.unwrap();
    let plan = clinic.migration().plan(None, now()).await.unwrap();
    assert_eq!(Some(plan.declared), verdict.declared);
    let declared = plan.declared;
    let kinds =
        [declared.period_without_time, declared.service_without_enum_value, declared.time_under_review];
    assert!(declared.exact > 0 && kinds.iter().all(|rows| *rows > 0), "{declared:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_reports_both_kinds_of_known_mismatches() {
    let clinic = Clinic::open().await.unwrap();
    book(&clinic, 12).await;
    let plan = clinic.migration().plan(None, now()).await.unwrap();
    let found = plan.mismatches.unwrap();
    assert_eq!((found.differing_days, found.shadow_differences), (0, 0));
    let client = clinic.pool.get().await.unwrap();
    let damage = "UPDATE dynamic_1.day_digests SET digest = gen_random_uuid();
                 INSERT INTO control.shadow_differences (route, field, legacy, dynamic, position)
                 VALUES ('time-slots', 'status', 'PENDING', 'CONFIRMED', 1)";
    client.batch_execute(damage).await.unwrap();
    let found = clinic.migration().plan(None, now()).await.unwrap().mismatches.unwrap();
    assert_eq!((found.differing_days, found.shadow_differences), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_lists_every_step_and_the_exact_rollback_commands() {
    let clinic = Clinic::open().await.unwrap();
    let migration = clinic.migration();
    let plan = migration.plan(Some(Stage::Canary25), now()).await.unwrap();
    let stages: Vec<Stage> = plan.steps.iter().map(|step| step.stage).collect();
    assert_eq!(stages, [Stage::Shadow, Stage::Canary5, Stage::Canary25]);
    let measured: Vec<bool> = plan.steps.iter().map(|step| step.measured.is_some()).collect();
    assert_eq!(measured, [true, false, false], "later steps cannot be measured yet");
    assert_eq!(plan.steps[1].gates, Gate::before(Stage::Canary5).collect::<Vec<_>>());
    assert_eq!(plan.way_back, ["daybook migrate rollback --reason TEXT"]);
    for stage in [Stage::Shadow, Stage::Canary5] {
        enter(&clinic, stage).await;
    }
    let plan = migration.plan(None, now()).await.unwrap();
    assert_eq!(plan.steps[0].command, "daybook migrate advance --to canary-25");
    let back =
        ["daybook migrate rollback --to canary-5 --reason TEXT", "daybook migrate rollback --reason TEXT"];
    assert_eq!(plan.way_back, back);
    let plan = migration.plan(Some(Stage::Shadow), now()).await.unwrap();
    let commands: Vec<&str> = plan.steps.iter().map(|step| &*step.command).collect();
    assert_eq!(commands, ["daybook migrate rollback --to shadow --reason TEXT"]);
    assert_eq!(plan.way_back, ["daybook migrate advance --to canary-5"]);
    assert!(migration.plan(Some(Stage::Canary5), now()).await.unwrap().steps.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_lists_every_step_with_its_actor_and_overridden_gates() {
    let clinic = Clinic::open().await.unwrap();
    enter(&clinic, Stage::Shadow).await;
    let by_flag = RolloutPercentage::from_percent(12.5).unwrap();
    let flags = FlagsObserved { use_dynamic_services: Some(false), rollout: Some(by_flag) };
    let environment = daybook_commands::Origin::from_actor(Actor::named("environment"));
    clinic.commands.change_routing(RoutingCommand::ObserveFlags(flags), environment).await.unwrap();
    let set = DynamicShareSet {
        share: RolloutPercentage::from_percent(13.0).unwrap(),
        reason: "a little more".into(),
    };
    change(&clinic, RoutingCommand::SetDynamicShare(set)).await;
    let back = RollBackStage { stage: Stage::Shadow, reason: "a drill".into() };
    change(&clinic, RoutingCommand::RollBackStage(back)).await;
    let status = clinic.migration().status(now()).await.unwrap();
    let steps: Vec<_> =
        status.history.iter().map(|step| (step.cause, step.stage, step.dynamic_percent)).collect();
    let expected = [
        (StepCause::Advanced, Stage::Shadow, 0.0),
        (StepCause::ShareSet, Stage::Canary5, 12.5),
        (StepCause::ShareSet, Stage::Canary5, 13.0),
        (StepCause::WentBack, Stage::Shadow, 0.0),
    ];
    assert_eq!(steps, expected);
    let [first, flag, hand, back] = &*status.history else { panic!("{:?}", status.history) };
    assert_eq!(first.shut, Gate::before(Stage::Shadow).collect::<Vec<_>>());
    let overridden = first.overridden.as_ref().map(|own| (&*own.reason, own.approver.as_deref()));
    assert_eq!(overridden, Some(("a test", Some("lee"))));
    assert_eq!((&*flag.change.by, &*hand.change.by), ("environment", "desk@clinic.example"));
    assert_eq!(back.change.reason.as_deref(), Some("a drill"));
    assert_eq!(status.flags.rollout_percentage, Some(12.5));
    assert_eq!((status.stage, status.rolled_back), (Stage::Shadow, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_shows_a_guardrail_trip_a_rollback_and_the_checklist() {
    let clinic = Clinic::open().await.unwrap();
    for stage in [Stage::Shadow, Stage::Canary5] {
        enter(&clinic, stage).await;
    }
    let tripped = GuardrailTripped {
        guardrail: Guardrail::Errors,
        model: ReadModel::Dynamic,
        found: "9 of 100 failed".into(),
        limit: "1 %".into(),
        window_seconds: 60,
    };
    change(&clinic, RoutingCommand::TripGuardrail(tripped.clone())).await;
    let done = ChecklistItemDone { item: ChecklistItem::BackupMade, evidence: "monday.dump".into() };
    change(&clinic, RoutingCommand::CompleteChecklistItem(done)).await;
    let status = clinic.migration().status(now()).await.unwrap();
    assert_eq!(status.last_trip.map(|trip| trip.tripped), Some(tripped));
    let why = status.rolled_back.and_then(|change| change.reason);
    assert_eq!(why.as_deref(), Some("guardrail: 9 of 100 failed (limit 1 %)"));
    assert_eq!((status.stage, status.next.map(|next| next.stage)), (Stage::Legacy, Some(Stage::Shadow)));
    let done: Vec<_> = status.checklist.iter().filter(|item| item.done.is_some()).collect();
    let [backup] = &*done else { panic!("{done:?}") };
    assert_eq!((backup.item, backup.evidence.as_deref()), (ChecklistItem::BackupMade, Some("monday.dump")));
}
