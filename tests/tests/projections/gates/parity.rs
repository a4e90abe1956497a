//! The parity gate: it requires a recent full comparison of the live views, by the current rules, without a difference.

use daybook_domain::ReadModel;
use daybook_domain::routing::{Finding, Gate, GateResult, Stage};
use daybook_projections::{Comparison, Mode, compare, verify};
use daybook_tests::clinic::Clinic;

use super::{assert_found, gate, migrated_clinic, run};

async fn parity(clinic: &Clinic) -> GateResult {
    gate(clinic, Gate::Parity, Stage::Canary25, 0).await
}

async fn compare_in_full(clinic: &Clinic) {
    verify(&*clinic.log, &clinic.vault, &clinic.pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_full_comparison_meets_the_gate_and_only_for_an_hour() {
    let clinic = migrated_clinic().await;
    let none = "no full comparison of legacy_1 and dynamic_1";
    assert_found(&parity(&clinic).await, Finding::NotMet, none);
    let quick = Comparison { mode: Mode::Quick, generations: None };
    assert!(compare(&*clinic.log, &clinic.vault, &clinic.pool, quick).await.unwrap().agrees());
    let unmet = parity(&clinic).await;
    assert_found(&unmet, Finding::NotMet, none);
    assert_eq!(
        &*unmet.asked,
        "a full comparison of both views within the last 1h that found no difference, and equal digests since; \
         `daybook projection verify` compares them"
    );
    compare_in_full(&clinic).await;
    assert!(parity(&clinic).await.is_met());
    run(&clinic, "UPDATE control.verdicts SET made_at = made_at - interval '59 minutes'").await;
    assert!(parity(&clinic).await.is_met());
    run(&clinic, "UPDATE control.verdicts SET made_at = made_at - interval '120 seconds'").await;
    assert_found(&parity(&clinic).await, Finding::NotMet, "the last full comparison is 1h 1m old");
    compare_in_full(&clinic).await;
    assert!(parity(&clinic).await.is_met());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_found_difference_counts_until_a_comparison_finds_none() {
    let clinic = migrated_clinic().await;
    compare_in_full(&clinic).await;
    let plant = "CREATE TABLE kept AS SELECT id, status FROM dynamic_1.reservations ORDER BY id LIMIT 2;
                 UPDATE dynamic_1.reservations SET status = 'REJECTED' WHERE id IN (SELECT id FROM kept)";
    run(&clinic, plant).await;
    assert!(parity(&clinic).await.is_met(), "kept digests alone do not show a wrong row");
    compare_in_full(&clinic).await;
    let unmet = parity(&clinic).await;
    assert_eq!(unmet.finding, Finding::NotMet);
    assert!(unmet.found.starts_with("the last full comparison found at position "), "{unmet:?}");
    assert!(unmet.found.contains(": 2 reservations differ, "), "{unmet:?}");
    run(&clinic, "UPDATE dynamic_1.reservations r SET status = k.status FROM kept k WHERE k.id = r.id").await;
    assert!(!parity(&clinic).await.is_met());
    compare_in_full(&clinic).await;
    assert!(parity(&clinic).await.is_met());
}

#[tokio::test(flavor = "multi_thread")]
async fn differing_digests_rules_or_generations_make_the_gate_unmet() {
    let clinic = migrated_clinic().await;
    let at = clinic.wait_for_views().await.unwrap();
    compare_in_full(&clinic).await;
    run(&clinic, "UPDATE control.verdicts SET rules_version = 99").await;
    let other = "the last full comparison was made by version 99 of the rules, this release has 1";
    assert_found(&parity(&clinic).await, Finding::NotMet, other);
    compare_in_full(&clinic).await;
    let damage = "CREATE TABLE kept AS TABLE legacy_1.day_digests;
                 UPDATE legacy_1.day_digests SET reservations = reservations + 1
                 WHERE date = (SELECT min(date) FROM kept WHERE reservations <> 0)";
    run(&clinic, damage).await;
    let found = format!("the digests of 1 day differ at position {at}");
    assert_found(&parity(&clinic).await, Finding::NotMet, &found);
    let restore = "DELETE FROM legacy_1.day_digests; INSERT INTO legacy_1.day_digests TABLE kept";
    run(&clinic, restore).await;
    assert!(parity(&clinic).await.is_met());
    clinic.rebuild().run(&[ReadModel::Dynamic], &|_| {}).await.unwrap();
    clinic.wait_for_views().await.unwrap();
    let none = "no full comparison of legacy_1 and dynamic_2";
    assert_found(&parity(&clinic).await, Finding::NotMet, none);
    run(
        &clinic,
        "UPDATE control.generations SET rules_version = 99 WHERE model = 'dynamic' AND state = 'live'",
    )
    .await;
    let other = "dynamic_2 was built by version 99 of the rules, this release compares by 1; `daybook projection rebuild dynamic` \
                 rebuilds it";
    assert_found(&parity(&clinic).await, Finding::NotMet, other);
}
