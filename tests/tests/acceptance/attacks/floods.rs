//! Floods of expensive reads. They shut out nobody else, and make no view look slow.

use std::num::NonZeroUsize;
use std::time::Duration;

use daybook_api::{Role, Settings, Watching};
use daybook_domain::routing::{Limits, RolloutPercentage};
use daybook_tests::app::{App, token};
use daybook_tests::clinic::Clinic;
use daybook_tests::flood::Flood;
use daybook_tests::process::{Installation, Service};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::client::{client, get, send, wait_within};

/// An expensive read.
const MONTH: &str = "/api/public/reservation-status?year=2026&month=12";

/// The flood counts by the addresses that it names. A busy machine may work on nothing for as long as requests usually wait.
const SETTINGS: [(&str, &str); 2] =
    [("DAYBOOK_TRUSTED_PROXIES", "127.0.0.1"), ("DAYBOOK_MAX_QUEUE_WAIT", "2s")];

/// Lookups of one newcomer.
const LOOKUPS: usize = 20;

/// Requests of each connection after which a flood is in full flow: nobody in it has asked for as little as the newcomer will.
const ASKED: u64 = 30;

/// How soon it is, on a machine that is busy.
const FULL_FLOW_WITHIN: Duration = Duration::from_secs(120);

/// The refused reads of strangers.
async fn shed(service: &Service) -> u64 {
    let text = service.metrics().await.unwrap();
    let line = text.lines().find(|line| line.contains(r#"shed_total{lane="public_reads"}"#));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

/// Floods a service, and sends the lookups of a newcomer in the meantime.
async fn look_up_beside_a_flood(connections: usize, sender: fn(usize) -> String) {
    let clinic = Installation::open_alone().await.unwrap();
    let service = clinic.serve_with(&SETTINGS).await.unwrap();
    let flood = Flood::start(service.address().parse().unwrap(), connections, MONTH, sender);
    wait_within(FULL_FLOW_WITHIN, "the flood to be in full flow", async || {
        let (least, shed) = (flood.answered_least(), shed(&service).await);
        if least >= ASKED && shed > 0 { Ok(()) } else { Err(format!("{least} asked, {shed} refused")) }
    })
    .await;
    let (answered, refused) = (flood.answered(), shed(&service).await);
    let newcomer = Client::new();
    for number in 0..LOOKUPS {
        let request = newcomer.post(service.url("/api/public/reservations/check"));
        let own = json!({"phone": format!("010-7000-{number:04}"), "birth_date": "1990-01-01"});
        send(request.header("x-forwarded-for", "198.51.100.1").json(&own)).await.unwrap().ok();
    }
    get(&client(), &service, "/readyz").await.unwrap().ok();
    // It went on all the time, and others than the newcomer were refused.
    assert!(flood.answered() > answered && shed(&service).await > refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_network_with_150_connections_cannot_shut_out_a_newcomer() {
    look_up_beside_a_flood(150, |_| "203.0.113.7".to_owned()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_networks_cannot_shut_out_a_newcomer() {
    look_up_beside_a_flood(200, |number| format!("203.0.113.{number}")).await;
}

/// Connections of the flood that is to trip a guardrail, each from a network of its own.
const FLOODING: usize = 200;

/// Reads of the flood that have to be judged: those of several windows.
const JUDGED: u64 = 500;

/// The length of a window.
const WINDOW: Duration = Duration::from_millis(500);

async fn as_admin(request: RequestBuilder) -> Value {
    send(request.bearer_auth(token("admin", Role::SuperAdmin).unwrap())).await.unwrap().ok().body
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_networks_cannot_trip_a_guardrail() {
    let _alone = Installation::open_alone().await.unwrap();
    // The usual limit on latency, and so many places that each read takes longer on any machine.
    let limits = Limits { min_requests: 12, ..Limits::default() };
    let watching = Watching { sample: RolloutPercentage::default(), window: WINDOW, limits };
    let trusted_proxies = "127.0.0.1".parse().unwrap();
    let places_per_lane = NonZeroUsize::new(FLOODING).unwrap();
    let adjust = |settings| Settings { watching, trusted_proxies, places_per_lane, ..settings };
    let app = App::with_settings(Clinic::open().await.unwrap(), adjust).await.unwrap();
    // The dynamic view answers the whole flood, so there are no reads of the legacy view to compare with.
    let all = json!({"action": "set", "dynamicPercentage": 100, "reason": "a flood"});
    as_admin(app.post("/api/admin/read-model").json(&all)).await;
    let _flood = Flood::start(app.address().parse().unwrap(), FLOODING, MONTH, |n| format!("203.0.113.{n}"));
    wait_within(FULL_FLOW_WITHIN, "the flood to be judged", async || {
        let judged = as_admin(app.get("/api/admin/guardrails")).await;
        let routing = as_admin(app.get("/api/admin/read-model")).await;
        assert_eq!(routing["rolledBack"], false, "{judged}");
        let is_judged = judged["judgement"] == "fine"
            && judged["lastWindows"]["dynamic"]["requests"].as_u64() >= Some(JUDGED);
        if is_judged { Ok(()) } else { Err(judged.to_string()) }
    })
    .await;
}
