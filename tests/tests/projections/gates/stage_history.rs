//! Gates that depend on the history of the migration, and that history as it is read.

use daybook_domain::ReadModel;
use daybook_domain::routing::{
    ChecklistItem, Direction, DynamicShareSet, Finding, Gate, Guardrail, GuardrailTripped, ReadsRolledBack,
    RollBackStage, RolloutHistory, RolloutPercentage, RoutingCommand, Stage,
};
use daybook_projections::read::routing::read_history;
use daybook_tests::clinic::Clinic;

use super::{assert_found, change, complete_item, enter, enter_up_to, gate, hour};

async fn history(clinic: &Clinic) -> RolloutHistory {
    read_history(&*clinic.log).await.unwrap().0
}

fn rollback_to(stage: Stage) -> RoutingCommand {
    RoutingCommand::RollBackStage(RollBackStage { stage, reason: "errors".into() })
}

fn share(percent: f64) -> RoutingCommand {
    let share = RolloutPercentage::from_percent(percent).unwrap();
    RoutingCommand::SetDynamicShare(DynamicShareSet { share, reason: "by hand".into() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_lasts_for_the_soak_time_of_the_runbook() {
    let clinic = Clinic::open().await.unwrap();
    let unmet = gate(&clinic, Gate::Soak, Stage::Canary5, 500).await;
    assert_found(&unmet, Finding::NotMet, "the stage is legacy");
    let stages = [
        (Stage::Shadow, Stage::Canary5, 1, "59m 59s in shadow", "1h in shadow"),
        (Stage::Canary5, Stage::Canary25, 24, "23h 59m in canary-5", "1day in canary-5"),
        (Stage::Canary25, Stage::Canary50, 48, "1day 23h in canary-25", "2days in canary-25"),
        (Stage::Canary50, Stage::Dynamic, 48, "1day 23h in canary-50", "2days in canary-50"),
        (Stage::Dynamic, Stage::Retired, 168, "6days 23h in dynamic", "7days in dynamic"),
    ];
    let mut now = 0;
    for (stage, next, hours, found, asked) in stages {
        enter(&clinic, stage, now).await;
        now += hours;
        let too_early =
            super::gates(&clinic).measure(next, hour(now) - chrono::TimeDelta::seconds(1)).await.unwrap();
        let soak = too_early.gates.iter().find(|result| result.gate == Gate::Soak).unwrap();
        assert_found(soak, Finding::NotMet, found);
        assert_eq!(&*soak.asked, asked);
        assert!(gate(&clinic, Gate::Soak, next, now).await.is_met(), "{next}");
    }
    // 289 hours since the first canary: the two weeks are not over when the last stage's week is.
    let unmet = gate(&clinic, Gate::Stability, Stage::Retired, now).await;
    assert_found(&unmet, Finding::NotMet, "12days since the first canary, without a rollback");
    assert_eq!(&*unmet.asked, "14days since the first canary and the last rollback");
    assert!(gate(&clinic, Gate::Stability, Stage::Retired, 1 + 14 * 24).await.is_met());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rollback_restarts_the_two_weeks_of_stability() {
    let clinic = Clinic::open().await.unwrap();
    let unmet = gate(&clinic, Gate::Stability, Stage::Retired, 9_999).await;
    assert_found(&unmet, Finding::NotMet, "the stage is legacy: no canary is active");
    enter_up_to(&clinic, Stage::Canary50, 10).await;
    change(&clinic, 100, rollback_to(Stage::Canary25)).await;
    let two_weeks = 14 * 24;
    let unmet = gate(&clinic, Gate::Stability, Stage::Retired, 100 + two_weeks - 1).await;
    assert_found(&unmet, Finding::NotMet, "13days 23h since the last rollback");
    assert!(gate(&clinic, Gate::Stability, Stage::Retired, 100 + two_weeks).await.is_met());
    let tripped = GuardrailTripped {
        guardrail: Guardrail::Errors,
        model: ReadModel::Dynamic,
        found: "9 of 100 failed".into(),
        limit: "1 %".into(),
        window_seconds: 60,
    };
    change(&clinic, 200, RoutingCommand::TripGuardrail(tripped)).await;
    assert_eq!(history(&clinic).await.last_setback, Some(hour(200)));
    change(&clinic, 300, share(25.0)).await;
    let unmet = gate(&clinic, Gate::Stability, Stage::Retired, 301).await;
    assert_found(&unmet, Finding::NotMet, "1h since the first canary, without a rollback");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_contains_every_stage_however_it_was_entered() {
    let clinic = Clinic::open().await.unwrap();
    let empty = history(&clinic).await;
    assert_eq!((empty.stage(), empty.since(), empty.entries().count()), (Stage::Legacy, None, 0));
    enter(&clinic, Stage::Shadow, 1).await;
    change(&clinic, 2, share(5.0)).await;
    change(&clinic, 3, share(30.0)).await;
    change(&clinic, 4, RoutingCommand::RollBackReads(ReadsRolledBack { reason: "alarm".into() })).await;
    complete_item(&clinic, ChecklistItem::BackupMade, 5).await;
    complete_item(&clinic, ChecklistItem::BackupMade, 6).await;
    let history = history(&clinic).await;
    let mut steps: Vec<_> = history.entries().collect();
    steps.reverse();
    let entries: Vec<_> =
        steps.iter().map(|step| (step.from, step.stage, step.direction(), step.change.at)).collect();
    let expected = [
        (Stage::Legacy, Stage::Shadow, Direction::Advanced, hour(1)),
        (Stage::Shadow, Stage::Canary5, Direction::Advanced, hour(2)),
        (Stage::Canary5, Stage::Canary25, Direction::Advanced, hour(3)),
        (Stage::Canary25, Stage::Legacy, Direction::RolledBack, hour(4)),
    ];
    assert_eq!(entries, expected);
    assert_eq!(
        (history.stage(), history.since(), history.last_setback),
        (Stage::Legacy, Some(hour(4)), Some(hour(4)))
    );
    let [shadow, by_hand, _, alarm] = &steps[..] else { panic!("{entries:?}") };
    assert_eq!(shadow.overridden.as_ref().map(|one| &*one.reason), Some("a test"));
    assert_eq!(
        (by_hand.change.reason.as_deref(), alarm.change.reason.as_deref()),
        (Some("by hand"), Some("alarm"))
    );
    assert_eq!(&*shadow.change.by, "desk@clinic.example");
    let backup = &history.checklist[&ChecklistItem::BackupMade];
    assert_eq!((backup.recording.at, &*backup.evidence), (hour(6), "noted in hour 6"));
    assert_eq!((history.switching_since(), history.last_stay(Stage::Canary5, hour(9))), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_counts_for_a_week_and_before_the_cleanup_only_from_the_last_stage() {
    let clinic = Clinic::open().await.unwrap();
    let backup = async |stage, hours| gate(&clinic, Gate::Backup, stage, hours).await;
    let none = "backup: never; restore test: never";
    assert_found(&backup(Stage::Shadow, 0).await, Finding::NotMet, none);
    complete_item(&clinic, ChecklistItem::BackupMade, 1).await;
    let untried = "backup: 1h ago; restore test: never";
    assert_found(&backup(Stage::Shadow, 2).await, Finding::NotMet, untried);
    complete_item(&clinic, ChecklistItem::RestoreTested, 2).await;
    assert!(backup(Stage::Shadow, 169).await.is_met());
    let old = "backup: 7days 1h ago; restore test: 7days ago";
    assert_found(&backup(Stage::Shadow, 170).await, Finding::NotMet, old);
    enter_up_to(&clinic, Stage::Dynamic, 10).await;
    let unmet = backup(Stage::Retired, 11).await;
    assert_found(&unmet, Finding::NotMet, "backup: 10h ago; restore test: 9h ago");
    assert!(unmet.asked.starts_with("both since the dynamic stage began; `daybook backup`"), "{unmet:?}");
    complete_item(&clinic, ChecklistItem::BackupMade, 12).await;
    complete_item(&clinic, ChecklistItem::RestoreTested, 13).await;
    assert!(backup(Stage::Retired, 999).await.is_met());
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_are_recorded_once_and_an_approval_counts_only_in_its_stage() {
    let clinic = Clinic::open().await.unwrap();
    let contacts = async || gate(&clinic, Gate::Contacts, Stage::Shadow, 5).await;
    assert_found(&contacts().await, Finding::NotMet, "filled in: never");
    complete_item(&clinic, ChecklistItem::ContactsFilled, 1).await;
    assert_found(&contacts().await, Finding::Met, "filled in: 4h ago");
    let approval = async |hours| gate(&clinic, Gate::Approval, Stage::Retired, hours).await;
    enter_up_to(&clinic, Stage::Dynamic, 10).await;
    assert_found(&approval(11).await, Finding::NotMet, "approved: never");
    complete_item(&clinic, ChecklistItem::CleanupApproved, 12).await;
    assert_found(&approval(13).await, Finding::Met, "approved: 1h ago");
    change(&clinic, 20, rollback_to(Stage::Canary50)).await;
    enter(&clinic, Stage::Dynamic, 30).await;
    assert_found(&approval(31).await, Finding::NotMet, "approved: 19h ago");
}
