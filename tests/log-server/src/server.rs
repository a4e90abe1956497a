//! One node: a listener on the loopback address, the services behind it, and the end of both.
//!
//! It must never listen on another address, and must leave nothing open once it is stopped.

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

/// The most that one append may take unless the options say otherwise, in bytes.
const MAX_APPEND_BYTES: usize = 1024 * 1024;

/// The largest message that is received, in bytes: as large as clients accept, so that the limit of an append is what
/// refuses it.
const MAX_MESSAGE_BYTES: usize = 17 * 1024 * 1024;

/// How much a stream and a connection may have under way, in bytes: enough that a benchmark does not measure it.
const WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 128;

/// How a server is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// 0 for one that is free.
    pub port: u16,
    /// The log. It outlives the server, so that a next one can go on with it.
    pub store: Store,
    /// The most that one append may take, in bytes.
    pub max_append_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 0, store: Store::in_memory(), max_append_bytes: MAX_APPEND_BYTES }
    }
}

/// A running server. Dropped, it stops as well, but not at once.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    node: Arc<Node>,
    closed: CancellationToken,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl Server {
    /// Starts a node on its own. It accepts connections as soon as this comes back.
    ///
    /// # Errors
    /// When the port cannot be listened on.
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

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// By which clients connect to it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("esdb://{}?tls=false", self.address)
    }

    /// What can be made to go wrong with it.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.node.faults
    }

    /// Its log.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.node.store
    }

    /// Stops it as if it were killed: the port is free, and all connections are cut.
    pub async fn stop(mut self) {
        self.closed.cancel();
        // What it ended with does not matter; it listens no more.
        let _ = (&mut self.serving).await;
        // Cut only now: whoever was accepted last is cut too.
        self.node.faults.cut_connections();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closed.cancel();
        self.node.faults.cut_connections();
    }
}

/// Listens on a port of the loopback address, also where a server that was stopped has just been.
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
