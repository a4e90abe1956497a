//! The runbook's tables for people: they show the live views through promotions and retirements, and block nothing.

mod cleanup;
mod reader;

use std::collections::BTreeSet;

use daybook_domain::ReadModel;
use daybook_projections::store::runbook_schema::ROLE;
use daybook_projections::{Generation, GenerationState, generation};
use daybook_tests::clinic::{Clinic, desk, request};
use tokio_postgres::{Client, Config, NoTls};

use crate::history::{TestRng, live, run_random_steps};
use crate::retiring::{legacy_objects, restore_by, retire_by, retirement, set_share};

/// A connection in the runbook's role.
async fn as_reader(clinic: &Clinic) -> Client {
    let config: Config = clinic.database.url_as(ROLE).parse().unwrap();
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn count(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// The columns of one of the runbook's tables; empty if there is no such table.
async fn columns(client: &Client, table: &str) -> BTreeSet<String> {
    let sql = "SELECT column_name::text FROM information_schema.columns
               WHERE table_schema = 'runbook' AND table_name = $1";
    client.query(sql, &[&table]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// The generations that the runbook's tables read.
async fn shown(client: &Client) -> BTreeSet<String> {
    let sql = "SELECT DISTINCT source.nspname::text
               FROM pg_depend d JOIN pg_rewrite rule ON d.classid = 'pg_rewrite'::regclass AND rule.oid = d.objid
               JOIN pg_class view ON view.oid = rule.ev_class
               JOIN pg_class read ON d.refclassid = 'pg_class'::regclass AND read.oid = d.refobjid AND read.oid <> view.oid
               JOIN pg_namespace source ON source.oid = read.relnamespace
               WHERE view.relnamespace = 'runbook'::regnamespace";
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_views_for_people_show_the_fields_of_both_views() {
    let clinic = Clinic::open().await.unwrap();
    run_random_steps(&clinic, &mut TestRng::new(51), 120).await;
    clinic.wait_for_views().await.unwrap();
    let client = clinic.database.connect().await.unwrap();
    let same = r#"SELECT count(*) FROM runbook.reservations r JOIN legacy.reservations l USING (id) JOIN dynamic.reservations d USING (id)
        WHERE (r.service, r."preferredTime", r.preferredtime) = (l.service, l."preferredTime", l."preferredTime")
          AND (r."serviceId", r.serviceid, r."serviceName", r.estimatedduration) = (d."serviceId", d."serviceId", d."serviceName", d."estimatedDuration")
          AND (r.period, r."timeSlotStart", r.timeslotend) IS NOT DISTINCT FROM (d.period, d."timeSlotStart", d."timeSlotEnd")
          AND r.createdat = d."createdAt" AT TIME ZONE 'UTC'"#;
    let all = count(&client, "SELECT count(*) FROM dynamic.reservations").await;
    assert!(all > 10);
    assert_eq!(count(&client, same).await, all);
    assert_eq!(count(&client, "SELECT count(*) FROM runbook.reservations").await, all);
    let own = names(&["subject", "version", "minutes"]);
    assert!(
        columns(&client, "reservations").await.is_disjoint(&own),
        "Daybook's internal columns must not be shown"
    );
    for (table, column) in [
        ("services", "isactive"),
        ("clinic_time_slots", "isActive"),
        ("service_reservation_limits", "dailylimit"),
    ] {
        assert!(columns(&client, table).await.contains(column), "{column} of {table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn times_compare_correctly_with_now_in_any_session_time_zone() {
    let clinic = Clinic::open().await.unwrap();
    let new_reservation = request(1, "srv_skin_care", "2026-12-01", "09:00", ReadModel::Dynamic);
    clinic.commands.request(new_reservation, desk()).await.unwrap();
    clinic.wait_for_views().await.unwrap();
    let client = clinic.database.connect().await.unwrap();
    // The clinic's clock, 2026-11-20 01:00 UTC, instead of now.
    let recent = "SELECT count(*) FROM runbook.reservations
                  WHERE createdAt >= TIMESTAMPTZ '2026-11-20 01:30Z' - INTERVAL '1 hour' AND createdAt <= '2026-11-20 01:30Z'";
    for zone in ["UTC", "Asia/Seoul", "America/New_York"] {
        client.batch_execute(&format!("SET timezone = '{zone}'")).await.unwrap();
        assert_eq!(count(&client, recent).await, 1, "{zone}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_promotion_they_show_the_new_generation_and_the_kept_one_can_be_dropped() {
    let clinic = Clinic::open().await.unwrap();
    let client = clinic.database.connect().await.unwrap();
    assert_eq!(shown(&client).await, names(&["legacy_1", "dynamic_1"]));
    for (model, expected) in
        [(ReadModel::Dynamic, ["legacy_1", "dynamic_2"]), (ReadModel::Legacy, ["legacy_2", "dynamic_2"])]
    {
        let report = clinic.rebuild().run(&[model], &|_| {}).await.unwrap();
        assert!(report.people_views_refreshed);
        assert_eq!(shown(&client).await, names(&expected));
        clinic.rebuild().drop_generation(Generation { model, number: 1 }).await.unwrap();
        assert_eq!(
            shown(&client).await,
            names(&expected),
            "dropping the former generation must not drop the views"
        );
    }
    let new_reservation = request(1, "srv_skin_care", "2026-12-01", "09:00", ReadModel::Dynamic);
    clinic.commands.request(new_reservation, desk()).await.unwrap();
    clinic.wait_for_views().await.unwrap();
    assert_eq!(count(&as_reader(&clinic).await, "SELECT count(service) FROM reservations").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_read_does_not_block_a_promotion_and_the_views_follow_at_the_next_start() {
    let clinic = Clinic::open().await.unwrap();
    let mut reader = as_reader(&clinic).await;
    let report = reader.transaction().await.unwrap();
    report.query("SELECT id FROM reservations", &[]).await.unwrap();
    let rebuilt = clinic.rebuild().run(&[ReadModel::Dynamic], &|_| {}).await.unwrap();
    assert!(!rebuilt.people_views_refreshed, "a reader holds a lock");
    assert_eq!(live(&clinic, ReadModel::Dynamic).await.number, 2);
    report.query("SELECT id FROM reservations", &[]).await.unwrap();
    clinic.rebuild().refresh_people().await;
    let client = clinic.database.connect().await.unwrap();
    assert_eq!(shown(&client).await, names(&["legacy_1", "dynamic_1"]));
    report.commit().await.unwrap();
    clinic.rebuild().refresh_people().await;
    assert_eq!(shown(&client).await, names(&["legacy_1", "dynamic_2"]));
    let kept = generation::list(&clinic.pool.get().await.unwrap()).await.unwrap();
    assert!(kept.iter().any(|one| one.state == GenerationState::Kept), "{kept:?}");
}

/// The state after a promotion that was killed once it was committed.
#[tokio::test(flavor = "multi_thread")]
async fn a_stale_published_schema_is_refreshed_at_the_next_start() {
    let clinic = Clinic::open().await.unwrap();
    clinic.rebuild().run(&[ReadModel::Dynamic], &|_| {}).await.unwrap();
    let client = clinic.database.connect().await.unwrap();
    let left_behind = "DROP VIEW dynamic.reservations;
                       CREATE VIEW dynamic.reservations AS SELECT * FROM dynamic_1.reservations";
    client.batch_execute(left_behind).await.unwrap();
    clinic.rebuild().refresh_people().await;
    let sql = "SELECT table_schema::text FROM information_schema.view_table_usage
               WHERE view_schema = 'dynamic' AND view_name = 'reservations'";
    assert_eq!(client.query_one(sql, &[]).await.unwrap().get::<_, String>(0), "dynamic_2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_table_of_the_same_name_is_left_alone_and_blocks_nothing() {
    let clinic = Clinic::open().await.unwrap();
    let client = clinic.database.connect().await.unwrap();
    let theirs = "DROP VIEW runbook.reservations; CREATE TABLE runbook.reservations AS SELECT 42 AS theirs";
    client.batch_execute(theirs).await.unwrap();
    let report = clinic.rebuild().run(&[ReadModel::Dynamic], &|_| {}).await.unwrap();
    assert!(report.people_views_refreshed, "nothing may wait for it");
    set_share(&clinic, 100.0).await;
    retire_by(&clinic, &retirement(&clinic)).await;
    assert_eq!(legacy_objects(&clinic).await, [""; 0]);
    assert_eq!(count(&client, "SELECT theirs::int8 FROM runbook.reservations").await, 42);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_without_old_fields_reads_only_one_view() {
    let clinic = Clinic::open().await.unwrap();
    let client = clinic.database.connect().await.unwrap();
    let plan = async |sql: &str| {
        let rows = client.query(&format!("EXPLAIN (VERBOSE) {sql}"), &[]).await.unwrap();
        rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
    };
    for about_new_fields in ["", "WHERE serviceId IS NOT NULL"] {
        let health = plan(&format!("SELECT COUNT(*) FROM runbook.reservations {about_new_fields}")).await;
        assert!(health.contains("dynamic_1") && !health.contains("legacy_1"), "{health}");
    }
    let both = plan(r#"SELECT COUNT(service), COUNT("serviceId") FROM runbook.reservations"#).await;
    assert!(both.contains("dynamic_1") && both.contains("legacy_1"), "{both}");
}
