//! Resources that know their endpoint, for metrics and logs.

use actix_web::http::Method;
use actix_web::{HttpResponse, Resource, web};

use super::endpoint::Endpoint;
use crate::problem::{Code, Problem};

/// A resource that refuses other methods with 405 and knows its endpoint, for metrics and logs.
pub(crate) fn at(endpoint: Endpoint) -> Resource {
    under(endpoint.template(), endpoint)
}

/// Like `at`, with a path relative to a scope.
pub(crate) fn under(path: &str, endpoint: Endpoint) -> Resource {
    let resource = web::resource(path).app_data(endpoint).default_service(web::to(method_not_allowed));
    resource.route(web::method(Method::OPTIONS).to(list_methods))
}

/// The middleware adds the methods, as it does to a 405.
async fn list_methods() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

async fn method_not_allowed() -> Result<HttpResponse, Problem> {
    Err(Problem::new(Code::MethodNotAllowed))
}
