//! The revoked tokens in admin responses.

use chrono::{DateTime, SecondsFormat, Utc};
use daybook_domain::access::{Revocations, SubjectTokensRevoked, TokenRevoked};
use serde::Serialize;

/// All revocations that are in force.
#[derive(Debug, Serialize)]
pub(super) struct RevokedTokensResponse<'a> {
    success: bool,
    tokens: Vec<RevokedToken<'a>>,
    subjects: Vec<RevokedSubject<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RevokedToken<'a> {
    token: &'a str,
    revoked_at: String,
    /// From then on, the token has expired.
    until: String,
    reason: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RevokedSubject<'a> {
    subject: &'a str,
    revoked_at: String,
    issued_before: String,
    reason: Option<&'a str>,
}

impl<'a> From<&'a Revocations> for RevokedTokensResponse<'a> {
    fn from(revocations: &'a Revocations) -> Self {
        let token = |revoked: &'a TokenRevoked| RevokedToken {
            token: &revoked.token,
            revoked_at: format(revoked.at),
            until: format(revoked.until),
            reason: revoked.reason.as_deref(),
        };
        let subject = |revoked: &'a SubjectTokensRevoked| RevokedSubject {
            subject: &revoked.subject,
            revoked_at: format(revoked.at),
            issued_before: format(revoked.issued_before),
            reason: revoked.reason.as_deref(),
        };
        Self {
            success: true,
            tokens: revocations.tokens().map(token).collect(),
            subjects: revocations.subjects().map(subject).collect(),
        }
    }
}

fn format(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}
