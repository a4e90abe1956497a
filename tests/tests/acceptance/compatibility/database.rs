//! The old build's database is opened as it is: its views serve without a rebuild, and a rebuild makes the same rows again.
//!
//! Nothing here may pass because a view was quietly built again.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio_postgres::Client;

use super::{OldClinic, digests, json_of};
use crate::client::{RESERVATIONS, client, form, send, working_day};
use crate::tables::{VIEWS, wait_for};

/// All rows of a generation's tables, in the order of their texts.
async fn rows(database: &Client, generation: &str) -> BTreeMap<String, Vec<String>> {
    let names = "SELECT tablename::text FROM pg_tables WHERE schemaname = $1 ORDER BY 1";
    let names: Vec<String> =
        database.query(names, &[&generation]).await.unwrap().iter().map(|row| row.get(0)).collect();
    let mut tables = BTreeMap::new();
    for name in names {
        let sql = format!("SELECT t::text FROM {generation}.{name} t ORDER BY 1");
        let rows = database.query(&sql, &[]).await.unwrap();
        tables.insert(name, rows.iter().map(|row| row.get(0)).collect());
    }
    tables
}

fn generations(verdict: &Value) -> Vec<&str> {
    verdict["generations"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn its_views_are_compared_and_served_as_they_are_and_a_rebuild_makes_the_same_rows() {
    let (old, expected) = (OldClinic::load("database").await, json_of("verify.json"));
    assert_eq!(old.json(&["projection", "verify"]).await, expected);
    let database = old.connect().await;
    let mut service = old.serve().await;
    let served = old.json(&["projection", "verify"]).await;
    for field in ["generations", "digests", "reservations", "agrees"] {
        assert_eq!(served[field], expected[field], "{field} after a start");
    }
    service.kill().await.unwrap();

    let audit = old.run(&["projection", "audit"]).await;
    assert_eq!(audit.code, Some(0), "{audit:?}");
    old.json(&["projection", "rebuild", "all", "--yes"]).await;
    let rebuilt = old.json(&["projection", "verify"]).await;
    assert_eq!(digests(&rebuilt), digests(&expected));
    for (before, after) in generations(&expected).into_iter().zip(generations(&rebuilt)) {
        assert_ne!(before, after);
        let (before, after) = (rows(&database, before).await, rows(&database, after).await);
        assert!(before.values().map(Vec::len).sum::<usize>() > 50, "{before:?}");
        for (table, rows) in &before {
            assert_eq!(rows, &after[table], "{table}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bookings_go_on_in_it_and_reach_both_views() {
    let old = OldClinic::load("database").await;
    let service = old.serve().await;
    let form = form(1, "OTHER_CONSULTATION", working_day(200), "09:00");
    let booked = send(client().post(service.url(RESERVATIONS)).json(&form)).await.unwrap().ok();
    wait_for(&old.connect().await, &[booked.id().to_owned()].into()).await;
    assert_eq!(old.json(&["projection", "verify"]).await["agrees"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_legacy_view_that_the_old_build_retired_is_restored_from_the_log() {
    let old = OldClinic::load("retired").await;
    let status = old.json(&["migrate", "status"]).await;
    assert_eq!(status["stage"], "retired", "{status}");
    let restored = old.json(&["projection", "restore", "legacy", "--yes"]).await;
    assert_eq!(restored["rebuild"]["compared"], true, "{restored}");
    let verdict = old.json(&["projection", "verify"]).await;
    assert_eq!((&verdict["agrees"], digests(&verdict).len()), (&true.into(), VIEWS.len()), "{verdict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_old_build_parked_is_shown_and_discarded() {
    let old = OldClinic::load("parked").await;
    let listed = old.json(&["projection", "parked", "list"]).await;
    let parked = listed.as_array().unwrap();
    assert_eq!(parked.len(), VIEWS.len(), "{listed}");
    let position = parked[0]["position"].as_str().unwrap();
    assert_eq!((&parked[0]["kind"], &parked[0]["waiting"]), (&"ReservationTeleported".into(), &1.into()));
    old.json(&["projection", "parked", "discard", position, "--reason", "no such event", "--yes"]).await;
    let verdict = old.json(&["projection", "verify"]).await;
    assert_eq!(verdict["agrees"], true, "{verdict}");
}
