//! Identifies the member of staff who sends a request, by its bearer token.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};

use super::token::Staff;
use crate::problem::{Code, Problem};
use crate::request::query::Query;
use crate::state::State;

impl FromRequest for Staff {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let staff = identify(request).ok_or_else(|| Problem::new(Code::Unauthenticated));
        ready(staff.and_then(|staff| Query::check(request).map(|()| staff)))
    }
}

/// The member of staff who sends the request; none without a valid token.
pub(crate) fn identify(request: &HttpRequest) -> Option<Staff> {
    let state = request.app_data::<web::Data<State>>()?;
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    let token = scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())?;
    state.tokens.verify(token, state.clock.now())
}
