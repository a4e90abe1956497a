//! Faults planted into the rows of the views: each makes exactly its own gates unmet.

use daybook_domain::hours::ClinicHoursSet;
use daybook_domain::routing::{Finding, Gate, Stage};
use daybook_domain::time::DayOfWeek;
use daybook_projections::verify;
use daybook_tests::clinic::{Clinic, desk};

use super::{assert_found, gate, measure, migrated_clinic, run};

/// Copies of all tables without a fault, to restore them.
const KEEP: &str = r#"
    CREATE SCHEMA kept;
    CREATE TABLE kept.dynamic AS TABLE dynamic_1.reservations;
    CREATE TABLE kept.legacy AS TABLE legacy_1.reservations;
    CREATE TABLE kept.hours AS TABLE dynamic_1.clinic_time_slots;
    CREATE TABLE kept.services AS TABLE dynamic_1.services;
    ALTER TABLE dynamic_1.reservations DROP CONSTRAINT "reservations_serviceId_fkey","#;

const PUT_BACK: &str = r#"
    DELETE FROM dynamic_1.reservations; INSERT INTO dynamic_1.reservations TABLE kept.dynamic;
    DELETE FROM legacy_1.reservations; INSERT INTO legacy_1.reservations TABLE kept.legacy;
    DELETE FROM dynamic_1.clinic_time_slots; INSERT INTO dynamic_1.clinic_time_slots TABLE kept.hours;
    UPDATE dynamic_1.services s SET "legacyServiceType" = k."legacyServiceType" FROM kept.services k WHERE k.id = s.id;
    UPDATE control.checkpoints SET parked = 0"#;

/// The planted faults: the change, the gates that become unmet, and the text of the first one.
const FAULTS: [(&str, &[Gate], &str); 12] = [
    (
        r#"UPDATE dynamic_1.services SET "legacyServiceType" = NULL WHERE code = 'OTHER_CONSULTATION'"#,
        &[Gate::Services],
        "6 services, 6 active; 5 of 6 enum values have a service, missing: OTHER_CONSULTATION",
    ),
    (
        "DELETE FROM dynamic_1.clinic_time_slots WHERE id = 'cts_mon_morning'",
        &[Gate::Hours],
        "10 rows (5 MORNING, 5 AFTERNOON): 1 missing, 0 not in the log",
    ),
    (
        r#"UPDATE dynamic_1.clinic_time_slots SET "endTime" = '19:00' WHERE id = 'cts_tue_afternoon'"#,
        &[Gate::Hours],
        "11 rows (6 MORNING, 5 AFTERNOON): 1 missing, 1 not in the log",
    ),
    (
        r#"UPDATE dynamic_1.reservations SET "serviceId" = '' WHERE id = (SELECT min(id) FROM kept.dynamic)"#,
        &[Gate::ServiceFields],
        "200 reservations: 1 without a service id, 0 without a service name, 0 without a duration",
    ),
    (
        r#"UPDATE dynamic_1.reservations SET "serviceName" = NULL, "estimatedDuration" = 0
           WHERE id IN (SELECT id FROM kept.dynamic ORDER BY id LIMIT 3)"#,
        &[Gate::ServiceFields],
        "200 reservations: 0 without a service id, 3 without a service name, 3 without a duration",
    ),
    (
        "UPDATE dynamic_1.reservations SET period = NULL
         WHERE id IN (SELECT id FROM kept.dynamic WHERE period IS NOT NULL ORDER BY id LIMIT 5)",
        &[Gate::Periods],
        "189 of 200 reservations have a period (94.5 %), 11 await review",
    ),
    (
        "UPDATE dynamic_1.reservations SET period = 'MORNING' WHERE period IS NOT NULL",
        &[Gate::PeriodSplit],
        "194 MORNING (100 %), 0 AFTERNOON (0 %)",
    ),
    (
        "UPDATE legacy_1.reservations SET service = 'BODY_CARE'
         WHERE id = (SELECT min(id) FROM kept.legacy WHERE service = 'SKIN_CARE')",
        &[Gate::Mappings],
        "200 reservations in both views: 1 with a wrong enum value, 0 shown as OTHER_CONSULTATION because the enum lacks their \
         service",
    ),
    (
        "DELETE FROM legacy_1.reservations WHERE id = (SELECT min(id) FROM kept.legacy)",
        &[Gate::OldFields],
        "199 reservations in the legacy view, 200 in the dynamic view: 0 only in legacy, 1 only in dynamic, 0 without a \
         service, 0 with an unknown service. No time text is missing; 1 was empty in the old system.",
    ),
    (
        r#"UPDATE legacy_1.reservations SET "preferredTime" = ' '
           WHERE id = (SELECT min(id) FROM kept.dynamic WHERE period IS NOT NULL)"#,
        &[Gate::OldFields],
        "200 reservations in the legacy view, 200 in the dynamic view: 0 only in legacy, 0 only in dynamic, 0 without a \
         service, 0 with an unknown service. 1 time text is missing; 1 was empty in the old system.",
    ),
    (
        r#"UPDATE dynamic_1.reservations SET "serviceId" = 'srv_gone' WHERE id = (SELECT min(id) FROM kept.dynamic)"#,
        &[Gate::OldFields],
        "200 reservations in the legacy view, 200 in the dynamic view: 0 only in legacy, 0 only in dynamic, 0 without a \
         service, 1 with an unknown service. No time text is missing; 1 was empty in the old system.",
    ),
    (
        "UPDATE control.checkpoints SET parked = 2 WHERE model = 'dynamic'",
        &[Gate::Parked],
        "2 parked events in dynamic_1, 0 parked events in legacy_1",
    ),
];

/// The unmet gates before the shadow stage, except those of the checklist.
async fn unmet(clinic: &Clinic) -> Vec<(Gate, Box<str>)> {
    let measured = measure(clinic, Stage::Shadow, 0).await;
    let of_rows = measured.gates.into_iter().filter(|one| !matches!(one.gate, Gate::Backup | Gate::Contacts));
    of_rows.filter(|result| !result.is_met()).map(|result| (result.gate, result.found)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_planted_fault_makes_only_its_own_gate_unmet() {
    let clinic = migrated_clinic().await;
    verify(&*clinic.log, &clinic.vault, &clinic.pool).await.unwrap();
    let columns = ["serviceId", "serviceName"].map(|column| format!(r#"ALTER "{column}" DROP NOT NULL"#));
    run(&clinic, &format!("{} {}", KEEP, columns.join(", "))).await;
    for (fault, gates, found) in FAULTS {
        assert_eq!(unmet(&clinic).await, []);
        run(&clinic, fault).await;
        let unmet = unmet(&clinic).await;
        let named: Vec<Gate> = unmet.iter().map(|(gate, _)| *gate).collect();
        assert_eq!((named.as_slice(), &*unmet[0].1), (gates, found), "{fault}");
        run(&clinic, PUT_BACK).await;
    }
    assert_eq!(unmet(&clinic).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_clinic_hours_are_the_expected_ones() {
    let clinic = Clinic::open().await.unwrap();
    let day_of_week = DayOfWeek::try_from(6).unwrap();
    clinic.commands.set_hours(ClinicHoursSet { day_of_week, slots: vec![] }, desk()).await.unwrap();
    clinic.wait_for_views().await.unwrap();
    let hours = gate(&clinic, Gate::Hours, Stage::Shadow, 0).await;
    let found = "10 rows (5 MORNING, 5 AFTERNOON): 0 missing, 0 not in the log";
    assert_found(&hours, Finding::Met, found);
    assert_eq!(&*hours.asked, "the 10 rows of the clinic hours in the log (11 by default)");
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_views_are_inconclusive() {
    let clinic = Clinic::open().await.unwrap();
    let counted = [Gate::ServiceFields, Gate::Periods, Gate::PeriodSplit, Gate::Mappings, Gate::OldFields];
    let measured = measure(&clinic, Stage::Shadow, 0).await;
    for result in measured.gates.iter().filter(|result| counted.contains(&result.gate)) {
        assert_eq!(result.finding, Finding::Inconclusive, "{result:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_rows_in_a_period_are_inconclusive_and_a_period_without_hours_is_skipped() {
    let clinic = migrated_clinic().await;
    run(&clinic, "DELETE FROM dynamic_1.reservations WHERE period IS DISTINCT FROM 'MORNING'").await;
    let split = gate(&clinic, Gate::PeriodSplit, Stage::Shadow, 0).await;
    assert_found(&split, Finding::Inconclusive, "98 MORNING (100 %), 0 AFTERNOON (0 %)");
    let open = clinic.commands.hours();
    for day_of_week in DayOfWeek::ALL {
        let slots =
            open.week().filter(|(day, slot)| *day == day_of_week && slot.period.as_str() == "MORNING");
        let slots = slots.map(|(_, slot)| slot.clone()).collect();
        clinic.commands.set_hours(ClinicHoursSet { day_of_week, slots }, desk()).await.unwrap();
    }
    clinic.wait_for_views().await.unwrap();
    let split = gate(&clinic, Gate::PeriodSplit, Stage::Shadow, 0).await;
    assert_found(&split, Finding::Met, "98 MORNING (100 %), 0 AFTERNOON (0 %)");
}
