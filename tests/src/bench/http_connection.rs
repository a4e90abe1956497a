//! A keep-alive connection that sends a request and waits for the whole response.
//!
//! It supports just enough HTTP/1.1 for that, and must never accept a status other than 200.

use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The largest response, head and body.
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

pub(super) struct HttpConnection {
    stream: TcpStream,
    received: BytesMut,
}

impl HttpConnection {
    pub(super) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: BytesMut::with_capacity(MAX_RESPONSE_BYTES) })
    }

    /// Sends a request and waits for the whole response. Returns the body.
    pub(super) async fn send(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
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
        Ok(self.received.get(head.bytes..head.end()).unwrap_or_default())
    }
}

/// The length of a response.
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

    /// Parses the head of a response. Returns `None` until it is complete.
    fn read(received: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let head = std::str::from_utf8(received.get(..end).unwrap_or_default())?;
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap_or_default();
        if !status.starts_with("HTTP/1.1 200 ") {
            bail!("the response has the status {status:?}");
        }
        let length = lines.filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
        });
        Ok(Some(Self { bytes: end + 4, body_bytes: length.context("the response has no Content-Length")?? }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_head_gives_the_length_of_the_response() {
        let response = b"HTTP/1.1 200 OK\r\nx: y\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(Head::read(response).unwrap(), Some(Head { bytes: response.len() - 5, body_bytes: 5 }));
        assert_eq!(Head::read(&response[..20]).unwrap(), None);
    }

    #[test]
    fn a_status_other_than_200_is_an_error() {
        assert!(Head::read(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").is_err());
        assert!(Head::read(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
