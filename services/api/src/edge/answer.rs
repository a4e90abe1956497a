//! Answers: JSON, with what the client has to know of where they came from.

use actix_web::HttpResponse;
use actix_web::http::header::{ContentType, HeaderName, HeaderValue};
use daybook_domain::ReadModel;
use daybook_event_log::Position;
use daybook_projections::query::QueryResult;
use serde::Serialize;

use crate::problem::{Code, Problem};

/// The model that was read, or by whose rules a booking was judged.
pub(crate) const READ_MODEL: HeaderName = HeaderName::from_static("daybook-read-model");

/// The generation that was read.
const GENERATION: HeaderName = HeaderName::from_static("daybook-generation");

/// The position at which it was read, or that a later read has to hold to show what was written.
const POSITION: HeaderName = HeaderName::from_static("daybook-position");

/// Bytes that a body takes as a rule: one reservation fits without being moved as it grows.
const USUAL_BYTES: usize = 1024;

/// An answer that rests on no view.
pub(crate) fn plain(body: &impl Serialize) -> Result<HttpResponse, Problem> {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut bytes, body).map_err(|error| Problem::caused(Code::Internal, error))?;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(bytes))
}

/// An answer to a command that is still being carried out.
#[cfg(feature = "migration")]
pub(crate) fn accepted(body: &impl Serialize) -> Result<HttpResponse, Problem> {
    let mut response = plain(body)?;
    *response.status_mut() = actix_web::http::StatusCode::ACCEPTED;
    Ok(response)
}

/// An answer that a view gave.
pub(crate) fn viewed<T>(answer: &QueryResult<T>, body: &impl Serialize) -> Result<HttpResponse, Problem> {
    let mut response = plain(body)?;
    let headers = response.headers_mut();
    headers.insert(READ_MODEL, model(answer.generation.model));
    headers.insert(GENERATION, value(&answer.generation)?);
    headers.insert(POSITION, value(&answer.position)?);
    Ok(response)
}

/// An answer about something that was recorded.
pub(crate) fn recorded(
    shown: Option<ReadModel>,
    position: Position,
    body: &impl Serialize,
) -> Result<HttpResponse, Problem> {
    let mut response = plain(body)?;
    let headers = response.headers_mut();
    if let Some(shown) = shown {
        headers.insert(READ_MODEL, model(shown));
    }
    headers.insert(POSITION, value(&position)?);
    Ok(response)
}

const fn model(model: ReadModel) -> HeaderValue {
    HeaderValue::from_static(model.as_str())
}

fn value(shown: &impl ToString) -> Result<HeaderValue, Problem> {
    HeaderValue::try_from(shown.to_string()).map_err(|error| Problem::caused(Code::Internal, error))
}
