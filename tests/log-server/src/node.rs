//! The state that a node's services share: the log, the faults, and the node's place in the cluster.
//!
//! Only this module decides whether to admit a request.

use std::sync::Arc;

use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::faults::{Faults, Loss, Operation};
use crate::members::Members;
use crate::refusal;
use crate::store::Store;

/// The header with which a client rejects a follower. Such clients write only to leaders in any case.
const REQUIRES_LEADER: &str = "requires-leader";

/// A node of the cluster.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) store: Store,
    pub(crate) faults: Faults,
    pub(crate) members: Arc<Members>,
    /// The node's own index among the members.
    pub(crate) index: usize,
    /// The maximum size of an append, in bytes.
    pub(crate) max_append_bytes: usize,
}

impl Node {
    /// Admits a write, on the leader only. Unlike the real server, a follower never forwards a write.
    pub(crate) async fn admit_write(&self) -> Result<Option<Loss>, Status> {
        let loss = self.faults.suffer(Operation::Write, self.max_append_bytes).await?;
        self.check_leads()?;
        Ok(loss)
    }

    /// Admits a read or a subscription. A follower admits it too, unless the client requires the leader.
    pub(crate) async fn admit_read(&self, on: Operation, headers: &MetadataMap) -> Result<(), Status> {
        let loss = self.faults.suffer(on, self.max_append_bytes).await?;
        self.acknowledge(loss).await?;
        let requires_leader = headers.get(REQUIRES_LEADER).is_some_and(|value| value == "true");
        if requires_leader { self.check_leads() } else { Ok(()) }
    }

    /// Admits a request about the server itself.
    pub(crate) async fn admit_discovery(&self) -> Result<(), Status> {
        let loss = self.faults.suffer(Operation::Discover, self.max_append_bytes).await?;
        self.acknowledge(loss).await
    }

    /// Allows the reply, unless the fault drops it.
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
