//! Runs several nodes that share one log and have one leader, as if replication were always up to date.
//!
//! Followers reject writes. A cluster must never have two leaders. It holds no elections by itself: a test decides
//! when to elect a leader.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use thiserror::Error;

use crate::members::Members;
use crate::server::{Options, Server, listen};
use crate::store::Store;

/// An error for a member that is not in the cluster or is not running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("member {member} of the cluster is not there, or not alive")]
pub struct NoSuchMember {
    /// The member's index, counted from 0.
    pub member: usize,
}

/// A cluster. Its members keep their addresses, whether they are running or not.
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
    /// Starts `members` nodes (at least one). The first one leads. `options.port` is ignored.
    ///
    /// # Errors
    /// Returns an error if a member cannot listen.
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

    /// The URL with which clients find the leader.
    #[must_use]
    pub fn url(&self) -> String {
        let addresses: Vec<String> = self.nodes.iter().map(|node| node.address.to_string()).collect();
        format!("esdb://{}?tls=false", addresses.join(","))
    }

    /// The log that all members share.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.options.store
    }

    /// The index of the leader, counted from 0. It is `None` between a leader's death and the next election.
    #[must_use]
    pub fn leader(&self) -> Option<usize> {
        self.members.leader().map(|(leader, _)| leader)
    }

    /// Returns a running member.
    ///
    /// # Errors
    /// Returns an error if the member is not running.
    pub fn member(&self, member: usize) -> Result<&Server, NoSuchMember> {
        self.nodes.get(member).and_then(|node| node.server.as_ref()).ok_or(NoSuchMember { member })
    }

    /// Makes a running member the leader. The previous leader becomes a follower. Connections stay open.
    ///
    /// # Errors
    /// Returns an error if the member is not running.
    pub fn elect(&self, member: usize) -> Result<(), NoSuchMember> {
        self.member(member)?;
        self.members.elect(member);
        Ok(())
    }

    /// Kills a member. If it was the leader, the cluster has no leader until the next election.
    ///
    /// # Errors
    /// Returns an error if the member is not running.
    pub async fn kill(&mut self, member: usize) -> Result<(), NoSuchMember> {
        let node = self.nodes.get_mut(member).ok_or(NoSuchMember { member })?;
        let server = node.server.take().ok_or(NoSuchMember { member })?;
        self.members.set_alive(member, false);
        server.stop().await;
        Ok(())
    }

    /// Restarts a killed member at its old address, as a follower.
    ///
    /// # Errors
    /// Returns an error if the member cannot listen at its address, is already running, or does not exist.
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
