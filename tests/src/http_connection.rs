//! A keep-alive connection that sends a request and waits for the whole response.
//!
//! It supports just enough HTTP/1.1 for that. Benchmarks must never count a status other than 200.

use std::net::SocketAddr;

use anyhow::{Context, ensure};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The largest response, head and body.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

pub(crate) struct HttpConnection {
    stream: TcpStream,
    received: BytesMut,
}

impl HttpConnection {
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: BytesMut::with_capacity(MAX_RESPONSE_BYTES) })
    }

    /// Sends a request and waits for the whole response. Returns the body.
    ///
    /// # Errors
    /// If the connection fails or the status is not 200.
    pub(crate) async fn send(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        let response = self.exchange(request).await?;
        ensure!(response.status == 200, "the response has the status {}", response.status);
        Ok(response.body)
    }

    /// Sends a request and waits for the whole response, whatever its status is.
    ///
    /// # Errors
    /// If the connection fails.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Response<'_>> {
        self.received.clear();
        self.stream.write_all(request).await?;
        let head = loop {
            ensure!(self.stream.read_buf(&mut self.received).await? > 0, "the connection was closed");
            ensure!(
                self.received.len() < MAX_RESPONSE_BYTES,
                "a response has {MAX_RESPONSE_BYTES} bytes or more"
            );
            if let Some(head) = Head::read(&self.received)?.filter(|head| self.received.len() >= head.end()) {
                break head;
            }
        };
        let body = self.received.get(head.bytes..head.end()).unwrap_or_default();
        Ok(Response { status: head.status, retry_after: head.retry_after, closes: head.closes, body })
    }
}

/// A response.
#[derive(Debug)]
pub(crate) struct Response<'a> {
    pub(crate) status: u16,
    /// The header `Retry-After`, in seconds.
    pub(crate) retry_after: Option<u64>,
    /// Whether the server closes the connection.
    pub(crate) closes: bool,
    pub(crate) body: &'a [u8],
}

/// The head of a response.
#[derive(Debug, Default, PartialEq, Eq)]
struct Head {
    status: u16,
    retry_after: Option<u64>,
    closes: bool,
    bytes: usize,
    body_bytes: usize,
}

impl Head {
    /// Bytes of head and body.
    const fn end(&self) -> usize {
        self.bytes + self.body_bytes
    }

    /// Parses the head of a response. Returns `None` until it is complete.
    fn read(received: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let head = std::str::from_utf8(received.get(..end).unwrap_or_default())?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
        let mut read =
            Self { status: status.context("the response has no status")?, bytes: end + 4, ..Self::default() };
        let mut length = None;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = Some(value.parse()?),
                "retry-after" => read.retry_after = Some(value.parse()?),
                "connection" => read.closes = value.eq_ignore_ascii_case("close"),
                _ => {}
            }
        }
        Ok(Some(Self { body_bytes: length.context("the response has no Content-Length")?, ..read }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_head_gives_the_length_of_the_response() {
        let response = b"HTTP/1.1 200 OK\r\nx: y\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(
            Head::read(response).unwrap(),
            Some(Head { status: 200, bytes: response.len() - 5, body_bytes: 5, ..Head::default() })
        );
        assert_eq!(Head::read(&response[..20]).unwrap(), None);
    }

    #[test]
    fn a_refusal_has_its_status_and_pause_and_a_response_without_a_length_is_an_error() {
        let refusal = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let head = Head::read(refusal).unwrap().unwrap();
        assert_eq!((head.status, head.retry_after, head.closes, head.body_bytes), (503, Some(2), true, 0));
        assert!(Head::read(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(Head::read(b"SSH-2.0\r\n\r\n").is_err());
    }
}
