//! The phases of the runbook, each with its success criteria before and after it is done.

use daybook_domain::routing::{Finding, Stage};
use daybook_migration::{Criterion, RunbookPhase};
use daybook_projections::verify;
use daybook_tests::clinic::Clinic;

use super::{commands_at, enter_up_to, gates, hour, migrated_clinic, run, window};
use crate::retiring::{caught_up, retire_by, retirement};

async fn phase(clinic: &Clinic, number: u8, hours: i64) -> Vec<Criterion> {
    let phase = RunbookPhase::numbered(number).unwrap();
    gates(clinic).measure_phase(phase, hour(hours)).await.unwrap().criteria
}

/// The name, finding and measured value of each criterion.
fn summaries(criteria: &[Criterion]) -> Vec<(&'static str, Finding, &str)> {
    criteria.iter().map(|one| (one.name, one.finding, &*one.found)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_phase_is_done_when_the_clinic_is_set_up() {
    let clinic = Clinic::open().await.unwrap();
    let at = clinic.wait_for_views().await.unwrap();
    let criteria = phase(&clinic, 1, 0).await;
    let old_system = format!("legacy_1 at position {at}, the log at {at}");
    let expected = [
        ("new-fields", Finding::Met, "4 in dynamic_1"),
        ("foreign-key", Finding::Met, "1 key in dynamic_1"),
        ("old-system", Finding::Met, &*old_system),
        ("services", Finding::Met, "6 services, 6 active; 6 of 6 enum values have a service"),
        ("hours", Finding::Met, "11 rows (6 MORNING, 5 AFTERNOON): 0 missing, 0 not in the log"),
    ];
    assert_eq!(summaries(&criteria), expected);
    run(
        &clinic,
        r#"ALTER TABLE dynamic_1.reservations DROP CONSTRAINT "reservations_serviceId_fkey";
           ALTER TABLE dynamic_1.reservations RENAME COLUMN period TO half"#,
    )
    .await;
    let criteria = phase(&clinic, 1, 0).await;
    let expected = [
        ("new-fields", Finding::NotMet, "3 in dynamic_1"),
        ("foreign-key", Finding::NotMet, "0 keys in dynamic_1"),
    ];
    assert_eq!(summaries(&criteria)[..2], expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_phase_is_done_when_all_rows_are_imported_and_compared() {
    let clinic = migrated_clinic().await;
    let open = |criteria: &[Criterion]| -> Vec<&'static str> {
        criteria.iter().filter(|one| one.finding != Finding::Met).map(|one| one.name).collect()
    };
    assert_eq!(open(&phase(&clinic, 2, 0).await), ["parity"]);
    verify(&*clinic.log, &clinic.vault, &clinic.pool).await.unwrap();
    let criteria = phase(&clinic, 2, 0).await;
    assert_eq!((open(&criteria).len(), criteria.len()), (0, 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_third_phase_is_done_when_every_stage_has_soaked() {
    let clinic = migrated_clinic().await;
    let criteria = phase(&clinic, 3, 0).await;
    let never = "not entered since the rollout began";
    assert_eq!(summaries(&criteria)[0], ("canary-5-lasted", Finding::NotMet, never));
    assert_eq!(summaries(&criteria)[4], ("errors", Finding::NotMet, "the stage is legacy"));
    for (stage, hours) in [
        (Stage::Shadow, 0),
        (Stage::Canary5, 1),
        (Stage::Canary25, 25),
        (Stage::Canary50, 72),
        (Stage::Dynamic, 120),
    ] {
        super::enter(&clinic, stage, hours).await;
    }
    window(&clinic, "dynamic", 121, [500, 0, 0, 0]).await;
    let criteria = phase(&clinic, 3, 120 + 168).await;
    let expected = [
        ("canary-5-lasted", Finding::Met, "1day"),
        ("canary-25-lasted", Finding::NotMet, "1day 23h"),
        ("canary-50-lasted", Finding::Met, "2days"),
        ("dynamic-lasted", Finding::Met, "7days"),
    ];
    assert_eq!(summaries(&criteria)[..4], expected);
    assert_eq!((criteria[4].name, criteria[4].finding), ("errors", Finding::Met));
    assert_eq!((criteria[6].name, criteria[6].finding), ("old-fields", Finding::Met));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fourth_phase_is_done_when_the_enum_is_gone() {
    let mut clinic = migrated_clinic().await;
    enter_up_to(&clinic, Stage::Dynamic, 10).await;
    let expected = [
        ("old-fields-removed", Finding::NotMet, "in legacy_1"),
        ("enum-removed", Finding::NotMet, "in legacy_1"),
        ("limits-removed", Finding::NotMet, "in legacy_1; the dynamic view keeps 6 limits"),
        ("no-errors", Finding::NotMet, "the stage is dynamic"),
    ];
    assert_eq!(summaries(&phase(&clinic, 4, 11).await)[..4], expected);
    clinic.commands = commands_at(&clinic, 11).await;
    retire_by(&clinic, &retirement(&clinic)).await;
    caught_up(&clinic, 1).await;
    let few = ("no-errors", Finding::Inconclusive, "0 of 0 requests failed in retired");
    let criteria = phase(&clinic, 4, 15).await;
    assert_eq!(summaries(&criteria)[3], few);
    window(&clinic, "dynamic", 12, [100, 0, 0, 0]).await;
    let criteria = phase(&clinic, 4, 15).await;
    let expected = [
        ("old-fields-removed", Finding::Met, "none"),
        ("enum-removed", Finding::Met, "none"),
        ("limits-removed", Finding::Met, "none; the dynamic view keeps 6 limits"),
        ("no-errors", Finding::Met, "0 of 100 requests failed in retired"),
    ];
    assert_eq!(summaries(&criteria)[..4], expected);
    assert!(criteria.iter().all(|one| one.finding == Finding::Met), "{criteria:?}");
    window(&clinic, "dynamic", 13, [100, 1, 0, 0]).await;
    let criteria = phase(&clinic, 4, 15).await;
    assert_eq!(
        summaries(&criteria)[3],
        ("no-errors", Finding::NotMet, "1 of 200 requests failed in retired")
    );
}
