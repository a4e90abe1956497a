//! Staff tokens: JWT, HS256, with `sub`, `role` and `exp`. What was verified once is remembered until it expires.
//!
//! A token is never logged, and an answer does not say what was wrong with one.

use std::collections::HashMap;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};
use chrono::{DateTime, Utc};
use daybook_domain::Actor;
use daybook_domain::routing::RoutedSubject;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use super::role::{Role, StaffName};
use crate::problem::{Code, Problem};
use crate::settings::JwtSecret;
use crate::state::State;

/// How far clocks of those who issue tokens may be off.
const LEEWAY: Duration = Duration::from_secs(30);

/// Longest token that is looked at, in bytes.
const MAX_TOKEN_LENGTH: usize = 4096;

/// Verified tokens that are remembered; past this all are forgotten and verified again.
const MAX_VERIFIED: usize = 4096;

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: StaffName,
    role: Role,
    /// Seconds since 1970.
    exp: u64,
}

/// A member of staff whose token is valid.
#[derive(Debug, Clone)]
pub(crate) struct Staff(Arc<Identity>);

#[derive(Debug)]
struct Identity {
    name: StaffName,
    role: Role,
    subject: RoutedSubject,
    /// Seconds since 1970.
    expires: u64,
}

impl Staff {
    /// Lets through who has this role or one above it.
    pub(crate) fn require(&self, role: Role) -> Result<(), Problem> {
        if self.0.role >= role { Ok(()) } else { Err(Problem::of(Code::Forbidden)) }
    }

    /// As an actor.
    pub(crate) fn actor(&self) -> Actor {
        Actor::named(self.0.name.as_str())
    }

    /// As whom reads are routed.
    pub(crate) fn subject(&self) -> &RoutedSubject {
        &self.0.subject
    }
}

impl FromRequest for Staff {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(identify(request).ok_or_else(|| Problem::of(Code::Unauthenticated)))
    }
}

fn identify(request: &HttpRequest) -> Option<Staff> {
    let state = request.app_data::<web::Data<State>>()?;
    let header = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    let token = scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())?;
    state.tokens.verify(token, state.clock.now())
}

/// Verifies tokens.
pub(crate) struct Tokens {
    key: DecodingKey,
    validation: Validation,
    verified: RwLock<HashMap<Box<str>, Staff>>,
}

impl Tokens {
    pub(crate) fn new(secret: &JwtSecret) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // The clock is ours, so that a remembered token and a fresh one expire alike.
        validation.validate_exp = false;
        validation.validate_aud = false;
        let key = DecodingKey::from_secret(secret.as_bytes());
        Self { key, validation, verified: RwLock::default() }
    }

    /// Whose a token is; none where it is not valid.
    fn verify(&self, token: &str, now: DateTime<Utc>) -> Option<Staff> {
        if token.len() > MAX_TOKEN_LENGTH {
            return None;
        }
        let known = self.verified.read().unwrap_or_else(PoisonError::into_inner).get(token).cloned();
        let staff = match known {
            Some(staff) => staff,
            None => self.verify_anew(token)?,
        };
        let latest = staff.0.expires.saturating_add(LEEWAY.as_secs());
        (now.timestamp().unsigned_abs() <= latest).then_some(staff)
    }

    fn verify_anew(&self, token: &str) -> Option<Staff> {
        let Claims { sub, role, exp } = decode::<Claims>(token, &self.key, &self.validation).ok()?.claims;
        let subject = RoutedSubject::client(sub.as_str());
        let staff = Staff(Arc::new(Identity { name: sub, role, subject, expires: exp }));
        let mut verified = self.verified.write().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= MAX_VERIFIED {
            verified.clear();
        }
        verified.insert(token.into(), staff.clone());
        Some(staff)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tokens(..)")
    }
}

/// A token could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the token could not be made")]
pub struct TokenError(#[from] jsonwebtoken::errors::Error);

/// Makes a token for a member of staff that is valid until `expires`.
///
/// # Errors
/// When it cannot be signed.
pub fn issue_token(
    secret: &JwtSecret,
    name: StaffName,
    role: Role,
    expires: DateTime<Utc>,
) -> Result<String, TokenError> {
    let claims = Claims { sub: name, role, exp: u64::try_from(expires.timestamp()).unwrap_or(0) };
    let key = EncodingKey::from_secret(secret.as_bytes());
    Ok(encode(&Header::new(Algorithm::HS256), &claims, &key)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;

    fn secret(letter: &str) -> JwtSecret {
        JwtSecret::parse(&letter.repeat(32)).unwrap()
    }

    fn token(secret: &JwtSecret, expires: DateTime<Utc>) -> String {
        issue_token(secret, StaffName::parse("desk").unwrap(), Role::Admin, expires).unwrap()
    }

    #[test]
    fn a_token_is_valid_until_it_expires_also_when_it_is_remembered() {
        let (tokens, now) = (Tokens::new(&secret("s")), Utc::now());
        let text = token(&secret("s"), now + TimeDelta::minutes(5));
        for _ in 0..2 {
            let staff = tokens.verify(&text, now).unwrap();
            assert!(staff.require(Role::Editor).is_ok() && staff.require(Role::Admin).is_ok());
            assert!(staff.require(Role::SuperAdmin).is_err());
            assert!(tokens.verify(&text, now + TimeDelta::minutes(6)).is_none());
        }
    }

    #[test]
    fn what_another_secret_or_no_secret_signed_is_not_valid() {
        let (tokens, now) = (Tokens::new(&secret("s")), Utc::now());
        let later = now + TimeDelta::minutes(5);
        assert!(tokens.verify(&token(&secret("t"), later), now).is_none());
        // Header {"alg":"none"}, claims {"sub":"desk","role":"ADMIN","exp":9999999999}, no signature.
        let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJkZXNrIiwicm9sZSI6IkFETUlOIiwiZXhwIjo5OTk5OTk5OTk5fQ.";
        assert!(tokens.verify(unsigned, now).is_none());
        assert!(tokens.verify("", now).is_none() && tokens.verify(&"x".repeat(5000), now).is_none());
    }

    #[test]
    fn a_token_says_who_what_and_until_when() {
        let tokens = Tokens::new(&secret("s"));
        let sign = |claims: serde_json::Value| {
            let key = EncodingKey::from_secret(secret("s").as_bytes());
            encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
        };
        let now = Utc::now();
        let exp = now.timestamp() + 60;
        assert!(tokens.verify(&sign(json!({"sub":"desk","role":"EDITOR","exp":exp})), now).is_some());
        for claims in [
            json!({"role":"EDITOR","exp":exp}),
            json!({"sub":"","role":"EDITOR","exp":exp}),
            json!({"sub":"desk","role":"OWNER","exp":exp}),
            json!({"sub":"desk","role":"EDITOR"}),
        ] {
            assert!(tokens.verify(&sign(claims.clone()), now).is_none(), "{claims}");
        }
    }
}
