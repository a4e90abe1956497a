//! The cleanup: the old fields and their type are dropped, the index of the runbook exists, and a restoration undoes
//! both.

use daybook_migration::runbook::{closing, performance};

use super::*;

const SHORT: &str = "reservations_preferredDate_period_status_idx";
const LONG: &str = "reservations_preferredDate_period_serviceId_status_idx";

/// The valid indexes of the live dynamic view that begin with the day and the period.
async fn day_indexes(clinic: &Clinic) -> Vec<String> {
    let schema = live(clinic, ReadModel::Dynamic).await.to_string();
    let sql = "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = $1 AND c.relname LIKE 'reservations_preferredDate_%' AND i.indisvalid ORDER BY 1";
    let rows = clinic.database.connect().await.unwrap().query(sql, &[&schema]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn old_fields_are_dropped_and_restored_with_the_legacy_view() {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(53), 60).await;
    clinic.wait_for_views().await.unwrap();
    let client = clinic.database.connect().await.unwrap();
    let before = columns(&client, "reservations").await;
    let old = names(&["service", "preferredTime", "preferredtime"]);
    assert!(old.is_subset(&before));
    set_share(&clinic, 100.0).await;
    for round in 1..3 {
        retire_by(&clinic, &retirement(&clinic)).await;
        assert_eq!(
            legacy_objects(&clinic).await,
            [""; 0],
            "nothing of the legacy view may remain, round {round}"
        );
        let left: BTreeSet<String> = before.difference(&old).cloned().collect();
        assert_eq!(columns(&client, "reservations").await, left);
        assert_eq!(columns(&client, "service_reservation_limits").await, names(&[]));
        restore_by(&clinic, &retirement(&clinic)).await;
        assert_eq!(columns(&client, "reservations").await, before);
        assert!(columns(&client, "service_reservation_limits").await.contains("serviceType"));
        let old_service = "SELECT count(*) FROM runbook.reservations r WHERE service IS NULL";
        assert_eq!(count(&client, old_service).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_legacy_is_retired_every_generation_has_the_cleanup_index() {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(54), 40).await;
    assert_eq!(day_indexes(&clinic).await, [SHORT]);
    set_share(&clinic, 100.0).await;
    retire_by(&clinic, &retirement(&clinic)).await;
    assert_eq!(day_indexes(&clinic).await, [LONG]);
    let rebuild = async || clinic.rebuild().run(&[ReadModel::Dynamic], &|_| {}).await.unwrap();
    rebuild().await;
    assert_eq!(day_indexes(&clinic).await, [LONG], "a generation built after the cleanup");
    restore_by(&clinic, &retirement(&clinic)).await;
    rebuild().await;
    assert_eq!(day_indexes(&clinic).await, [SHORT], "a generation built beside the legacy view");
    retire_by(&clinic, &retirement(&clinic)).await;
    assert_eq!(day_indexes(&clinic).await, [LONG]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_index_is_rebuilt_by_the_next_retirement() {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(55), 40).await;
    let client = clinic.database.connect().await.unwrap();
    let broken = format!(
        r#"CREATE INDEX "{LONG}" ON dynamic_1.reservations (period);
           UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'dynamic_1."{LONG}"'::regclass"#
    );
    client.batch_execute(&broken).await.unwrap();
    set_share(&clinic, 100.0).await;
    retire_by(&clinic, &retirement(&clinic)).await;
    assert_eq!(day_indexes(&clinic).await, [LONG]);
    let columns =
        format!(r#"SELECT indnatts::int8 FROM pg_index WHERE indexrelid = 'dynamic_1."{LONG}"'::regclass"#);
    assert_eq!(count(&client, &columns).await, 4, "the index must have been created again");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_closing_summary_passes_only_when_every_finding_does() {
    let clinic = Clinic::open().await.unwrap();
    for (patient, wish) in [(1, "09:00"), (2, "전화 주세요")] {
        let new_reservation = request(patient, "srv_skin_care", "2026-12-01", wish, ReadModel::Dynamic);
        clinic.commands.request(new_reservation, desk()).await.unwrap();
    }
    clinic.wait_for_views().await.unwrap();
    let summary = async || closing(&mut clinic.pool.get().await.unwrap()).await.unwrap();
    let unexpected = async || -> Vec<&str> {
        let findings = summary().await.findings().into_iter();
        findings.filter(|finding| !finding.is_as_expected).map(|finding| finding.what).collect()
    };
    let before = [
        "old enum removed",
        "old fields removed",
        "old limits table removed",
        "data integrity",
        "index of the cleanup made",
    ];
    assert_eq!(unexpected().await, before);
    set_share(&clinic, 100.0).await;
    retire_by(&clinic, &retirement(&clinic)).await;
    assert_eq!(unexpected().await, ["data integrity"], "one requested time awaits review");
    let found = summary().await;
    assert_eq!((found.reservations, found.reservations_at_retirement, found.without_period), (2, Some(2), 1));
    assert_eq!((found.active_services, found.active_time_slots, found.orphaned), (6, 11, 0));
    // A lost row, and rows without their service: Daybook never causes either.
    let client = clinic.database.connect().await.unwrap();
    client
        .batch_execute(
            "SET session_replication_role = replica; DELETE FROM dynamic_1.reservations WHERE period IS NULL",
        )
        .await
        .unwrap();
    assert_eq!(unexpected().await, ["total reservations preserved"]);
    client.batch_execute("DELETE FROM dynamic_1.services WHERE id = 'srv_skin_care'").await.unwrap();
    assert_eq!(
        unexpected().await,
        ["active services", "total reservations preserved", "orphaned reservations"]
    );
}

/// Copies of a booking, spread over days and services: enough to make an index worthwhile.
const MANY: &str = r#"
    INSERT INTO dynamic_1.reservations
    SELECT (jsonb_populate_record(r, jsonb_build_object(
        'id', 'copy-' || n, 'preferredDate', DATE '2026-12-01' + n % 300, 'serviceId', s.ids[1 + n % 6]))).*
    FROM dynamic_1.reservations r, generate_series(1, 5000) n, (SELECT array_agg(id) AS ids FROM dynamic_1.services) s;
    ANALYZE dynamic_1.reservations"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_performance_check_reports_whether_an_index_was_used() {
    let clinic = Clinic::open().await.unwrap();
    let new_reservation = request(1, "srv_skin_care", "2026-12-01", "09:00", ReadModel::Dynamic);
    let booked = clinic.commands.request(new_reservation, desk()).await.unwrap();
    let date = "2026-12-01".parse().unwrap();
    let confirm = daybook_commands::ReservationChange::Confirm;
    clinic.commands.change(date, booked.reservation, None, confirm, desk()).await.unwrap();
    clinic.wait_for_views().await.unwrap();
    let check = async || performance(&clinic.pool.get().await.unwrap(), date).await.unwrap();
    let few = check().await;
    assert!(few.is_as_expected() && few.reservations == 1 && few.rows == 1, "{few:?}");
    let client = clinic.database.connect().await.unwrap();
    client.batch_execute(MANY).await.unwrap();
    let found = check().await;
    assert_eq!((found.reservations, &*found.indexes), (5001, &[SHORT.to_owned()][..]), "{found:?}");
    assert!(found.rows >= 16 && found.execution_ms > 0.0 && found.is_as_expected(), "{found:?}");
    assert!(found.plan.iter().any(|line| line.contains(SHORT)), "{found:?}");
    let by_service = "reservations_serviceId_preferredDate_status_idx";
    client
        .batch_execute(&format!(r#"DROP INDEX dynamic_1."{SHORT}", dynamic_1."{by_service}""#))
        .await
        .unwrap();
    let slow = check().await;
    assert!(slow.indexes.is_empty() && !slow.is_as_expected(), "{slow:?}");
    assert!(slow.plan.iter().any(|line| line.starts_with("Seq Scan on reservations")), "{slow:?}");
}
