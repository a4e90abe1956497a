//! At four times its capacity, a service still does its work, and refuses the rest at once. The desk notices nothing.

use std::time::Duration;

use daybook_tests::overload::{Plan, measure};
use daybook_tests::process::Installation;

use crate::client::{client, get};
use crate::tables;

/// The desk's reads are answered before their deadline, also without optimisation and on a busy machine.
const MOST_DESK_MS: f64 = 5000.0;

/// Load balancers take a process out after three failed probes. One may be late on a machine that runs other tests too.
const MOST_FAILED_PROBES: u32 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn at_four_times_its_capacity_a_service_does_its_work_and_refuses_the_rest() {
    let clinic = Installation::open_alone().await.unwrap();
    // The default wait for a place, which an empty value stands for.
    let settings = [("DAYBOOK_TRUSTED_PROXIES", "127.0.0.1"), ("DAYBOOK_MAX_QUEUE_WAIT", "")];
    let service = clinic.serve_with(&settings).await.unwrap();
    let plan = Plan { factors: vec![4.0], step: Duration::from_secs(4) };
    let health = tokio::spawn({
        let (client, url) = (client(), service.url("/readyz"));
        async move {
            let mut failed = 0;
            loop {
                let response = client.get(&url).send().await.unwrap();
                failed = if response.status() == 200 { 0 } else { failed + 1 };
                assert!(failed < MOST_FAILED_PROBES, "{}", response.text().await.unwrap());
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    });
    let curve = measure(&service, &plan).await.unwrap();
    assert!(!health.is_finished(), "{:?}", health.await);
    health.abort();
    assert_eq!(curve.faults, [""; 0], "{curve:?}");
    let step = &curve.steps[0];
    // Without optimisation, sending and refusing requests takes most of the processors, which the service shares with its clients.
    assert!(step.accepted_per_second > curve.capacity_per_second / 4.0, "{curve:?}");
    assert_eq!(step.desk_shed_percent, 0.0, "{curve:?}");
    assert!(step.desk_p99_ms < MOST_DESK_MS, "{curve:?}");
    // Nothing is lost, and nothing is there twice.
    assert_eq!(curve.acknowledged.len(), curve.acknowledgements);
    tables::assert_hold_exactly(&clinic.connect().await.unwrap(), &curve.acknowledged).await;
    get(&client(), &service, "/readyz").await.unwrap().ok();
}
