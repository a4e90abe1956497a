//! A node: a listener on the loopback address and the services behind it.
//!
//! A node must never listen on another address. A stopped node must leave no connection or port open.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Router;

use crate::faults::Faults;
use crate::features::FeaturesService;
use crate::gossip::GossipService;
use crate::members::Members;
use crate::node::Node;
use crate::protocol::gossip::gossip_server::GossipServer;
use crate::protocol::server_features::server_features_server::ServerFeaturesServer;
use crate::protocol::streams::streams_server::StreamsServer;
use crate::store::Store;
use crate::streams::StreamsService;

/// The default maximum size of an append, in bytes.
const MAX_APPEND_BYTES: usize = 1024 * 1024;

/// The maximum size of a received message, in bytes. It equals the limit of the clients, so the append limit always
/// applies first.
const MAX_MESSAGE_BYTES: usize = 17 * 1024 * 1024;

/// The flow-control window of a stream and of a connection, in bytes. It is large enough not to affect benchmarks.
const WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// The maximum number of connections that wait to be accepted.
const BACKLOG: u32 = 128;

/// The configuration of a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port to listen on. 0 selects a free port.
    pub port: u16,
    /// The log. It outlives the server, so another server can continue with it.
    pub store: Store,
    /// The maximum size of an append, in bytes.
    pub max_append_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 0, store: Store::in_memory(), max_append_bytes: MAX_APPEND_BYTES }
    }
}

/// A running server. Dropping it stops the server too, but in the background.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    node: Arc<Node>,
    closed: CancellationToken,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl Server {
    /// Starts a standalone node. It accepts connections as soon as this function returns.
    ///
    /// # Errors
    /// Returns an error if the server cannot listen on the port.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = listen(options.port)?;
        let members = Members::new(&[listener.local_addr()?]);
        Self::serve(listener, options, Arc::new(members), 0)
    }

    /// Starts the node with this index among the members.
    pub(crate) fn serve(
        listener: TcpListener,
        options: Options,
        members: Arc<Members>,
        index: usize,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let Options { store, max_append_bytes, .. } = options;
        let node = Arc::new(Node { store, faults: Faults::default(), members, index, max_append_bytes });
        let closed = CancellationToken::new();
        let incoming = node.faults.connections().incoming(listener, closed.clone());
        let serving = tokio::spawn(services(&node).serve_with_incoming(incoming));
        Ok(Self { address, node, closed, serving })
    }

    /// The address on which the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL with which clients connect.
    #[must_use]
    pub fn url(&self) -> String {
        format!("esdb://{}?tls=false", self.address)
    }

    /// The faults of this server.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.node.faults
    }

    /// The server's log.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.node.store
    }

    /// Stops the server as if the process were killed: frees the port and cuts all connections.
    pub async fn stop(mut self) {
        self.closed.cancel();
        // The outcome does not matter, because the server no longer listens.
        let _ = (&mut self.serving).await;
        // Cut the connections last, so that this includes the last accepted connection.
        self.node.faults.cut_connections();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closed.cancel();
        self.node.faults.cut_connections();
    }
}

/// Listens on a loopback port. The port can be reused immediately after another server has stopped.
pub(crate) fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    socket.listen(BACKLOG)
}

fn services(node: &Arc<Node>) -> Router {
    let streams = StreamsServer::new(StreamsService { node: Arc::clone(node) })
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    tonic::transport::Server::builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .add_service(streams)
        .add_service(GossipServer::new(GossipService { node: Arc::clone(node) }))
        .add_service(ServerFeaturesServer::new(FeaturesService { node: Arc::clone(node) }))
}
