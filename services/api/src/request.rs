//! The parts of a request that every handler needs: its id, language, trace and idempotency key, and the view that answers
//! it.
//!
//! The route is chosen here, once per request. Handlers never choose a model themselves: a response that mixed two models
//! would agree with neither.

pub(crate) mod body;
pub(crate) mod client_network;
pub(crate) mod endpoint;
pub(crate) mod form;
pub(crate) mod header;
pub(crate) mod json;
mod language;
pub(crate) mod middleware;
pub(crate) mod origins;
pub(crate) mod query;
pub(crate) mod read_recorder;
pub(crate) mod request_id;
pub(crate) mod resource;
pub(crate) mod text;

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

use crate::admission;
use crate::problem::Problem;
use crate::state::State;
use crate::texts::Language;
use query::Query;
use read_recorder::ReadRecorder;
use request_id::RequestId;

/// The header with the W3C trace context.
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The headers of one request, parsed, and the record of how it was routed.
#[derive(Debug, Clone)]
pub(crate) struct RequestContext {
    pub(crate) request_id: RequestId,
    /// The language of the response.
    pub(crate) language: Language,
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    traceparent: Option<TraceParent>,
    /// The client as named by `Daybook-Client`.
    client: Option<RoutedSubject>,
    /// The position that the answering view must have reached.
    at_least: Option<Position>,
    recorder: Rc<ReadRecorder>,
}

impl RequestContext {
    fn from_request(request: &HttpRequest) -> Result<Self, Problem> {
        Query::check(request)?;
        let headers = request.headers();
        let id = request.extensions().get::<RequestId>().copied();
        Ok(Self {
            request_id: id.unwrap_or_else(RequestId::generate),
            language: language::preferred(request),
            idempotency_key: header::idempotency_key(headers)?,
            traceparent: header::text(headers, &TRACEPARENT).and_then(TraceParent::parse),
            client: header::client(headers)?,
            at_least: header::at_least(headers)?,
            recorder: request.extensions().get::<Rc<ReadRecorder>>().cloned().unwrap_or_default(),
        })
    }

    /// Chooses the view that answers, by the subject or else by the client that the request names. Waits a limited time
    /// until that view has reached the position in `Daybook-At-Least`.
    pub(crate) async fn route(
        &self,
        state: &State,
        subject: Option<&RoutedSubject>,
    ) -> Result<Route, Problem> {
        self.route_from(state, subject, None).await
    }

    /// Like [`Self::route`], for a request that continues what a view answered at a position.
    pub(crate) async fn route_from(
        &self,
        state: &State,
        subject: Option<&RoutedSubject>,
        position: Option<Position>,
    ) -> Result<Route, Problem> {
        let subject = subject.or(self.client.as_ref());
        let route = match self.at_least.max(position) {
            None => state.router.choose(subject),
            Some(position) => {
                let patience = state.settings.at_least_patience;
                admission::while_waiting(state.router.choose_with(subject, position, patience)).await?
            }
        };
        self.record(state, route, subject)
    }

    /// Chooses the dynamic view, whatever the routing is, for a question that the legacy view cannot answer. A response that
    /// continues another one waits for its position.
    pub(crate) async fn route_to_dynamic(
        &self,
        state: &State,
        position: Option<Position>,
    ) -> Result<Route, Problem> {
        let position = self.at_least.max(position).unwrap_or(Position::START);
        let patience = state.settings.at_least_patience;
        let choice = state.router.choose_only(ReadModel::Dynamic, position, patience);
        let route = admission::while_waiting(choice).await?;
        self.record(state, route, None)
    }

    fn record(
        &self,
        state: &State,
        route: Result<Route, ViewError>,
        subject: Option<&RoutedSubject>,
    ) -> Result<Route, Problem> {
        if let Err(ViewError::NotLive { model }) = route {
            // The guardrails count a view that is not live as one that fails the request.
            self.recorder.record_route(model, RoutingReason::NoSubject, None);
        }
        let route = route?;
        self.recorder.record_route(route.model(), route.because, subject);
        state.metrics.routed(route.model(), route.because);
        Ok(route)
    }

    /// Ends the time that counts for the view, if the handler waits for something else afterwards.
    pub(crate) fn view_answered(&self) {
        self.recorder.record_answer();
    }

    /// If this read is sampled, records the question that the other view answers too, once the response is on its way.
    pub(crate) fn sample_shadow_read(&self, state: &State, question: impl FnOnce() -> Option<Question>) {
        if state.observer.as_ref().is_some_and(|observer| observer.is_sampled())
            && let Some(question) = question()
        {
            self.recorder.record_question(question);
        }
    }

    /// Chooses the rule set that decides a booking: that of the model to which the subject is routed. This needs no view,
    /// so bookings are accepted while a view is down.
    pub(crate) fn routed_model(&self, state: &State, subject: Option<&RoutedSubject>) -> ReadModel {
        let subject = subject.or(self.client.as_ref());
        let (model, reason): (ReadModel, RoutingReason) = state.router.routing().choose(subject);
        self.recorder.record_route(model, reason, subject);
        state.metrics.routed(model, reason);
        model
    }

    /// Chooses the rule set that decides a new booking: that of the model to which the patient is routed.
    ///
    /// A service that the legacy view cannot show is offered by the dynamic view only. A client that is routed to the
    /// dynamic view has seen it, so the rules of its offer decide, whoever the patient is.
    pub(crate) fn booking_model(
        &self,
        state: &State,
        patient: &RoutedSubject,
        is_in_both_views: bool,
    ) -> ReadModel {
        let routing = state.router.routing();
        let of_patient = routing.choose(Some(patient)).0;
        let of_client = routing.choose(self.client.as_ref()).0;
        let by_client =
            !is_in_both_views && (of_patient, of_client) == (ReadModel::Legacy, ReadModel::Dynamic);
        self.routed_model(state, Some(patient).filter(|_| !by_client))
    }

    /// The metadata of the events that a command of this request records.
    pub(crate) fn origin(&self, actor: Actor, read_model: Option<ReadModel>) -> Origin {
        Origin {
            correlation: Some(self.request_id.uuid()),
            traceparent: self.traceparent.clone(),
            read_model,
            ..Origin::from_actor(actor)
        }
    }
}

impl FromRequest for RequestContext {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::from_request(request))
    }
}
