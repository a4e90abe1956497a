//! The cluster's members, which of them are running, and which one leads.
//!
//! There is never more than one leader. There is none between a leader's death and the next election.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

/// A node as the other nodes see it.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) id: Uuid,
    pub(crate) address: SocketAddr,
    pub(crate) alive: bool,
}

#[derive(Debug)]
struct View {
    members: Vec<Member>,
    leader: Option<usize>,
}

/// The shared view of a cluster's nodes. All nodes agree immediately, where real nodes need some time to gossip.
#[derive(Debug)]
pub(crate) struct Members {
    view: Mutex<View>,
}

impl Members {
    /// Creates a cluster in which all members are running and the first one leads.
    pub(crate) fn new(addresses: &[SocketAddr]) -> Self {
        let member = |address: &SocketAddr| Member { id: Uuid::new_v4(), address: *address, alive: true };
        let view = View { members: addresses.iter().map(member).collect(), leader: Some(0) };
        Self { view: Mutex::new(view) }
    }

    /// Lists all members, each with a flag for the leader.
    pub(crate) fn list(&self) -> Vec<(Member, bool)> {
        let view = self.lock();
        let leads = |index| view.leader == Some(index);
        view.members.iter().enumerate().map(|(index, member)| (member.clone(), leads(index))).collect()
    }

    /// The leader's index and address.
    pub(crate) fn leader(&self) -> Option<(usize, SocketAddr)> {
        let view = self.lock();
        view.leader.and_then(|leader| Some((leader, view.members.get(leader)?.address)))
    }

    pub(crate) fn elect(&self, member: usize) {
        self.lock().leader = Some(member);
    }

    /// Marks a member as running or dead. If a leader dies, nobody leads.
    pub(crate) fn set_alive(&self, member: usize, alive: bool) {
        let mut view = self.lock();
        if let Some(member) = view.members.get_mut(member) {
            member.alive = alive;
        }
        if !alive && view.leader == Some(member) {
            view.leader = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
