//! What is decided once at the edge of a request, and carried through it: its id, language and trace, who it is routed
//! as, which model and generation answer it, and how its answer leaves.
//!
//! Nothing behind the edge chooses a model again: an answer that mixed two would belong to neither.

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod endpoint;
pub(crate) mod header;
pub(crate) mod json;
mod language;
pub(crate) mod passage;
pub(crate) mod query;
pub(crate) mod request_id;
pub(crate) mod text;
pub(crate) mod watched;

use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::http::header::HeaderName;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use daybook_commands::{IdempotencyKey, Origin};
use daybook_domain::routing::{RoutedSubject, RoutingReason};
use daybook_domain::{Actor, ReadModel};
use daybook_event_log::Position;
use daybook_event_log::codec::TraceParent;
use daybook_projections::Question;
use daybook_projections::{Route, ViewError};

use crate::problem::Problem;
use crate::state::State;
use crate::texts::Language;
use request_id::RequestId;
use watched::WatchedRead;

/// The header that names the trace.
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What a request says of itself, beside its path and body.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    /// Its id.
    pub(crate) request_id: RequestId,
    /// The language of its answer.
    pub(crate) language: Language,
    /// What its sender calls it by, to send it twice and have it done once.
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    /// The trace it belongs to.
    traceparent: Option<TraceParent>,
    /// The client that sent it, where it says so.
    client: Option<RoutedSubject>,
    /// The position that its answer has to hold.
    at_least: Option<Position>,
    /// What is watched of it.
    watched: Rc<WatchedRead>,
}

impl RequestContext {
    fn read(request: &HttpRequest) -> Result<Self, Problem> {
        let headers = request.headers();
        let id = request.extensions().get::<RequestId>().copied();
        Ok(Self {
            request_id: id.unwrap_or_else(RequestId::fresh),
            language: language::of(headers),
            idempotency_key: header::idempotency_key(headers)?,
            traceparent: header::text(headers, &TRACEPARENT).and_then(TraceParent::parse),
            client: header::client(headers)?,
            at_least: header::at_least(headers)?,
            watched: request.extensions().get::<Rc<WatchedRead>>().cloned().unwrap_or_default(),
        })
    }

    /// Chooses what answers: for a subject, else for the client that the request names. Waits, within bounds, for the
    /// position that the request asks for.
    pub(crate) async fn route(
        &self,
        state: &State,
        subject: Option<&RoutedSubject>,
    ) -> Result<Route, Problem> {
        let subject = subject.or(self.client.as_ref());
        let route = match self.at_least {
            None => state.router.choose(subject),
            Some(position) => {
                state.router.choose_with(subject, position, state.settings.at_least_patience).await
            }
        };
        if let Err(ViewError::NotLive { model }) = route {
            // A view that is away is one that answers nothing.
            self.watched.choose(model, RoutingReason::NoSubject, None);
        }
        let route = route?;
        self.watched.choose(route.model(), route.because, subject);
        state.metrics.routed(route.model(), route.because);
        Ok(route)
    }

    /// Lets the other model be asked as well, once the answer is on its way, where this read is one of the sample.
    pub(crate) fn ask_other(&self, state: &State, question: impl FnOnce() -> Option<Question>) {
        if state.observer.as_ref().is_some_and(|observer| observer.is_sampled())
            && let Some(question) = question()
        {
            self.watched.ask(question);
        }
    }

    /// Chooses the rule set that judges a booking: that of the model to which the subject is routed. It needs no view,
    /// so that bookings are taken while a view is away.
    pub(crate) fn judge(&self, state: &State, subject: Option<&RoutedSubject>) -> ReadModel {
        let subject = subject.or(self.client.as_ref());
        let (model, because): (ReadModel, RoutingReason) = state.router.routing().choose(subject);
        self.watched.choose(model, because, subject);
        state.metrics.routed(model, because);
        model
    }

    /// Where a command of this request comes from.
    pub(crate) fn origin(&self, actor: Actor, shown: Option<ReadModel>) -> Origin {
        Origin {
            correlation: Some(self.request_id.uuid()),
            traceparent: self.traceparent.clone(),
            read_model: shown,
            ..Origin::of(actor)
        }
    }
}

impl FromRequest for RequestContext {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::read(request))
    }
}
