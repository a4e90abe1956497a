//! Acknowledged bookings survive a `kill -9`.

use daybook_tests::process::{Installation, LogKind};

use crate::load::{Load, Tolerance};
use crate::tables;

/// Number of kills of the service.
const KILLS: usize = 10;

/// Concurrent clients.
const CLIENTS: usize = 8;

/// Bookings that are acknowledged before each kill.
const BOOKINGS_BEFORE_A_KILL: usize = 25;

#[tokio::test(flavor = "multi_thread")]
async fn ten_kills_under_load_neither_lose_nor_duplicate_an_acknowledged_booking() {
    survive_kills(LogKind::Database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_kills_with_the_log_in_event_store_db_neither_lose_nor_duplicate_a_booking() {
    survive_kills(LogKind::EventStoreDb).await;
}

async fn survive_kills(log: LogKind) {
    let clinic = Installation::open_on(log).await.unwrap();
    let (database, load) = (clinic.connect().await.unwrap(), Load::default());
    for _ in 0..KILLS {
        let mut service = clinic.serve().await.unwrap();
        tables::wait_for(&database, &load.acknowledged()).await;
        let clients = load.start(&service, CLIENTS, Tolerance::LostConnections);
        load.wait_for_acknowledged(BOOKINGS_BEFORE_A_KILL).await;
        service.kill().await.unwrap();
        clients.join_all().await;
    }
    assert!(load.unanswered() >= KILLS, "each kill must interrupt requests");
    let service = clinic.serve().await.unwrap();
    load.finish(&service).await;
    let acknowledged = load.acknowledged();
    assert!(acknowledged.len() >= KILLS * BOOKINGS_BEFORE_A_KILL);
    tables::assert_hold_exactly(&database, &acknowledged).await;
    let verdict = clinic.run(&["projection", "verify", "--json"]).await.unwrap().json().unwrap();
    assert_eq!(verdict["agrees"], true, "{verdict}");
    for view in verdict["reservations"].as_object().unwrap().values() {
        assert_eq!(view.as_u64(), Some(acknowledged.len() as u64), "{verdict}");
    }
}
