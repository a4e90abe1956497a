//! Every process routes a subject to the same view, also after a restart.

use std::collections::BTreeSet;

use daybook_tests::process::{Installation, Service};
use futures_util::{StreamExt, stream};

use crate::client::{client, send, wait_until};

/// Number of client names.
const NAMES: usize = 400;

/// Concurrent requests.
const AT_ONCE: usize = 16;

/// The clients that a process routes to the dynamic view.
async fn dynamic_clients(service: &Service) -> BTreeSet<usize> {
    let (client, url) = (client(), service.url("/api/public/services"));
    let model = async |name: usize| {
        let request = client.get(&url).header("Daybook-Client", format!("client-{name}"));
        let response = send(request).await.unwrap().ok();
        (response.model == "dynamic").then_some(name)
    };
    let responses = stream::iter(0..NAMES).map(model).buffer_unordered(AT_ONCE);
    responses.filter_map(async |dynamic| dynamic).collect().await
}

/// Sets the percentage, and waits until every process routes about that many clients to the dynamic view.
async fn set_share(clinic: &Installation, percent: &str, services: &[&Service]) {
    let line = ["reads", "set", "--dynamic", percent, "--reason", "a drill", "--yes", "--json"];
    clinic.run(&line).await.unwrap().json().unwrap();
    let expected: f64 = percent.parse().unwrap();
    for service in services {
        wait_until("the percentage to take effect in every process", async || {
            let part = dynamic_clients(service).await.len();
            let is_near = (part as f64 * 100.0 / NAMES as f64 - expected).abs() < expected / 2.0;
            if is_near { Ok(()) } else { Err(format!("{part} of {NAMES}")) }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_and_a_restarted_one_route_every_client_alike() {
    let clinic = Installation::open().await.unwrap();
    let mut first = clinic.serve().await.unwrap();
    let second = clinic.serve().await.unwrap();
    set_share(&clinic, "5", &[&first, &second]).await;
    let few = dynamic_clients(&first).await;
    assert_eq!(dynamic_clients(&second).await, few);
    set_share(&clinic, "25", &[&first, &second]).await;
    let more = dynamic_clients(&first).await;
    assert_eq!(dynamic_clients(&second).await, more);
    assert!(more.is_superset(&few) && more.len() > few.len(), "{few:?} {more:?}");
    first.kill().await.unwrap();
    let restarted = clinic.serve().await.unwrap();
    assert_eq!(dynamic_clients(&restarted).await, more);
    assert_eq!(dynamic_clients(&second).await, more);
}
