//! `POST /api/admin/revoked-tokens`: revokes one token by its id, or the earlier tokens of a member of staff.

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use daybook_domain::value;

use super::revoked_tokens::RevokedTokensResponse;
use crate::problem::{Code, Format, Problem};
use crate::request::RequestContext;
use crate::request::form::Form;
use crate::response;
use crate::staff::token::Staff;
use crate::staff::{Permission, is_token};
use crate::state::State;

/// What is revoked.
enum Target {
    Token(Box<str>),
    Subject { name: Box<str>, issued_before: Option<DateTime<Utc>> },
}

/// Revokes tokens. This process refuses them from the response on, the others within a second.
pub(crate) async fn revoke_tokens(
    state: web::Data<State>,
    context: RequestContext,
    staff: Staff,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    staff.require(Permission::Tokens)?;
    let (target, reason) = target(Form::read(payload).await?)?;
    let (origin, validity) =
        (context.origin(staff.actor(), None), state.settings.token_rules.longest_validity());
    let revoke = state.execute(move |commands| async move {
        match target {
            Target::Token(id) => commands.revoke_token(id, validity, reason, origin).await,
            Target::Subject { name, issued_before } => {
                commands.revoke_tokens_of(name, issued_before, reason, origin).await
            }
        }
    });
    let position = revoke.await?.position;
    let revocations = state.commands.revocations()?;
    response::recorded(None, position, &RevokedTokensResponse::from(&*revocations))
}

fn target(mut form: Form) -> Result<(Target, Option<Box<str>>), Problem> {
    let token = form.text("token", value::TOKEN_ID);
    if token.as_deref().is_some_and(is_token) {
        form.wrong_form::<()>("token", Code::InvalidField, Format::TokenId);
    }
    let name = form.text("subject", value::STAFF_NAME);
    if token.is_some() && name.is_some() {
        form.contradiction("token", "subject");
    }
    if token.is_none() && name.is_none() && !form.is_wrong("token") && !form.is_wrong("subject") {
        form.fault("token", Code::MissingFields, None);
    }
    let moment = form.string("issuedBefore");
    let issued_before = moment.and_then(|text| match DateTime::parse_from_rfc3339(text.trim()) {
        Ok(moment) => Some(moment.to_utc()),
        Err(_) => form.wrong_form("issuedBefore", Code::InvalidField, Format::Moment),
    });
    if token.is_some() && issued_before.is_some() {
        form.contradiction("token", "issuedBefore");
    }
    let reason = form.text("reason", value::REASON);
    form.finish()?;
    let target = match (token, name) {
        (Some(token), _) => Target::Token(token),
        (None, Some(name)) => Target::Subject { name, issued_before },
        (None, None) => return Err(Problem::missing_fields(vec!["token"])),
    };
    Ok((target, reason))
}
