//! Who is in the cluster, who is alive, and who leads.
//!
//! There is never more than one leader; there may be none, between one that died and the next.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

/// One node, as the others know it.
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

/// What the nodes of a cluster know of one another. They agree at once, as gossip does after a while.
#[derive(Debug)]
pub(crate) struct Members {
    view: Mutex<View>,
}

impl Members {
    /// All alive, led by the first.
    pub(crate) fn new(addresses: &[SocketAddr]) -> Self {
        let member = |address: &SocketAddr| Member { id: Uuid::new_v4(), address: *address, alive: true };
        let view = View { members: addresses.iter().map(member).collect(), leader: Some(0) };
        Self { view: Mutex::new(view) }
    }

    /// All, each with whether it leads.
    pub(crate) fn list(&self) -> Vec<(Member, bool)> {
        let view = self.lock();
        let leads = |index| view.leader == Some(index);
        view.members.iter().enumerate().map(|(index, member)| (member.clone(), leads(index))).collect()
    }

    /// Which member leads, and where it is.
    pub(crate) fn leader(&self) -> Option<(usize, SocketAddr)> {
        let view = self.lock();
        view.leader.and_then(|leader| Some((leader, view.members.get(leader)?.address)))
    }

    pub(crate) fn elect(&self, member: usize) {
        self.lock().leader = Some(member);
    }

    /// Where a dead member led, nobody leads.
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
