//! What the services of one node share: the log, the faults, and the node's place among the members.
//!
//! Whether a request is admitted is decided here and nowhere else.

use std::sync::Arc;

use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::faults::{Faults, Loss, Operation};
use crate::members::Members;
use crate::refusal;
use crate::store::Store;

/// The header by which a client refuses to be served by a follower. Such clients write only to leaders anyway.
const REQUIRES_LEADER: &str = "requires-leader";

/// One node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) store: Store,
    pub(crate) faults: Faults,
    pub(crate) members: Arc<Members>,
    /// Its own index among the members.
    pub(crate) index: usize,
    /// The most that one append may take, in bytes.
    pub(crate) max_append_bytes: usize,
}

impl Node {
    /// Lets a write in, on the leader only. Unlike the real server a follower never passes a write on.
    pub(crate) async fn admit_write(&self) -> Result<Option<Loss>, Status> {
        let loss = self.faults.suffer(Operation::Write, self.max_append_bytes).await?;
        self.check_leads()?;
        Ok(loss)
    }

    /// Lets a read or a subscription in: on a follower too, unless the client asks for the leader.
    pub(crate) async fn admit_read(&self, on: Operation, headers: &MetadataMap) -> Result<(), Status> {
        let loss = self.faults.suffer(on, self.max_append_bytes).await?;
        self.acknowledge(loss).await?;
        let requires_leader = headers.get(REQUIRES_LEADER).is_some_and(|value| value == "true");
        if requires_leader { self.check_leads() } else { Ok(()) }
    }

    /// Lets a question about the server itself in.
    pub(crate) async fn admit_discovery(&self) -> Result<(), Status> {
        let loss = self.faults.suffer(Operation::Discover, self.max_append_bytes).await?;
        self.acknowledge(loss).await
    }

    /// Lets the answer out, unless it is to be lost.
    pub(crate) async fn acknowledge(&self, loss: Option<Loss>) -> Result<(), Status> {
        match loss {
            Some(loss) => Err(self.faults.lose(loss).await),
            None => Ok(()),
        }
    }

    fn check_leads(&self) -> Result<(), Status> {
        match self.members.leader() {
            Some((leader, _)) if leader == self.index => Ok(()),
            Some((_, address)) => Err(refusal::not_leader(address)),
            None => Err(refusal::not_ready()),
        }
    }
}
