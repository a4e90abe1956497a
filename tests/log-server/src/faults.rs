//! What can be made to go wrong, once or for a while, while a server is running.
//!
//! A fault must never do what a real server or network could not do; above all it never changes what is in the log.

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

/// How long a request is left without an answer, at most.
const UNANSWERED_FOR: Duration = Duration::from_secs(300);

/// What a fault can befall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Append, batch append (each of its appends), delete, tombstone.
    Write,
    Read,
    /// The beginning of a subscription.
    Subscribe,
    /// Server features and gossip: what a client asks when it connects.
    Discover,
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is carried out, but only after this time.
    Delay(Duration),
    /// UNAVAILABLE, nothing is done.
    NotReady,
    /// The node says that another one leads, nothing is done.
    NotLeader(SocketAddr),
    /// ABORTED, nothing is done.
    TimedOut,
    /// Refused as larger than an append may be, nothing is done.
    TooLarge,
    /// All connections of the node are cut, nothing is done.
    Disconnected,
    /// Nothing is done, and there is never an answer.
    Unanswered,
    /// It is carried out, but the client does not learn it.
    AcknowledgementLost(Loss),
}

/// How a client comes to not learn that its request was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// UNAVAILABLE instead.
    Unavailable,
    /// ABORTED instead.
    TimedOut,
    /// All connections of the node are cut.
    Disconnected,
    /// There is never an answer.
    Unanswered,
}

/// The switchboard of a server's faults. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    rules: Arc<Rules>,
    connections: Connections,
    subscriptions: Subscriptions,
}

impl Faults {
    /// From now on this befalls these requests, for as long as said. Of several faults the oldest comes first.
    pub fn inject(&self, on: Operation, fault: Fault, lasting: Lasting) {
        self.rules.add(on, fault, lasting);
    }

    /// Takes back all that was injected, and lets silent subscriptions speak.
    pub fn clear(&self) {
        self.rules.clear();
        self.subscriptions.silence(false);
    }

    /// How many requests a fault has befallen so far.
    #[must_use]
    pub fn befallen(&self) -> u64 {
        self.rules.befallen()
    }

    /// Cuts all open TCP connections of the node; it goes on accepting new ones.
    pub fn cut_connections(&self) {
        self.connections.cut();
    }

    /// Ends all subscriptions that are running.
    pub fn end_subscriptions(&self, ending: Ending) {
        self.subscriptions.end(ending);
    }

    /// While silent, subscriptions are connected and send nothing, not even a confirmation. Afterwards they go on.
    pub fn silence_subscriptions(&self, silent: bool) {
        self.subscriptions.silence(silent);
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    pub(crate) fn signal(&self) -> Signal {
        self.subscriptions.signal()
    }

    /// Suffers what a request has to suffer before it is carried out, and gives back what comes after.
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

    /// Loses the answer to a request. Only a client that waits long enough gets what this returns.
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
