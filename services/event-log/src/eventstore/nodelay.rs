//! Turns on `TCP_NODELAY` for the connections of the crate's client, so that small requests leave at once.
//!
//! The crate builds its own HTTP client and turns the option off. A request consists of two or three small
//! writes, headers before data. Nagle's algorithm holds back the second until the first is acknowledged, and
//! the server delays its acknowledgement because it has nothing to answer yet. Each single request therefore
//! takes 40 ms or more. No setting of the crate changes this, and neither does the server's socket or batch
//! append.
//!
//! The crate does not expose its sockets. A task therefore scans those of the process and sets the option on
//! connections to a node of the log: after the first answer of a client, after the first answer that follows
//! a failure, and after an operation that took as long as a delayed acknowledgement, since a client may
//! reconnect by itself.
//!
//! It must never change a socket that leads elsewhere, and never fail or delay an operation. If the system
//! does not allow the scan (it needs Linux and `/proc`), requests are slow but correct.

#[cfg_attr(not(target_os = "linux"), path = "nodelay/elsewhere.rs")]
mod sockets;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eventstore::{ClientSettings, Endpoint};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

/// An operation this slow may have waited for a delayed acknowledgement, which takes 40 ms or more.
const SLOW: Duration = Duration::from_millis(30);

/// Shortest time between two scans, for a server that is slow for other reasons.
const PAUSE: Duration = Duration::from_secs(1);

const RESOLVE_DEADLINE: Duration = Duration::from_secs(2);

/// Nodes to remember, including those of the URL. A cluster has three or five.
const MAX_NODES: usize = 32;

/// Sets the option on connections to the log until it is dropped.
pub(super) struct NoDelay {
    shared: Arc<Shared>,
    _task: AbortOnDropHandle<()>,
}

struct Shared {
    /// Host and port.
    nodes: Mutex<HashSet<(String, u16)>>,
    scan_requested: Notify,
}

impl NoDelay {
    /// Starts with the nodes of the URL. Must be called inside a Tokio runtime.
    pub(super) fn start(settings: &ClientSettings) -> Self {
        let shared = Arc::new(Shared { nodes: Mutex::default(), scan_requested: Notify::new() });
        settings.hosts().iter().for_each(|node| shared.learn(node));
        let task = AbortOnDropHandle::new(tokio::spawn(scan_on_request(Arc::clone(&shared))));
        Self { shared, _task: task }
    }

    /// The server reports this node as the leader, so the client will connect to it.
    pub(super) fn learn(&self, node: &Endpoint) {
        self.shared.learn(node);
    }

    /// Call this when there may be a new connection.
    pub(super) fn request_scan(&self) {
        self.shared.scan_requested.notify_one();
    }

    /// Requests a scan after a slow operation.
    pub(super) fn observe_latency(&self, time: Duration) {
        if time >= SLOW {
            self.request_scan();
        }
    }
}

impl Shared {
    fn learn(&self, node: &Endpoint) {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(port) = u16::try_from(node.port)
            && nodes.len() < MAX_NODES
        {
            nodes.insert((node.host.clone(), port));
        }
    }

    /// Addresses of the nodes, without names that do not resolve now.
    async fn addresses(&self) -> HashSet<SocketAddr> {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut addresses = HashSet::new();
        for (host, port) in nodes {
            let host = host.trim_matches(['[', ']']);
            let resolved = tokio::net::lookup_host((host, port));
            if let Ok(Ok(found)) = tokio::time::timeout(RESOLVE_DEADLINE, resolved).await {
                addresses.extend(found);
            }
        }
        addresses
    }
}

/// Scans on request, until the system turns out not to allow it.
async fn scan_on_request(shared: Arc<Shared>) {
    loop {
        shared.scan_requested.notified().await;
        let nodes = shared.addresses().await;
        match tokio::task::spawn_blocking(move || sockets::enable_nodelay(&nodes)).await {
            Ok(Ok(0)) | Err(_) => (),
            Ok(Ok(connections)) => tracing::debug!(connections, "TCP_NODELAY was turned on for EventStoreDB"),
            Ok(Err(error)) => {
                tracing::debug!(%error, "TCP_NODELAY cannot be turned on; small requests to EventStoreDB are slow");
                return;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
