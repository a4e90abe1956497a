//! Identifies the member of staff who sends a request, by its bearer token.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use super::token::Staff;
use crate::problem::{Code, Problem};
use crate::request::header;
use crate::request::query::Query;
use crate::state::State;

impl FromRequest for Staff {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let staff =
            identify(request).and_then(|staff| staff.ok_or_else(|| Problem::new(Code::Unauthenticated)));
        ready(staff.and_then(|staff| Query::check(request).map(|()| staff)))
    }
}

/// The owner of a valid token that is not revoked; none without one.
///
/// If this process cannot tell which tokens are revoked, it accepts none.
pub(crate) fn identify(request: &HttpRequest) -> Result<Option<Staff>, Problem> {
    let state = request.app_data::<web::Data<State>>();
    let Some((state, token)) = state.zip(bearer_token(request)?) else { return Ok(None) };
    let Some(staff) = state.tokens.verify(token, state.clock.now()) else { return Ok(None) };
    let revocations =
        state.commands.revocations().map_err(|error| Problem::caused(Code::Unavailable, error))?;
    Ok((!revocations.contains(staff.token())).then_some(staff))
}

/// The token in `Authorization: Bearer`, not verified.
pub(crate) fn bearer_token(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let credentials = header::authorization(request.headers())?;
    let parts = credentials.and_then(|credentials| credentials.split_once(' '));
    Ok(parts.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer")).map(|(_, token)| token.trim()))
}
