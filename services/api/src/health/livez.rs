//! `GET /livez`: the process answers, and that is all it says. It never looks at anything else: a database that is away
//! is no reason to kill the process.

use actix_web::HttpResponse;
use serde_json::json;

use crate::edge::answer;
use crate::problem::Problem;

/// Says that the process is alive.
pub(crate) async fn livez() -> Result<HttpResponse, Problem> {
    answer::plain(&json!({ "status": "alive" }))
}
