//! `GET /livez`: the process is alive. It checks nothing else: an unavailable database is no reason to kill the process.

use actix_web::HttpResponse;
use serde_json::json;

use crate::problem::Problem;
use crate::response;

/// Handles the request.
pub(crate) async fn livez() -> Result<HttpResponse, Problem> {
    response::json(&json!({ "status": "alive" }))
}
