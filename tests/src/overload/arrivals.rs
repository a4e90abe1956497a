//! Sends the load: clients that wait for each answer, and arrivals that wait for nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::mixture::{Mixture, Request};
use super::tally::{Answer, Tally};
use crate::http_connection::HttpConnection;

/// Longest time for an answer.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Most connections of the generator. Fewer than a process may usually have open.
const MAX_CONNECTIONS: usize = 800;

/// Idle connections, shared by all arrivals.
type Idle = Arc<Mutex<Vec<HttpConnection>>>;

/// Clients that send a request as soon as the one before is answered.
pub(super) async fn closed_loop(mixture: Mixture, clients: usize, time: Duration) -> anyhow::Result<Tally> {
    let (begun, idle) = (Instant::now(), Idle::default());
    let mut running: JoinSet<Tally> = (0..clients)
        .map(|_| {
            let (mixture, idle) = (mixture.clone(), Arc::clone(&idle));
            async move {
                let mut tally = Tally::default();
                while begun.elapsed() < time {
                    tally.count(send(&mixture, &idle, Instant::now()).await);
                }
                tally
            }
        })
        .collect();
    let mut all = Tally::default();
    while let Some(tally) = running.join_next().await {
        all.absorb(tally?);
    }
    all.seconds = begun.elapsed().as_secs_f64();
    Ok(all)
}

/// Requests that arrive at a fixed rate per second.
pub(super) async fn open_loop(mixture: Mixture, rate: f64, time: Duration) -> anyhow::Result<Tally> {
    let (begun, idle) = (Instant::now(), Idle::default());
    let (mut running, mut all) = (JoinSet::new(), Tally::default());
    let arrivals = (rate * time.as_secs_f64()) as u64;
    for number in 0..arrivals {
        let due = begun + Duration::from_secs_f64(number as f64 / rate);
        sleep_until(due).await;
        while let Some(answer) = running.try_join_next() {
            all.count(answer?);
        }
        if running.len() >= MAX_CONNECTIONS {
            all.unsent += 1;
            continue;
        }
        let (mixture, idle) = (mixture.clone(), Arc::clone(&idle));
        running.spawn(async move { send(&mixture, &idle, due).await });
    }
    // The answers to what arrived last count for the time in which they arrived.
    all.seconds = begun.elapsed().as_secs_f64();
    while let Some(answer) = running.join_next().await {
        all.count(answer?);
    }
    Ok(all)
}

/// Sends a request that was due at this moment.
async fn send(mixture: &Mixture, idle: &Idle, due: Instant) -> Answer {
    let request = mixture.next();
    let answered = timeout(TIME_LIMIT, exchange(mixture, &request, idle, due)).await;
    match answered {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Answer::Fault(format!("no answer: {error:#}")),
        Err(_) => Answer::Fault(format!("no answer within {TIME_LIMIT:?}")),
    }
}

async fn exchange(mixture: &Mixture, request: &Request, idle: &Idle, due: Instant) -> anyhow::Result<Answer> {
    let reused = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut connection = match reused {
        Some(connection) => connection,
        None => HttpConnection::connect(mixture.address).await?,
    };
    let response = connection.exchange(&request.bytes).await?;
    let (status, closes) = (response.status, response.closes);
    let answer = match (status, response.retry_after) {
        (503, Some(1..)) if code(response.body) == "OVERLOADED" => Answer::Shed,
        (200..500, _) => {
            let booking = (request.is_booking && status == 200).then(|| response.body.to_vec());
            Answer::Accepted { took: due.elapsed(), booking }
        }
        (status, pause) => Answer::Fault(format!("{status} {}, Retry-After {pause:?}", code(response.body))),
    };
    if !closes {
        idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
    Ok(answer)
}

fn code(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body["code"].as_str().unwrap_or_default().to_owned()
}
