//! Runs before and after every handler: gives the request its id, turns problems into responses, sets headers, counts and
//! logs.
//!
//! Metrics and logs contain the route template, status and duration, never the path, query, body or token.

use std::rc::Rc;
use std::time::Instant;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, web};
use daybook_projections::describe;

use super::client_network::ClientNetwork;
use super::endpoint::Endpoint;
use super::language;
use super::read_recorder::{self, ReadRecorder};
use super::request_id::{REQUEST_ID, RequestId};
use crate::admission::{Admission, Place};
use crate::connections::{Connection, Working};
use crate::metrics::{InFlight, Request};
use crate::problem::{Code, Problem, http};
use crate::read_observer::AnsweredRead;
use crate::response::{self, GENERATION, POSITION, READ_MODEL};
use crate::staff::identify;
use crate::state::State;

/// Keeps browsers from guessing another content type.
const NO_SNIFFING: (HeaderName, HeaderValue) =
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

/// Keeps caches from storing a response, which may contain a patient's details.
const NO_STORE: (HeaderName, HeaderValue) = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// One request in progress.
struct RequestMiddleware {
    state: web::Data<State>,
    id: RequestId,
    started: Instant,
    /// The method as a metric label.
    method: &'static str,
    recorder: Rc<ReadRecorder>,
    network: Option<ClientNetwork>,
    /// Whether the request failed because of the view that answered it.
    view_failed: bool,
    _in_flight: InFlight,
    _working: Option<Working>,
}

/// Handles a request.
pub(crate) async fn handle(
    mut request: ServiceRequest,
    handler: Next<BoxBody>,
) -> Result<ServiceResponse, actix_web::Error> {
    let Some(state) = request.app_data::<web::Data<State>>().cloned() else {
        return handler.call(request).await;
    };
    let middleware = RequestMiddleware::begin(&state, &mut request);
    let response = admit(&state, request, middleware.network, handler).await?;
    middleware.handled();
    middleware.await_views(&response).await;
    Ok(middleware.end(response))
}

/// Calls the handler once there is a place for the request. Without one, the request is refused before its body is read.
async fn admit(
    state: &State,
    request: ServiceRequest,
    network: Option<ClientNetwork>,
    handler: Next<BoxBody>,
) -> Result<ServiceResponse, actix_web::Error> {
    if state.settings.allowed_origins.refuses(request.request()) {
        return Ok(request.error_response(Problem::new(Code::OriginNotAllowed)));
    }
    let Some(lane) = Admission::lane_of(request.request(), network) else {
        return handler.call(request).await;
    };
    let connection = request.conn_data::<Connection>().cloned();
    match Place::enter(&state.admission, lane, connection).await {
        Ok(place) => place.hold(handler.call(request)).await,
        Err(overloaded) => Ok(request.error_response(overloaded)),
    }
}

impl RequestMiddleware {
    /// Starts a request: gives it an id and counts it as in flight. HEAD is answered by the handler of GET; the server
    /// leaves the body out.
    fn begin(state: &web::Data<State>, request: &mut ServiceRequest) -> Self {
        let method = method(request.method());
        if *request.method() == Method::HEAD {
            request.head_mut().method = Method::GET;
        }
        let id = RequestId::from_headers(request.headers());
        let recorder = Rc::<ReadRecorder>::default();
        request.extensions_mut().insert(id);
        request.extensions_mut().insert(Rc::clone(&recorder));
        let in_flight = state.metrics.start_request();
        let network = ClientNetwork::find(request.request(), &state.settings.trusted_proxies);
        Self {
            state: state.clone(),
            id,
            started: Instant::now(),
            method,
            recorder,
            network,
            view_failed: false,
            _in_flight: in_flight,
            _working: request.conn_data::<Connection>().map(Connection::work),
        }
    }

    /// The handler is done: neither waiting for the views nor writing to a slow client is the time of the view that answered.
    fn handled(&self) {
        self.recorder.record_answer();
    }

    /// Waits a limited time until the views show what a command recorded: a client that lists at once finds its booking,
    /// whatever process and view answers.
    async fn await_views(&self, response: &ServiceResponse) {
        let headers = response.headers();
        // A response from a view names its generation.
        if headers.contains_key(GENERATION) {
            return;
        }
        let position = headers.get(POSITION).and_then(|value| value.to_str().ok()?.parse().ok());
        if let Some(position) = position {
            self.state.freshness.wait(self.state.router.views(), position).await;
        }
    }

    /// Ends a request: turns a problem into a response, sets headers, counts and logs.
    fn end(mut self, response: ServiceResponse) -> ServiceResponse {
        let mut response = self.render_problem(response);
        let endpoint = endpoint(response.request());
        self.list_methods(&mut response, endpoint);
        if let Ok(id) = HeaderValue::try_from(self.id.to_string()) {
            response.headers_mut().insert(REQUEST_ID.clone(), id);
        }
        for (name, value) in [NO_SNIFFING, NO_STORE] {
            response.headers_mut().insert(name, value);
        }
        self.count(&response, endpoint);
        self.offer(&response, endpoint);
        if endpoint.is_public() && !matches!(identify(response.request()), Ok(Some(_))) {
            response::hide_view(response.headers_mut());
        }
        response
    }

    /// Names the allowed methods where the client asked for them or for another one.
    fn list_methods(&self, response: &mut ServiceResponse, endpoint: Endpoint) {
        let is_wrong = response.status() == StatusCode::METHOD_NOT_ALLOWED;
        if (is_wrong || (self.method == "OPTIONS" && endpoint != Endpoint::Unknown))
            && let Ok(methods) = HeaderValue::try_from(format!("{}, OPTIONS", endpoint.methods()))
        {
            response.headers_mut().insert(header::ALLOW, methods);
        }
    }

    fn render_problem(&mut self, response: ServiceResponse) -> ServiceResponse {
        let Some(error) = response.response().error() else { return response };
        let internal = Problem::new(Code::Internal);
        let problem = error.as_error::<Problem>().unwrap_or(&internal);
        self.log_cause(problem);
        self.view_failed = problem.is_view_failure();
        let language = language::preferred(response.request());
        let body = http::response(problem, language, self.id);
        let (request, _) = response.into_parts();
        ServiceResponse::new(request, body)
    }

    fn log_cause(&self, problem: &Problem) {
        // Refused requests are counted: a line for each would make an overload worse, and say nothing without a cause.
        let is_refused = problem.code() == Code::Overloaded
            || (problem.code() == Code::Busy && std::error::Error::source(problem).is_none());
        if http::status(problem.code()).is_server_error() && !is_refused {
            let (request_id, error) = (self.id.uuid(), describe(problem));
            tracing::error!(%request_id, %error, "request failed");
        }
    }

    /// Offers a sampled read for comparison. A failed read cannot be compared.
    fn offer(&self, response: &ServiceResponse, endpoint: Endpoint) {
        let (Some(question), Some(routed)) = (self.recorder.take_question(), self.recorder.routed()) else {
            return;
        };
        if !response.status().is_server_error()
            && let Some(observer) = &self.state.observer
        {
            observer.offer(question, endpoint.template(), routed.model, &self.state.router.routing());
        }
    }

    fn count(&self, response: &ServiceResponse, endpoint: Endpoint) {
        let seconds = self.started.elapsed().as_secs_f64();
        let (route, status) = (endpoint.template(), response.status());
        let (method, model) = (self.method, model(response));
        self.state
            .metrics
            .request_answered(&Request { route, method, status: class(status), model }, seconds);
        let (request_id, status, ms) = (self.id.uuid(), status.as_u16(), seconds * 1000.0);
        tracing::info!(target: "daybook_api::access", %request_id, method, route, status, ms, model, "request answered");
    }
}

/// A request whose client hung up counts too, with the time that the view had until then.
impl Drop for RequestMiddleware {
    fn drop(&mut self) {
        let (Some(routed), Some(observer)) = (self.recorder.routed(), &self.state.observer) else { return };
        let network = self.network.filter(|network| network.is_public());
        // A subscriber may have many networks of one IPv6 site.
        let client = network.map(|network| network.site().unwrap_or(network));
        let source = client.map(read_recorder::hash).or(routed.subject);
        observer.answered(&AnsweredRead {
            model: routed.model,
            by_share: routed.by_share,
            // Without a network and a subject, each request stands for a client.
            source: source.unwrap_or_else(|| read_recorder::hash(self.id.uuid())),
            seconds: self.recorder.duration().as_secs_f64(),
            failed: self.view_failed,
        });
    }
}

/// The endpoint of a request; of one that was refused before it was routed, by its path.
fn endpoint(request: &HttpRequest) -> Endpoint {
    let routed = request.app_data::<Endpoint>().copied();
    routed.or_else(|| Endpoint::at(request.match_info().as_str())).unwrap_or(Endpoint::Unknown)
}

/// The model named in the response headers.
fn model(response: &ServiceResponse) -> &'static str {
    match response.headers().get(READ_MODEL).map(HeaderValue::as_bytes) {
        Some(b"legacy") => "legacy",
        Some(b"dynamic") => "dynamic",
        Some(_) | None => "none",
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
}

/// The method as a metric label: clients may invent methods, so unknown ones are `other`.
fn method(method: &Method) -> &'static str {
    const KNOWN: [(&Method, &str); 7] = [
        (&Method::GET, "GET"),
        (&Method::POST, "POST"),
        (&Method::PUT, "PUT"),
        (&Method::PATCH, "PATCH"),
        (&Method::DELETE, "DELETE"),
        (&Method::HEAD, "HEAD"),
        (&Method::OPTIONS, "OPTIONS"),
    ];
    KNOWN.into_iter().find(|(known, _)| *known == method).map_or("other", |(_, name)| name)
}
