//! `daybook projection run` keeps the views up to date without a service.

use std::time::Duration;

use daybook_tests::process::Installation;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::client::wait_within;
use crate::load::{Load, Tolerance};
use crate::tables;

/// How soon a standby must lead after the leader has stopped.
const TAKE_OVER_LIMIT: Duration = Duration::from_secs(5);

/// Bookings that are acknowledged before the service stops.
const BOOKINGS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_leads_after_the_service_stops_and_exits_with_0_on_a_signal() {
    let clinic = Installation::open().await.unwrap();
    let mut service = clinic.serve().await.unwrap();
    let (mut runner, first) = clinic.run_projection(&["--json"], &[]).await.unwrap();
    assert_eq!(first, r#"{"role":"standby","epoch":null}"#);
    let load = Load::default();
    let clients = load.start(&service, 2, Tolerance::LostConnections);
    load.wait_for_acknowledged(BOOKINGS).await;
    service.kill().await.unwrap();
    clients.join_all().await;
    wait_within(TAKE_OVER_LIMIT, "the process to lead", async || match runner.output() {
        output if output.contains(r#"{"role":"leader","epoch":"#) => Ok(()),
        output => Err(output),
    })
    .await;
    tables::wait_for(&clinic.connect().await.unwrap(), &load.acknowledged()).await;

    let listing = clinic.run(&["projection", "list", "--json"]).await.unwrap().json().unwrap();
    assert_eq!(listing["leader"]["pid"].as_u64(), runner.id().map(u64::from), "{listing}");
    assert_eq!(listing["generations"].as_array().map(Vec::len), Some(2), "{listing}");
    let output = clinic.run(&["projection", "list"]).await.unwrap().stdout;
    let line = format!("{}@", runner.id().unwrap());
    assert!(output.contains(&line) && output.contains(", epoch 2, since "), "{output}");

    assert_eq!(runner.stop().await.unwrap().code(), Some(0), "{}", runner.output());
    let status = clinic.run(&["status", "--json"]).await.unwrap().json().unwrap();
    assert_eq!((&status["leader"]["epoch"], &status["leader"]["holds_lock"]), (&2.into(), &false.into()));
    let output = clinic.run(&["status"]).await.unwrap().stdout;
    assert!(output.contains("No leader: no process keeps the views up to date. "), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_builds_missing_views_and_hands_over_to_a_later_service() {
    let clinic = Installation::open().await.unwrap();
    let (mut runner, first) = clinic.run_projection(&[], &[]).await.unwrap();
    assert_eq!(first, "leading, epoch 1");
    let mut service = clinic.serve().await.unwrap();
    let load = Load::default();
    let clients = load.start(&service, 2, Tolerance::LostConnections);
    load.wait_for_acknowledged(BOOKINGS).await;
    assert_eq!(runner.stop().await.unwrap().code(), Some(0), "{}", runner.output());
    load.wait_for_acknowledged(BOOKINGS).await;
    load.stop();
    clients.join_all().await;
    tables::assert_hold_exactly(&clinic.connect().await.unwrap(), &load.acknowledged()).await;
    let verdict: Value = clinic.run(&["projection", "verify", "--json"]).await.unwrap().json().unwrap();
    assert_eq!(verdict["agrees"], true, "{verdict}");
    service.signal(Signal::SIGTERM).unwrap();
    assert_eq!(service.wait_for_exit().await.unwrap().code(), Some(0));
}
