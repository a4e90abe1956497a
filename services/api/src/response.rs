//! JSON responses with the headers that name the view and position they came from.

use actix_web::HttpResponse;
use actix_web::http::header::{ContentType, HeaderMap, HeaderName, HeaderValue};
use daybook_domain::ReadModel;
use daybook_event_log::Position;
use daybook_projections::query::QueryResult;
use serde::Serialize;

use crate::problem::{Code, Problem};

/// The model that was read, or whose rule set decided a booking.
pub(crate) const READ_MODEL: HeaderName = HeaderName::from_static("daybook-read-model");

/// The generation that was read.
pub(crate) const GENERATION: HeaderName = HeaderName::from_static("daybook-generation");

/// The position of the view that was read; after a write, the position that a later read must have reached to show it.
pub(crate) const POSITION: HeaderName = HeaderName::from_static("daybook-position");

/// First capacity of a body in bytes: enough for one reservation without growing the buffer.
const INITIAL_CAPACITY: usize = 1024;

/// A response that does not come from a view.
pub(crate) fn json(body: &impl Serialize) -> Result<HttpResponse, Problem> {
    let mut bytes = Vec::with_capacity(INITIAL_CAPACITY);
    serde_json::to_writer(&mut bytes, body).map_err(|error| Problem::caused(Code::Internal, error))?;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(bytes))
}

/// A response to a command that is still running.
#[cfg(feature = "migration")]
pub(crate) fn accepted(body: &impl Serialize) -> Result<HttpResponse, Problem> {
    let mut response = json(body)?;
    *response.status_mut() = actix_web::http::StatusCode::ACCEPTED;
    Ok(response)
}

/// A response from a view.
pub(crate) fn from_view<T>(result: &QueryResult<T>, body: &impl Serialize) -> Result<HttpResponse, Problem> {
    let mut response = json(body)?;
    let headers = response.headers_mut();
    headers.insert(READ_MODEL, model(result.generation.model));
    headers.insert(GENERATION, value(&result.generation)?);
    headers.insert(POSITION, value(&result.position)?);
    Ok(response)
}

/// A response to a command, with the position of its events.
pub(crate) fn recorded(
    read_model: Option<ReadModel>,
    position: Position,
    body: &impl Serialize,
) -> Result<HttpResponse, Problem> {
    let mut response = json(body)?;
    let headers = response.headers_mut();
    if let Some(read_model) = read_model {
        headers.insert(READ_MODEL, model(read_model));
    }
    headers.insert(POSITION, value(&position)?);
    Ok(response)
}

/// Removes the names of the view: strangers must not learn who is led where.
pub(crate) fn hide_view(headers: &mut HeaderMap) {
    headers.remove(READ_MODEL);
    headers.remove(GENERATION);
}

const fn model(model: ReadModel) -> HeaderValue {
    HeaderValue::from_static(model.as_str())
}

fn value(text: &impl ToString) -> Result<HeaderValue, Problem> {
    HeaderValue::try_from(text.to_string()).map_err(|error| Problem::caused(Code::Internal, error))
}
