//! How a service stops, and how another one takes over.

use std::time::Duration;

use daybook_tests::process::{Installation, Service};
use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::client::{RESERVATIONS, client, form, get, send, wait_until, wait_within, working_day};

/// How soon another process must keep the views up to date after the leader was killed.
const TAKE_OVER_LIMIT: Duration = Duration::from_secs(5);

/// Requests in flight when the service is told to stop.
const REQUESTS_UNDER_WAY: usize = 3;

/// The application names of connections that hold the leader lock. PostgreSQL shows its 64 bits as two halves.
const LEADERS: &str = "SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid)
    WHERE datname = current_database() AND locktype = 'advisory' AND granted AND objsubid = 1
      AND (classid::bigint << 32 | objid::bigint) = $1";

/// The key of the leader lock.
const LEADER_LOCK: i64 = i64::from_be_bytes(*b"dayview\x01");

/// Starts to post a booking and stops in the middle of its body. Returns the rest of it.
async fn start_post(service: &Service, patient: usize, start: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(service.address()).await.unwrap();
    let body = form(patient, "OTHER_CONSULTATION", working_day(6), start).to_string();
    let (sent, rest) = body.split_at(body.len() / 2);
    let (host, length) = (service.address(), body.len());
    let head = format!(
        "POST {RESERVATIONS} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{sent}"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    (stream, rest.to_owned())
}

/// Waits until this many requests are in flight.
async fn wait_for_requests(service: &Service, requests: usize) {
    // The request for the metrics counts too.
    let line = format!("daybook_http_requests_in_flight {}", requests + 1);
    wait_until("requests to be in flight", async || {
        let metrics = service.metrics().await.unwrap();
        if metrics.contains(&line) { Ok(()) } else { Err(format!("the line `{line}` is missing")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_service_answers_requests_in_flight_and_exits_with_0() {
    let clinic = Installation::open().await.unwrap();
    let mut service = clinic.serve().await.unwrap();
    let mut posts = Vec::new();
    for (patient, start) in ["09:00", "10:00", "11:00"].into_iter().enumerate() {
        posts.push(start_post(&service, patient, start).await);
    }
    assert_eq!(posts.len(), REQUESTS_UNDER_WAY);
    wait_for_requests(&service, REQUESTS_UNDER_WAY).await;
    service.signal(Signal::SIGTERM).unwrap();
    wait_until("new connections to be refused", async || match TcpStream::connect(service.address()).await {
        Ok(_) => Err("a connection was accepted".to_owned()),
        Err(_refused) => Ok(()),
    })
    .await;
    for (mut stream, rest) in posts {
        stream.write_all(rest.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        assert!(
            response.starts_with("HTTP/1.1 200 OK") && response.contains("\"success\":true"),
            "{response}"
        );
    }
    assert_eq!(service.wait_for_exit().await.unwrap().code(), Some(0));
    let output = service.output();
    assert_eq!(output.matches("listening on ").count(), 1, "standard output must have one line: {output}");
}

async fn leaders(database: &tokio_postgres::Client) -> Vec<String> {
    let rows = database.query(LEADERS, &[&LEADER_LOCK]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_leader_is_killed_the_other_service_takes_over_the_views() {
    let clinic = Installation::open().await.unwrap();
    let urls = ["first", "second"].map(|name| clinic.url_with_application_name(name).unwrap());
    let first = clinic.serve_with(&[("DATABASE_URL", &urls[0])]).await.unwrap();
    let second = clinic.serve_with(&[("DATABASE_URL", &urls[1])]).await.unwrap();
    let database = clinic.connect().await.unwrap();
    let leader = wait_until("a leader", async || match leaders(&database).await.as_slice() {
        [one] => Ok(one.clone()),
        others => Err(format!("{others:?} lead")),
    })
    .await;
    let (mut leading, standby) = if leader == "first" { (first, second) } else { (second, first) };
    for (patient, service) in [&leading, &standby].into_iter().enumerate() {
        book_and_see(service, patient).await;
    }

    leading.kill().await.unwrap();
    let killed = Instant::now();
    book_and_see(&standby, 2).await;
    assert!(killed.elapsed() <= TAKE_OVER_LIMIT, "{:?}", killed.elapsed());
    wait_within(TAKE_OVER_LIMIT, "a new leader", async || match leaders(&database).await.as_slice() {
        [one] if *one != leader => Ok(()),
        others => Err(format!("{others:?} lead")),
    })
    .await;
    get(&client(), &standby, "/readyz").await.unwrap().ok();
}

/// Books, and waits until the view that answers holds the booking.
async fn book_and_see(service: &Service, patient: usize) {
    let form = form(patient, "OTHER_CONSULTATION", working_day(7 + patient), "09:00");
    let booked = send(client().post(service.url(RESERVATIONS)).json(&form)).await.unwrap().ok();
    wait_within(TAKE_OVER_LIMIT, "the view to hold the booking", async || {
        let request = client().get(service.url("/api/public/services"));
        match send(request.header("Daybook-At-Least", &booked.position)).await.unwrap() {
            response if response.status == 200 => Ok(()),
            response => Err(format!("{response:?}")),
        }
    })
    .await;
}
