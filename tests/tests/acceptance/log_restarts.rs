//! The service survives repeated restarts of its event log server.

use std::time::Duration;

use daybook_tests::process::{Installation, LogKind};

use crate::load::{Load, Tolerance};
use crate::tables;

/// Number of kills and restarts of the log's server.
const RESTARTS: usize = 20;

/// Concurrent clients.
const CLIENTS: usize = 4;

/// Bookings that are acknowledged before each restart.
const BOOKINGS_BEFORE_A_RESTART: usize = 10;

/// Pause before the next restart, so that each restart finds the service busy.
const REST: Duration = Duration::from_millis(50);

/// Bookings may fail while the log is down. No acknowledged booking may be missing or duplicated, and an acknowledged
/// routing change remains in force.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_restarts_of_the_log_server_lose_no_acknowledged_booking_or_routing_change() {
    let mut clinic = Installation::open_on(LogKind::EventStoreDb).await.unwrap();
    let (database, load) = (clinic.connect().await.unwrap(), Load::default());
    let service = clinic.serve().await.unwrap();
    let clients = load.start(&service, CLIENTS, Tolerance::Unavailable);
    for restart in 1..=RESTARTS {
        load.wait_for_acknowledged(BOOKINGS_BEFORE_A_RESTART).await;
        if restart % 5 == 0 {
            let share = (restart * 5).to_string();
            let flip = ["reads", "set", "--dynamic", &share, "--reason", "a test", "--yes", "--json"];
            clinic.run(&flip).await.unwrap().json().unwrap();
        }
        clinic.restart_log_server().await.unwrap();
        tokio::time::sleep(REST).await;
    }
    load.wait_for_acknowledged(BOOKINGS_BEFORE_A_RESTART).await;
    load.stop();
    clients.join_all().await;
    load.finish(&service).await;
    let acknowledged = load.acknowledged();
    tables::assert_hold_exactly(&database, &acknowledged).await;
    let shown = clinic.run(&["reads", "show", "--json"]).await.unwrap().json().unwrap();
    assert_eq!(shown["dynamic_percent"].as_f64(), Some(100.0), "{shown}");
    let before = clinic.run(&["projection", "verify", "--json"]).await.unwrap().json().unwrap();
    assert_eq!(before["agrees"], true, "{before}");
    for view in ["legacy", "dynamic"] {
        clinic.run(&["projection", "rebuild", view, "--yes", "--json"]).await.unwrap().json().unwrap();
    }
    let after = clinic.run(&["projection", "verify", "--json"]).await.unwrap().json().unwrap();
    let digests = |verdict: &serde_json::Value| {
        verdict["digests"].as_object().unwrap().values().cloned().collect::<std::collections::HashSet<_>>()
    };
    assert_eq!(digests(&before), digests(&after), "{before} {after}");
}
