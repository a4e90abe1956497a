//! Gates that depend on traffic during a stage: shadow reads, failures, and the rate of bookings.

use daybook_domain::routing::{Finding, Gate, Stage};
use daybook_tests::clinic::Clinic;

use super::{assert_found, enter_up_to, gate, hour, migrated_clinic, run, window};

/// A clinic that entered shadow in hour 9 and the first canary in hour 10.
async fn clinic_in_canary() -> Clinic {
    let clinic = Clinic::open().await.unwrap();
    enter_up_to(&clinic, Stage::Canary5, 10).await;
    clinic
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_equal_shadow_reads_meet_the_gate_and_one_difference_does_not() {
    let clinic = clinic_in_canary().await;
    let reads = async || gate(&clinic, Gate::ShadowReads, Stage::Canary25, 40).await;
    let none = "0 reads compared in canary-5: 0 differed";
    assert_found(&reads().await, Finding::Inconclusive, none);
    window(&clinic, "legacy", 9, [0, 0, 5_000, 7]).await;
    assert_found(&reads().await, Finding::Inconclusive, none);
    window(&clinic, "legacy", 11, [0, 0, 900, 0]).await;
    window(&clinic, "dynamic", 11, [0, 0, 99, 0]).await;
    let few = "999 reads compared in canary-5: 0 differed";
    assert_found(&reads().await, Finding::Inconclusive, few);
    window(&clinic, "dynamic", 12, [0, 0, 1, 0]).await;
    let enough = reads().await;
    assert_found(&enough, Finding::Met, "1000 reads compared in canary-5: 0 differed");
    assert_eq!(&*enough.asked, "at least 1000 compared reads, none of which differ");
    window(&clinic, "legacy", 13, [0, 0, 1, 1]).await;
    let one = "1001 reads compared in canary-5: 1 differed";
    assert_found(&reads().await, Finding::NotMet, one);
    let later_stage = gate(&clinic, Gate::ShadowReads, Stage::Canary50, 40).await;
    assert_found(&later_stage, Finding::NotMet, "the stage is canary-5");
    assert_eq!(&*later_stage.asked, "measured during canary-25, before canary-50");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_compared_with_the_legacy_model_and_the_previous_stage() {
    let clinic = clinic_in_canary().await;
    let errors = async || gate(&clinic, Gate::Errors, Stage::Canary25, 40).await;
    window(&clinic, "dynamic", 11, [99, 50, 0, 0]).await;
    let few = errors().await;
    assert_eq!(few.finding, Finding::Inconclusive, "{few:?}");
    window(&clinic, "dynamic", 12, [1_901, 0, 0, 0]).await;
    let found = "in canary-5: 50 of 2000 requests to the dynamic model failed (2.50 %), 0 of 0 requests to the legacy model failed \
                 (0.00 %); in the stage before: 0 of 0 requests to both failed (0.00 %)";
    assert_found(&errors().await, Finding::NotMet, found);
    // The rate of the legacy model in the same period, 2.4 %, plus a tenth of a point.
    window(&clinic, "legacy", 11, [10_000, 240, 0, 0]).await;
    let met = errors().await;
    let found = "in canary-5: 50 of 2000 requests to the dynamic model failed (2.50 %), 240 of 10000 requests to the legacy model \
                 failed (2.40 %); in the stage before: 0 of 0 requests to both failed (0.00 %)";
    assert_found(&met, Finding::Met, found);
    assert!(met.asked.contains("at most 2.50 % failed: 0.1 points above"), "{met:?}");
    window(&clinic, "dynamic", 13, [0, 1, 0, 0]).await;
    assert_eq!(errors().await.finding, Finding::NotMet);
    // The rate of both models in the previous stage.
    window(&clinic, "legacy", 9, [1_000, 30, 0, 0]).await;
    assert_eq!(errors().await.finding, Finding::Met);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_failure_is_not_a_rate() {
    let clinic = clinic_in_canary().await;
    window(&clinic, "dynamic", 11, [100, 1, 0, 0]).await;
    assert_eq!(gate(&clinic, Gate::Errors, Stage::Canary25, 40).await.finding, Finding::Met);
    window(&clinic, "dynamic", 12, [0, 1, 0, 0]).await;
    assert_eq!(gate(&clinic, Gate::Errors, Stage::Canary25, 40).await.finding, Finding::NotMet);
}

/// Moves `since` reservations into hour 12, `earlier` ones into the same hour a week before, and all others out of
/// both.
async fn set_booking_times(clinic: &Clinic, since: i64, earlier: i64) {
    let hour_of = |hours| hour(hours).naive_utc();
    let sql = format!(
        r#"UPDATE dynamic_1.reservations r
           SET "createdAt" = CASE WHEN n <= {since} THEN timestamp '{}' WHEN n <= {since} + {earlier} THEN timestamp '{}'
                                  ELSE timestamp '{}' END
           FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM dynamic_1.reservations) o WHERE o.id = r.id"#,
        hour_of(12),
        hour_of(12 - 168),
        // These hours before the stage are outside the period to compare with.
        hour_of(9 - 168)
    );
    run(clinic, &sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bookings_are_compared_with_the_same_hours_of_the_previous_week() {
    let clinic = migrated_clinic().await;
    enter_up_to(&clinic, Stage::Canary5, 10).await;
    let rate = async || gate(&clinic, Gate::CreationRate, Stage::Canary25, 34).await;
    set_booking_times(&clinic, 60, 72).await;
    let met = rate().await;
    let found = "60 bookings in canary-5 (2.5 an hour); 72 in the same hours 1 week earlier (3.0 an hour)";
    assert_found(&met, Finding::Met, found);
    assert_eq!(&*met.asked, "at least 70 % of the earlier bookings, which must be 20 or more");
    set_booking_times(&clinic, 24, 72).await;
    let found = "24 bookings in canary-5 (1.0 an hour); 72 in the same hours 1 week earlier (3.0 an hour)";
    assert_found(&rate().await, Finding::NotMet, found);
    set_booking_times(&clinic, 0, 19).await;
    let found = "0 bookings in canary-5 (0.0 an hour); 19 in the same hours 1 week earlier (0.8 an hour)";
    assert_found(&rate().await, Finding::Inconclusive, found);
    // A stage longer than a week is compared with the same number of weeks.
    set_booking_times(&clinic, 60, 0).await;
    let long = gate(&clinic, Gate::CreationRate, Stage::Canary25, 10 + 169).await;
    assert!(long.found.contains(" in the same hours 2 weeks earlier ("), "{long:?}");
}
