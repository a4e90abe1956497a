//! `GET /api/admin/revoked-tokens`: the revocations that are in force.

use actix_web::{HttpResponse, web};

use super::revoked_tokens::RevokedTokensResponse;
use crate::problem::Problem;
use crate::response;
use crate::staff::Permission;
use crate::staff::token::Staff;
use crate::state::State;

/// Lists the revocations.
pub(crate) async fn list_revoked_tokens(
    state: web::Data<State>,
    staff: Staff,
) -> Result<HttpResponse, Problem> {
    staff.require(Permission::Tokens)?;
    response::json(&RevokedTokensResponse::from(&*state.commands.revocations()?))
}
