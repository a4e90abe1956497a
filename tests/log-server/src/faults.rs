//! Faults that a test can inject into a running server, once or for some time.
//!
//! A fault must never do something that a real server or network could not do. In particular, a fault never changes
//! the log's contents.

mod rules;
mod subscriptions;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tonic::Status;

pub use self::rules::Lasting;
use self::rules::Rules;
pub use self::subscriptions::Ending;
pub(crate) use self::subscriptions::Signal;
use self::subscriptions::Subscriptions;
use crate::connection::Connections;
use crate::refusal;

/// The maximum time for which a request stays unanswered.
const UNANSWERED_FOR: Duration = Duration::from_secs(300);

/// The operations that a fault can affect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Append, batch append (each of its appends), delete and tombstone.
    Write,
    Read,
    /// The start of a subscription.
    Subscribe,
    /// Server features and gossip, which a client requests when it connects.
    Discover,
}

/// The effect of a fault on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Executes the request after this delay.
    Delay(Duration),
    /// Returns UNAVAILABLE without executing the request.
    NotReady,
    /// Reports another node as the leader without executing the request.
    NotLeader(SocketAddr),
    /// Returns ABORTED without executing the request.
    TimedOut,
    /// Refuses the request as larger than the append limit, without executing it.
    TooLarge,
    /// Cuts all connections of the node without executing the request.
    Disconnected,
    /// Never answers and does not execute the request.
    Unanswered,
    /// Executes the request, but the client does not receive the reply.
    AcknowledgementLost(Loss),
}

/// The way in which the client loses the reply to an executed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The client receives UNAVAILABLE.
    Unavailable,
    /// The client receives ABORTED.
    TimedOut,
    /// The server cuts all connections of the node.
    Disconnected,
    /// The server never answers.
    Unanswered,
}

/// The controls for a server's faults. Clones share the same state.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    rules: Arc<Rules>,
    connections: Connections,
    subscriptions: Subscriptions,
}

impl Faults {
    /// Injects a fault for an operation, starting now. If several faults apply, the oldest one takes effect.
    pub fn inject(&self, on: Operation, fault: Fault, lasting: Lasting) {
        self.rules.add(on, fault, lasting);
    }

    /// Removes all injected faults and ends the silence of subscriptions.
    pub fn clear(&self) {
        self.rules.clear();
        self.subscriptions.silence(false);
    }

    /// The number of requests that a fault has affected so far.
    #[must_use]
    pub fn befallen(&self) -> u64 {
        self.rules.befallen()
    }

    /// Cuts all open TCP connections of the node. The node still accepts new ones.
    pub fn cut_connections(&self) {
        self.connections.cut();
    }

    /// Ends all running subscriptions.
    pub fn end_subscriptions(&self, ending: Ending) {
        self.subscriptions.end(ending);
    }

    /// Silences subscriptions or lets them continue. A silent subscription stays connected but sends nothing, not
    /// even a confirmation.
    pub fn silence_subscriptions(&self, silent: bool) {
        self.subscriptions.silence(silent);
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    pub(crate) fn signal(&self) -> Signal {
        self.subscriptions.signal()
    }

    /// Applies the fault for a request before the request is executed. Returns the loss to apply after it.
    pub(crate) async fn suffer(&self, on: Operation, limit_bytes: usize) -> Result<Option<Loss>, Status> {
        match self.rules.take(on) {
            None => Ok(None),
            Some(Fault::Delay(time)) => {
                tokio::time::sleep(time).await;
                Ok(None)
            }
            Some(Fault::NotReady) => Err(refusal::not_ready()),
            Some(Fault::NotLeader(leader)) => Err(refusal::not_leader(leader)),
            Some(Fault::TimedOut) => Err(refusal::timed_out()),
            Some(Fault::TooLarge) => Err(refusal::too_large(limit_bytes)),
            Some(Fault::Disconnected) => Err(self.lose(Loss::Disconnected).await),
            Some(Fault::Unanswered) => Err(self.lose(Loss::Unanswered).await),
            Some(Fault::AcknowledgementLost(loss)) => Ok(Some(loss)),
        }
    }

    /// Drops the reply to a request. A client sees the returned status only if it waits long enough.
    pub(crate) async fn lose(&self, loss: Loss) -> Status {
        match loss {
            Loss::Unavailable => refusal::lost(),
            Loss::TimedOut => refusal::timed_out(),
            Loss::Disconnected => {
                self.connections.cut();
                self.never_answer().await
            }
            Loss::Unanswered => self.never_answer().await,
        }
    }

    async fn never_answer(&self) -> Status {
        tokio::time::sleep(UNANSWERED_FOR).await;
        refusal::lost()
    }
}
