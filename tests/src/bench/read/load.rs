//! The load: keep-alive connections that send requests one after another. They run on their own thread, to take as
//! little as possible from the server's threads.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep, timeout};

use super::{CONNECTIONS, COUNTED, WARM_UP};
use crate::http_connection::HttpConnection;

/// The time limit for one response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// An address and complete requests, ready to be sent.
#[derive(Clone)]
pub(in crate::bench) struct Target {
    address: SocketAddr,
    requests: Arc<Vec<Vec<u8>>>,
}

impl Target {
    /// Builds requests for these paths, each with these additional headers.
    pub(super) fn new(
        address: SocketAddr,
        paths: impl Iterator<Item = String>,
        header_lines: &str,
    ) -> anyhow::Result<Self> {
        let request =
            |path: String| format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{header_lines}\r\n").into();
        let requests: Vec<Vec<u8>> = paths.map(request).collect();
        ensure!(!requests.is_empty(), "there are no paths to request");
        Ok(Self { address, requests: Arc::new(requests) })
    }

    pub(in crate::bench) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// One of the requests. Numbers beyond the last one start again.
    pub(in crate::bench) fn request(&self, number: usize) -> &[u8] {
        self.requests.get(number % self.requests.len()).map_or(&[], Vec::as_slice)
    }
}

/// Sends the first request once. Returns the body of the response.
pub(super) async fn send_once(target: &Target) -> anyhow::Result<Vec<u8>> {
    let mut http_connection = HttpConnection::connect(target.address).await?;
    let answered = timeout(RESPONSE_TIMEOUT, http_connection.send(target.request(0))).await;
    Ok(answered.context("no response within the time limit")??.to_vec())
}

/// Puts a target under load. Returns responses per second.
pub(super) async fn run(target: &Target) -> anyhow::Result<f64> {
    let target = target.clone();
    let on_its_own_thread = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let deadline = WARM_UP + COUNTED + RESPONSE_TIMEOUT;
        runtime.block_on(async {
            timeout(deadline, run_connections(&target)).await.context("a response is missing")?
        })
    };
    tokio::task::spawn_blocking(on_its_own_thread).await.context("the thread of the load")?
}

async fn run_connections(target: &Target) -> anyhow::Result<f64> {
    let (answers, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let connections =
        try_join_all((0..CONNECTIONS).map(|connection| send_repeatedly(target, connection, &answers, &over)));
    let counting = async {
        sleep(WARM_UP).await;
        let (before, since) = (answers.load(Ordering::Relaxed), Instant::now());
        sleep(COUNTED).await;
        let counted = answers.load(Ordering::Relaxed) - before;
        over.store(true, Ordering::Relaxed);
        Ok(counted as f64 / since.elapsed().as_secs_f64())
    };
    let (_, rate) = futures_util::future::try_join(connections, counting).await?;
    Ok(rate)
}

async fn send_repeatedly(
    target: &Target,
    connection: usize,
    answers: &AtomicU64,
    over: &AtomicBool,
) -> anyhow::Result<()> {
    let mut http_connection = HttpConnection::connect(target.address).await?;
    // Each connection starts at another place in the list.
    let mut number = connection * target.requests.len() / CONNECTIONS;
    while !over.load(Ordering::Relaxed) {
        http_connection.send(target.request(number)).await?;
        answers.fetch_add(1, Ordering::Relaxed);
        number += 1;
    }
    Ok(())
}
