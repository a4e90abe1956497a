//! The service survives the loss of its connections to PostgreSQL.

use std::time::Duration;

use daybook_tests::process::{Installation, Service};
use reqwest::Client;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client::{client, get, wait_within};
use crate::load::{Load, Tolerance};
use crate::tables;

/// Number of booking clients, and of reading clients.
const CLIENTS: usize = 4;

/// Bookings that are acknowledged before, between and after the outages.
const BOOKINGS_BETWEEN: usize = 40;

/// How soon after an outage the service must have recovered.
const RECOVERY_LIMIT: Duration = Duration::from_secs(8);

const READ_PAUSE: Duration = Duration::from_millis(5);

/// Terminates all connections to the database except the current one.
const TERMINATE: &str = "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";

#[tokio::test(flavor = "multi_thread")]
async fn the_service_recovers_after_postgresql_terminates_all_its_connections() {
    let clinic = Installation::open().await.unwrap();
    let service = clinic.serve().await.unwrap();
    let load = Load::default();
    let bookers = load.start(&service, CLIENTS, Tolerance::Unavailable);
    let readers = readers(&service, &load);
    let (outside, client) = (clinic.connect().await.unwrap(), client());
    for _ in 0..2 {
        load.wait_for_acknowledged(BOOKINGS_BETWEEN).await;
        let output: i64 = outside.query_one(TERMINATE, &[]).await.unwrap().get(0);
        assert!(output > 3, "only {output} connections were terminated");
        recovered(&client, &service, &load).await;
    }
    load.wait_for_acknowledged(BOOKINGS_BETWEEN).await;
    load.stop();
    bookers.join_all().await;
    readers.join_all().await;
    tables::assert_hold_exactly(&outside, &load.acknowledged()).await;
}

/// Waits until the service is ready, reads from a view and accepts bookings.
async fn recovered(client: &Client, service: &Service, load: &Load) {
    let since = Instant::now();
    for path in ["/readyz", "/api/public/services"] {
        wait_within(RECOVERY_LIMIT, path, async || match get(client, service, path).await {
            Ok(response) if response.status == 200 => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
    }
    load.wait_for_acknowledged(1).await;
    assert!(since.elapsed() < RECOVERY_LIMIT, "{:?}", since.elapsed());
}

/// Clients that read until the load stops. A view may be unavailable for a moment (503); any other failure is an error.
fn readers(service: &Service, load: &Load) -> JoinSet<()> {
    let one = |_| {
        let (client, url, load) = (client(), service.url("/api/public/services"), load.clone());
        async move {
            while !load.is_stopped() {
                let response = crate::client::send(client.get(&url)).await.expect("a response");
                assert!([200, 503].contains(&response.status), "{response:?}");
                tokio::time::sleep(READ_PAUSE).await;
            }
        }
    };
    (0..CLIENTS).map(one).collect()
}
