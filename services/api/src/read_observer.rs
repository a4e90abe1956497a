//! The port through which the migration observes reads. The service itself needs no observer.

use std::fmt::Debug;

use daybook_domain::ReadModel;
use daybook_domain::routing::Routing;
use daybook_projections::Question;

/// Observes reads. It must never hold up a response.
pub(crate) trait ReadObserver: Debug + Send + Sync {
    /// Whether this read is one of the sample that the other view is asked too.
    fn is_sampled(&self) -> bool;

    /// Takes a sampled read that was answered, with the template of its path and the model that answered.
    fn offer(&self, question: Question, route: &'static str, model: ReadModel, routing: &Routing);

    /// Counts a request that a model answered, or that its client gave up.
    fn answered(&self, read: &AnsweredRead);
}

/// A request that a model answered, or that its client gave up. It holds no id, only hashes.
#[derive(Debug)]
#[cfg_attr(not(feature = "migration"), allow(dead_code, reason = "only the migration observes reads"))]
pub(crate) struct AnsweredRead {
    pub(crate) model: ReadModel,
    /// The subject, if the rollout percentage decided.
    pub(crate) by_share: Option<u64>,
    /// The client's network, or the subject if the network is not known.
    pub(crate) source: u64,
    /// The time that the model took. The client's time to send the request and to read the response is not in it.
    pub(crate) seconds: f64,
    /// Whether the view failed.
    pub(crate) failed: bool,
}
