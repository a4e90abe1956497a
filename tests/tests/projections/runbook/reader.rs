//! The role that reads the runbook's tables can neither read anything else nor write.

use tokio_postgres::error::SqlState;

use super::*;

/// The error code of a refused statement.
async fn refusal(client: &Client, sql: &str) -> SqlState {
    let refused = client.batch_execute(sql).await.expect_err(sql);
    refused.code().expect(sql).clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reader_finds_the_tables_by_their_unqualified_names() {
    let clinic = Clinic::open().await.unwrap();
    let reader = as_reader(&clinic).await;
    for table in ["reservations", "services", "clinic_time_slots", "service_reservation_limits"] {
        reader.query(&format!("SELECT * FROM {table}"), &[]).await.unwrap();
    }
    assert_eq!(count(&reader, "SELECT count(*) FROM services WHERE isActive").await, 6);
    assert_eq!(count(&reader, r#"SELECT count(*) FROM clinic_time_slots WHERE "isActive""#).await, 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reader_reads_no_table_of_another_schema() {
    let clinic = Clinic::open().await.unwrap();
    let reader = as_reader(&clinic).await;
    let elsewhere = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                     WHERE c.relkind IN ('r', 'v', 'm', 'p', 'S') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
                       AND n.nspname <> 'runbook'";
    assert!(count(&reader, elsewhere).await > 20, "there must be other tables");
    let reached = format!(
        "{elsewhere} AND (has_schema_privilege(n.oid, 'USAGE') AND n.nspname <> 'public'
        OR c.relkind <> 'S' AND has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))"
    );
    assert_eq!(count(&reader, &reached).await, 0);
    for table in [
        "dynamic.reservations",
        "legacy_1.reservations",
        "event_log.events",
        "privacy.keys",
        "control.generations",
    ] {
        let refused = refusal(&reader, &format!("SELECT * FROM {table}")).await;
        assert_eq!(refused, SqlState::INSUFFICIENT_PRIVILEGE, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reader_cannot_write_even_with_read_only_turned_off() {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(52), 40).await;
    clinic.wait_for_views().await.unwrap();
    let reader = as_reader(&clinic).await;
    assert_eq!(
        refusal(&reader, "CREATE TEMP TABLE t (a int); INSERT INTO t VALUES (1)").await,
        SqlState::READ_ONLY_SQL_TRANSACTION
    );
    reader.batch_execute("SET default_transaction_read_only = off").await.unwrap();
    let granted = "SELECT count(*) FROM pg_class WHERE relnamespace = 'runbook'::regnamespace
        AND (has_any_column_privilege(oid, 'INSERT, UPDATE, REFERENCES') OR has_table_privilege(oid, 'DELETE, TRUNCATE, TRIGGER'))";
    assert_eq!(count(&reader, granted).await, 0);
    let changes = [
        // A view over two tables cannot be updated by anyone.
        ("UPDATE reservations SET period = NULL", SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE),
        ("DELETE FROM reservations", SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE),
        (r#"UPDATE services SET "isActive" = false"#, SqlState::INSUFFICIENT_PRIVILEGE),
        ("INSERT INTO clinic_time_slots (id) VALUES ('x')", SqlState::INSUFFICIENT_PRIVILEGE),
        ("DELETE FROM service_reservation_limits", SqlState::INSUFFICIENT_PRIVILEGE),
        ("CREATE TABLE runbook.mine (a int)", SqlState::INSUFFICIENT_PRIVILEGE),
        ("CREATE SCHEMA mine", SqlState::INSUFFICIENT_PRIVILEGE),
        ("DROP VIEW reservations", SqlState::INSUFFICIENT_PRIVILEGE),
    ];
    for (change, why) in changes {
        assert_eq!(refusal(&reader, change).await, why, "{change}");
    }
    set_share(&clinic, 100.0).await;
    retire_by(&clinic, &retirement(&clinic)).await;
    let alone = refusal(&reader, "UPDATE reservations SET period = NULL").await;
    assert_eq!(
        alone,
        SqlState::INSUFFICIENT_PRIVILEGE,
        "a view over one table, which its owner could update"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn recreated_tables_are_granted_again() {
    let clinic = Clinic::open().await.unwrap();
    let reader = as_reader(&clinic).await;
    for model in ReadModel::ALL {
        clinic.rebuild().run(&[model], &|_| {}).await.unwrap();
        count(&reader, "SELECT count(service) FROM reservations").await;
    }
    set_share(&clinic, 100.0).await;
    retire_by(&clinic, &retirement(&clinic)).await;
    count(&reader, "SELECT count(*) FROM reservations").await;
    assert_eq!(refusal(&reader, "SELECT service FROM reservations").await, SqlState::UNDEFINED_COLUMN);
    assert_eq!(refusal(&reader, "SELECT * FROM service_reservation_limits").await, SqlState::UNDEFINED_TABLE);
}
