//! Passes observed reads on to shadow reads and guardrails. It must never delay a read.

use std::sync::Arc;

use daybook_domain::ReadModel;
use daybook_domain::routing::Routing;
use daybook_migration::guardrails::{Request, TrafficWindow};
use daybook_migration::shadow::{Read, Sampler};
use daybook_projections::Question;

use crate::read_observer::{AnsweredRead, ReadObserver};

#[derive(Debug)]
pub(crate) struct Observer {
    pub(super) sampler: Sampler,
    pub(super) window: Arc<TrafficWindow>,
}

impl ReadObserver for Observer {
    fn is_sampled(&self) -> bool {
        self.sampler.is_due()
    }

    fn offer(&self, question: Question, route: &'static str, model: ReadModel, routing: &Routing) {
        self.sampler.offer(Read { question, route, model }, routing);
    }

    fn answered(&self, read: &AnsweredRead) {
        let AnsweredRead { model, by_share, source, seconds, failed } = *read;
        self.window.answered(model, by_share, Request { source, seconds, failed });
    }
}
