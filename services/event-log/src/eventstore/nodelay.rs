//! Small requests leave at once: `TCP_NODELAY` on the connections that the crate's client opens.
//!
//! The crate builds its own HTTP client and turns the option off. A request goes out as two or three small writes, headers
//! before data; Nagle's algorithm holds the second until the first is acknowledged, and the server acknowledges late,
//! because it has nothing to answer yet. So each lone request takes 40 ms or more. No setting of the crate changes that, and
//! neither the server's socket nor a way of appending helps: its batches write in small pieces too, and a conflict ends them.
//!
//! What is left is the option itself. The crate does not show its sockets, so a task looks through those of the process and
//! sets it where the other end is a node of the log: after the first answer of a client, after the first one that follows a
//! failure, and after an operation that took as long as a late acknowledgement, since a client may connect again by itself.
//!
//! It must never touch a socket that leads elsewhere, nor fail or hold up an operation. Where the system does not let it
//! look (it needs Linux, and `/proc`), requests are slow and nothing else.

#[cfg_attr(not(target_os = "linux"), path = "nodelay/elsewhere.rs")]
mod sockets;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eventstore::{ClientSettings, Endpoint};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

/// An operation that takes so long may have waited for a late acknowledgement: those come after 40 ms at the earliest.
const SLOW: Duration = Duration::from_millis(30);

/// Shortest time between two looks: a server that is slow for other reasons is no reason to look all the time.
const PAUSE: Duration = Duration::from_secs(1);

/// Longest time to find out a node's addresses.
const RESOLVE_DEADLINE: Duration = Duration::from_secs(2);

/// Nodes that are remembered, those of the URL included. A cluster has three or five.
const MAX_NODES: usize = 32;

/// Sees to it that the log's connections send at once, for as long as it is kept.
pub(super) struct NoDelay {
    shared: Arc<Shared>,
    _task: AbortOnDropHandle<()>,
}

struct Shared {
    /// By name or address and port.
    nodes: Mutex<HashSet<(String, u16)>>,
    scan_requested: Notify,
}

impl NoDelay {
    /// Begins with the nodes that the URL names. Has to be called on a Tokio runtime.
    pub(super) fn start(settings: &ClientSettings) -> Self {
        let shared = Arc::new(Shared { nodes: Mutex::default(), scan_requested: Notify::new() });
        settings.hosts().iter().for_each(|node| shared.learn(node));
        let task = AbortOnDropHandle::new(tokio::spawn(scan_on_request(Arc::clone(&shared))));
        Self { shared, _task: task }
    }

    /// The server says that this node leads; the client will connect to it.
    pub(super) fn learn(&self, node: &Endpoint) {
        self.shared.learn(node);
    }

    /// There may be a new connection.
    pub(super) fn request_scan(&self) {
        self.shared.scan_requested.notify_one();
    }

    /// An operation took so long.
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

    /// Where the nodes are. A name that cannot be resolved now is left out.
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

/// Looks whenever it is wanted, until it turns out that the system does not allow it.
async fn scan_on_request(shared: Arc<Shared>) {
    loop {
        shared.scan_requested.notified().await;
        let nodes = shared.addresses().await;
        match tokio::task::spawn_blocking(move || sockets::enable_nodelay(&nodes)).await {
            Ok(Ok(0)) | Err(_) => (),
            Ok(Ok(connections)) => tracing::debug!(connections, "connections to EventStoreDB send at once"),
            Ok(Err(error)) => {
                tracing::debug!(%error, "connections to EventStoreDB cannot be told to send at once");
                return;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
