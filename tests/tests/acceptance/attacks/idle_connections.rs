//! 4,000 connections that wait, at 1,024 file descriptors.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use daybook_tests::process::{Installation, Service};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use reqwest::Client;
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;

use super::{assert_unharmed, connect, within};
use crate::client::{RESERVATIONS, client, form, get, send, working_day};

const CONNECTIONS: usize = 4_000;

/// Descriptors of the service.
const DESCRIPTORS: usize = 1_024;

/// Descriptors that this process needs: its connections, and some for everything else.
const NEEDED: u64 = 5_000;

/// How long one request may take. Without making room for it, it waits until all connections before it have timed out.
const LIMIT: Duration = Duration::from_secs(10);

/// What the connections send before they wait: nothing, half a head, a request, half a body.
const SENT: [&str; 4] = [
    "",
    "GET /api/public/services HTTP/1.1\r\nhost: x\r\nx-slow: ",
    "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n",
    "POST /api/public/reservations HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{\"phone\":",
];

/// Holds a connection, and opens another one whenever the service closes it.
async fn hold(service: Arc<Service>, number: usize, opened: Arc<AtomicUsize>, over: Arc<AtomicBool>) {
    let mut first = true;
    while !over.load(Ordering::Relaxed) {
        if let Ok(mut stream) = connect(&service, SENT[number % SENT.len()].as_bytes()).await {
            opened.fetch_add(usize::from(std::mem::take(&mut first)), Ordering::Relaxed);
            let mut buffer = [0; 1024];
            // Reads the response, if there is one, and then waits for the end.
            while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
        }
        // A stranger with one machine does not open connections without a pause.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// A client that opens a connection for each request.
fn new_connections() -> Client {
    Client::builder().pool_max_idle_per_host(0).timeout(LIMIT).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn four_thousand_waiting_connections_at_1024_descriptors_shut_nobody_out() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert!(
        hard >= NEEDED,
        "this test opens {CONNECTIONS} connections: raise the hard limit (`ulimit -Hn`) to {NEEDED}"
    );
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(NEEDED * 2), hard).unwrap();
    let clinic = Installation::open_alone().await.unwrap();
    let service = Arc::new(clinic.serve_with_descriptors(DESCRIPTORS, &[]).await.unwrap());
    let (opened, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let mut strangers: JoinSet<()> = (0..CONNECTIONS)
        .map(|number| hold(Arc::clone(&service), number, Arc::clone(&opened), Arc::clone(&over)))
        .collect();
    within(LIMIT * 6, "opening the connections", async {
        while opened.load(Ordering::Relaxed) < CONNECTIONS {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let (desk, stranger) = (client(), new_connections());
    for number in 0..20 {
        let booking = form(number, "OTHER_CONSULTATION", working_day(number), "09:00");
        let booking = send(stranger.post(service.url(RESERVATIONS)).json(&booking));
        within(LIMIT, "a booking", booking).await.unwrap().ok();
        for path in ["/livez", "/readyz", "/api/public/services"] {
            within(LIMIT, path, get(&stranger, &service, path)).await.unwrap().ok();
        }
        within(LIMIT, "the list of the desk", get(&desk, &service, "/api/reservations")).await.unwrap().ok();
    }
    let metrics = service.metrics().await.unwrap();
    let open = metrics.lines().find_map(|line| line.strip_prefix("daybook_http_connections "));
    assert!(open.unwrap().parse::<usize>().unwrap() < DESCRIPTORS, "{open:?}");
    assert!(!service.output().contains("Too many open files"), "{}", service.output());
    over.store(true, Ordering::Relaxed);
    strangers.abort_all();
    while strangers.join_next().await.is_some() {}
    assert_unharmed(&clinic, &service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_too_low_is_refused_with_what_to_do() {
    let clinic = Installation::open().await.unwrap();
    let refused = clinic.serve_with_descriptors(300, &[]).await.unwrap_err().to_string();
    assert!(refused.contains("may open 300 files") && refused.contains("LimitNOFILE"), "{refused}");
}
