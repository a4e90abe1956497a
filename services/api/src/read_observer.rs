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

    /// Counts a request that a model answered, or that its client gave up, after so many seconds. A subject whose
    /// percentage decided is given as a hash.
    fn answered(&self, model: ReadModel, by_share: Option<u64>, seconds: f64, failed: bool);
}
