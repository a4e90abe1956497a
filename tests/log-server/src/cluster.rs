//! Several nodes with one log and one leader, as after a replication that is always up to date.
//!
//! Followers never take writes. It must never have two leaders, and elects nobody by itself: a test says when.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use thiserror::Error;

use crate::members::Members;
use crate::server::{Options, Server, listen};
use crate::store::Store;

/// A member that is not in the cluster, or not alive where it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("member {member} of the cluster is not there, or not alive")]
pub struct NoSuchMember {
    /// Counted from 0.
    pub member: usize,
}

/// A cluster. Its members keep their addresses, dead or alive.
#[derive(Debug)]
pub struct Cluster {
    options: Options,
    members: Arc<Members>,
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    address: SocketAddr,
    server: Option<Server>,
}

impl Cluster {
    /// Starts so many members (at least one), the first of which leads. The port of the options does not count.
    ///
    /// # Errors
    /// When a member cannot listen.
    pub async fn start(members: usize, options: Options) -> io::Result<Self> {
        let listeners = (0..members.max(1)).map(|_| listen(0)).collect::<io::Result<Vec<_>>>()?;
        let addresses =
            listeners.iter().map(tokio::net::TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
        let members = Arc::new(Members::new(&addresses));
        let start = |(index, listener)| {
            let server = Server::serve(listener, options.clone(), Arc::clone(&members), index)?;
            Ok(Node { address: server.address(), server: Some(server) })
        };
        let nodes = listeners.into_iter().enumerate().map(start).collect::<io::Result<_>>()?;
        Ok(Self { options, members, nodes })
    }

    /// By which clients find the leader.
    #[must_use]
    pub fn url(&self) -> String {
        let addresses: Vec<String> = self.nodes.iter().map(|node| node.address.to_string()).collect();
        format!("esdb://{}?tls=false", addresses.join(","))
    }

    /// The log that all share.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.options.store
    }

    /// Who leads, counted from 0; nobody between a leader's death and the next election.
    #[must_use]
    pub fn leader(&self) -> Option<usize> {
        self.members.leader().map(|(leader, _)| leader)
    }

    /// A member that is alive.
    ///
    /// # Errors
    /// When it is not.
    pub fn member(&self, member: usize) -> Result<&Server, NoSuchMember> {
        self.nodes.get(member).and_then(|node| node.server.as_ref()).ok_or(NoSuchMember { member })
    }

    /// Makes a living member the leader; who led before follows. Connections stay open.
    ///
    /// # Errors
    /// When it is not alive.
    pub fn elect(&self, member: usize) -> Result<(), NoSuchMember> {
        self.member(member)?;
        self.members.elect(member);
        Ok(())
    }

    /// Kills a member. If it led, nobody leads until the next election.
    ///
    /// # Errors
    /// When it is not alive.
    pub async fn kill(&mut self, member: usize) -> Result<(), NoSuchMember> {
        let node = self.nodes.get_mut(member).ok_or(NoSuchMember { member })?;
        let server = node.server.take().ok_or(NoSuchMember { member })?;
        self.members.set_alive(member, false);
        server.stop().await;
        Ok(())
    }

    /// Starts a member that was killed, where it was before. It follows.
    ///
    /// # Errors
    /// When it cannot listen there any more, or is alive, or no member.
    pub async fn restart(&mut self, member: usize) -> io::Result<()> {
        let missing = || io::Error::other(NoSuchMember { member });
        let node = self.nodes.get_mut(member).filter(|node| node.server.is_none()).ok_or_else(missing)?;
        let listener = listen(node.address.port())?;
        let members = Arc::clone(&self.members);
        node.server = Some(Server::serve(listener, self.options.clone(), members, member)?);
        self.members.set_alive(member, true);
        Ok(())
    }
}
