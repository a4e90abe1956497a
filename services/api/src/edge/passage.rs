//! The passage of one request: what is done before and after its handler, the same for all.
//!
//! Here problems become answers, and here a request is counted and logged: by its template, status and time, never by
//! its path, query, body or token.

use std::rc::Rc;
use std::time::Instant;

use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpRequest, web};
use daybook_projections::describe;

use super::answer::READ_MODEL;
use super::endpoint::Endpoint;
use super::language;
use super::request_id::{REQUEST_ID, RequestId};
use super::watched::WatchedRead;
use crate::metrics::{InFlight, Request};
use crate::problem::{Code, Problem, http};
use crate::state::State;

/// Says that a browser is not to guess another type than the one that is named.
const NO_SNIFFING: (HeaderName, HeaderValue) =
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

/// Says that nobody is to keep an answer: it may hold a patient's details.
const NO_STORE: (HeaderName, HeaderValue) = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// A request on its way.
pub(crate) struct RequestMiddleware {
    state: web::Data<State>,
    id: RequestId,
    since: Instant,
    watched: Rc<WatchedRead>,
    /// Whether it came to an answer that is the view's fault.
    has_failed: bool,
    _in_flight: InFlight,
}

impl RequestMiddleware {
    /// Begins: the request gets its id.
    pub(crate) fn begin(state: &web::Data<State>, request: &ServiceRequest) -> Self {
        let id = RequestId::of(request.headers());
        let watched = Rc::<WatchedRead>::default();
        request.extensions_mut().insert(id);
        request.extensions_mut().insert(Rc::clone(&watched));
        let in_flight = state.metrics.enter();
        Self {
            state: state.clone(),
            id,
            since: Instant::now(),
            watched,
            has_failed: false,
            _in_flight: in_flight,
        }
    }

    /// Ends: a problem becomes an answer, headers are set, the request is counted and logged.
    pub(crate) fn end(mut self, response: ServiceResponse) -> ServiceResponse {
        let mut response = self.told(response);
        let endpoint = endpoint(response.request());
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(endpoint.methods()));
        }
        if let Ok(id) = HeaderValue::try_from(self.id.to_string()) {
            response.headers_mut().insert(REQUEST_ID.clone(), id);
        }
        for (name, value) in [NO_SNIFFING, NO_STORE] {
            response.headers_mut().insert(name, value);
        }
        self.count(&response, endpoint);
        self.offer(&response, endpoint);
        response
    }

    /// Makes the answer of a problem.
    fn told(&mut self, response: ServiceResponse) -> ServiceResponse {
        let Some(error) = response.response().error() else { return response };
        let internal = Problem::of(Code::Internal);
        let problem = error.as_error::<Problem>().unwrap_or(&internal);
        self.log_cause(problem);
        self.has_failed = problem.is_the_views_fault();
        let language = language::of(response.request().headers());
        let answer = http::answer(problem, language, self.id);
        let (request, _) = response.into_parts();
        ServiceResponse::new(request, answer)
    }

    fn log_cause(&self, problem: &Problem) {
        if http::status(problem.code()).is_server_error() {
            let (request_id, error) = (self.id.uuid(), describe(problem));
            tracing::error!(%request_id, %error, "a request failed");
        }
    }

    /// Offers the read for comparison, where it is one of the sample. What could not be answered cannot be compared.
    fn offer(&self, response: &ServiceResponse, endpoint: Endpoint) {
        let (Some(question), Some(chosen)) = (self.watched.take_question(), self.watched.chosen()) else {
            return;
        };
        if !response.status().is_server_error()
            && let Some(observer) = &self.state.observer
        {
            observer.offer(question, endpoint.template(), chosen.model, &self.state.router.routing());
        }
    }

    fn count(&self, response: &ServiceResponse, endpoint: Endpoint) {
        let seconds = self.since.elapsed().as_secs_f64();
        let (route, status) = (endpoint.template(), response.status());
        let method = method(response.request().method());
        let model = model(response);
        self.state.metrics.answered(&Request { route, method, status: class(status), model }, seconds);
        let (request_id, status, ms) = (self.id.uuid(), status.as_u16(), seconds * 1000.0);
        tracing::info!(target: "daybook_api::access", %request_id, method, route, status, ms, model, "answered");
    }
}

/// Also of a request that its client gave up: it took as long as it had lasted.
impl Drop for RequestMiddleware {
    fn drop(&mut self) {
        if let (Some(chosen), Some(observer)) = (self.watched.chosen(), &self.state.observer) {
            let seconds = self.since.elapsed().as_secs_f64();
            observer.answered(chosen.model, chosen.by_share, seconds, self.has_failed);
        }
    }
}

fn endpoint(request: &HttpRequest) -> Endpoint {
    request.app_data::<Endpoint>().copied().unwrap_or(Endpoint::Unknown)
}

/// The model that an answer names.
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

/// The method as one of a few words: clients may make up others.
fn method(method: &Method) -> &'static str {
    const KNOWN: [(&Method, &str); 6] = [
        (&Method::GET, "GET"),
        (&Method::POST, "POST"),
        (&Method::PUT, "PUT"),
        (&Method::PATCH, "PATCH"),
        (&Method::DELETE, "DELETE"),
        (&Method::HEAD, "HEAD"),
    ];
    KNOWN.into_iter().find(|(known, _)| *known == method).map_or("other", |(_, name)| name)
}
