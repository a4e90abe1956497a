//! The load: keep-alive connections that ask, wait for the whole answer, and ask again.
//!
//! It speaks just enough HTTP/1.1 for that, on a thread of its own, so that it takes as little as it can from those
//! that answer. It must never count an answer that is not 200.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::BytesMut;
use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::{CONNECTIONS, COUNTED, WARM_UP};

/// Longest wait for an answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// Largest answer, head and body.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Where to ask, and for what: whole requests, ready to be sent.
#[derive(Clone)]
pub(super) struct Target {
    address: SocketAddr,
    requests: Arc<Vec<Vec<u8>>>,
}

impl Target {
    /// Requests for paths, each with more header lines.
    pub(super) fn new(
        address: SocketAddr,
        paths: impl Iterator<Item = String>,
        header_lines: &str,
    ) -> anyhow::Result<Self> {
        let request =
            |path: String| format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{header_lines}\r\n").into();
        let requests: Vec<Vec<u8>> = paths.map(request).collect();
        ensure!(!requests.is_empty(), "there is nothing to look up");
        Ok(Self { address, requests: Arc::new(requests) })
    }

    fn request(&self, number: usize) -> &[u8] {
        self.requests.get(number % self.requests.len()).map_or(&[], Vec::as_slice)
    }
}

/// Sends the first request once. Gives the body of the answer.
pub(super) async fn ask_once(target: &Target) -> anyhow::Result<Vec<u8>> {
    let mut asker = Asker::connect(target.address).await?;
    let head =
        timeout(ANSWER_DEADLINE, asker.ask(target.request(0))).await.context("no answer came in time")??;
    let body = asker.received.get(head.bytes..head.end()).unwrap_or_default();
    Ok(body.to_vec())
}

/// Puts a target under load for a while. Gives answers a second.
pub(super) async fn run(target: &Target) -> anyhow::Result<f64> {
    let target = target.clone();
    let on_its_own_thread = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let deadline = WARM_UP + COUNTED + ANSWER_DEADLINE;
        runtime.block_on(async {
            timeout(deadline, ask_for_a_while(&target)).await.context("an answer is missing")?
        })
    };
    tokio::task::spawn_blocking(on_its_own_thread).await.context("the load's thread")?
}

async fn ask_for_a_while(target: &Target) -> anyhow::Result<f64> {
    let (answers, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let asking = try_join_all((0..CONNECTIONS).map(|connection| ask_on(target, connection, &answers, &over)));
    let counting = async {
        sleep(WARM_UP).await;
        let (before, since) = (answers.load(Ordering::Relaxed), Instant::now());
        sleep(COUNTED).await;
        let counted = answers.load(Ordering::Relaxed) - before;
        over.store(true, Ordering::Relaxed);
        Ok(counted as f64 / since.elapsed().as_secs_f64())
    };
    let (_, rate) = futures_util::future::try_join(asking, counting).await?;
    Ok(rate)
}

async fn ask_on(
    target: &Target,
    connection: usize,
    answers: &AtomicU64,
    over: &AtomicBool,
) -> anyhow::Result<()> {
    let mut asker = Asker::connect(target.address).await?;
    // Each connection starts elsewhere in the list.
    let mut number = connection * target.requests.len() / CONNECTIONS;
    while !over.load(Ordering::Relaxed) {
        asker.ask(target.request(number)).await?;
        answers.fetch_add(1, Ordering::Relaxed);
        number += 1;
    }
    Ok(())
}

struct Asker {
    stream: TcpStream,
    received: BytesMut,
}

impl Asker {
    async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: BytesMut::with_capacity(MAX_ANSWER_BYTES) })
    }

    /// Asks and waits until the whole answer has been received. There it stays until the next one is asked for.
    async fn ask(&mut self, request: &[u8]) -> anyhow::Result<Head> {
        self.received.clear();
        self.stream.write_all(request).await?;
        loop {
            ensure!(self.stream.read_buf(&mut self.received).await? > 0, "the connection was closed");
            ensure!(self.received.len() < MAX_ANSWER_BYTES, "an answer has {MAX_ANSWER_BYTES} bytes or more");
            if let Some(head) = Head::read(&self.received)?.filter(|head| self.received.len() >= head.end()) {
                return Ok(head);
            }
        }
    }
}

/// How long an answer is.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    bytes: usize,
    body_bytes: usize,
}

impl Head {
    /// Bytes of head and body.
    const fn end(&self) -> usize {
        self.bytes + self.body_bytes
    }

    /// Reads the head of an answer; nothing while it has not come as a whole.
    fn read(received: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let head = std::str::from_utf8(received.get(..end).unwrap_or_default())?;
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap_or_default();
        if !status.starts_with("HTTP/1.1 200 ") {
            bail!("answered {status:?}");
        }
        let length = lines.filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
        });
        Ok(Some(Self { bytes: end + 4, body_bytes: length.context("an answer without a length")?? }))
    }
}

#[cfg(test)]
mod tests {
    //! Reading heads.
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_head_says_how_long_the_answer_is() {
        let answer = b"HTTP/1.1 200 OK\r\nx: y\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(Head::read(answer).unwrap(), Some(Head { bytes: answer.len() - 5, body_bytes: 5 }));
        assert_eq!(Head::read(&answer[..20]).unwrap(), None);
    }

    #[test]
    fn an_answer_that_is_not_200_does_not_count() {
        assert!(Head::read(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").is_err());
        assert!(Head::read(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
