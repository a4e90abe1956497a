//! A flood: connections that each send one request after another, as fast as they are answered. It ends when it is dropped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinSet;

use crate::http_connection::HttpConnection;

/// Connections that flood a service.
#[derive(Debug)]
pub struct Flood {
    _connections: JoinSet<()>,
    /// How many requests of each connection were answered or refused.
    answered: Vec<Arc<AtomicU64>>,
}

impl Flood {
    /// Opens the connections. Those whose requests have the same sender share a network.
    pub fn start(
        address: SocketAddr,
        connections: usize,
        path: &'static str,
        sender: impl Fn(usize) -> String,
    ) -> Self {
        let answered: Vec<Arc<AtomicU64>> = (0..connections).map(|_| Arc::default()).collect();
        let requests = (0..connections).map(|number| {
            let sender = sender(number);
            format!(
                "GET {path} HTTP/1.1\r\nhost: {address}\r\nx-forwarded-for: {sender}\r\ndaybook-client: flood-{number}\r\n\r\n"
            )
        });
        let send = |(request, answered): (String, &Arc<AtomicU64>)| {
            send_forever(address, request.into_bytes(), Arc::clone(answered))
        };
        Self { _connections: requests.zip(&answered).map(send).collect(), answered }
    }

    /// How many requests were answered or refused.
    pub fn answered(&self) -> u64 {
        self.counts().sum()
    }

    /// How many requests of the slowest connection were answered or refused.
    pub fn answered_least(&self) -> u64 {
        self.counts().min().unwrap_or_default()
    }

    fn counts(&self) -> impl Iterator<Item = u64> {
        self.answered.iter().map(|count| count.load(Ordering::Relaxed))
    }
}

/// A connection that the service closes is opened again.
async fn send_forever(address: SocketAddr, request: Vec<u8>, answered: Arc<AtomicU64>) {
    loop {
        let Ok(mut connection) = HttpConnection::connect(address).await else { continue };
        while connection.exchange(&request).await.is_ok() {
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}
