//! Staff tokens: JWT, HS256, with `sub`, `role` and `exp`. Verified tokens are cached until they expire.
//!
//! A token is never logged, and a response never says why a token is not valid.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use daybook_domain::Actor;
use daybook_domain::routing::RoutedSubject;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use super::role::{Role, StaffName};
use crate::problem::{Code, Problem};
use crate::settings::JwtSecret;

/// Allowed clock difference to the issuer of a token.
const LEEWAY: Duration = Duration::from_secs(30);

/// Longest token, in bytes.
const MAX_TOKEN_LENGTH: usize = 4096;

/// Most cached tokens. A full cache is cleared.
const MAX_CACHED: usize = 4096;

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: StaffName,
    role: Role,
    /// Seconds since 1970.
    exp: u64,
}

/// A member of staff with a valid token.
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
    /// Requires this role or a higher one.
    pub(crate) fn require(&self, role: Role) -> Result<(), Problem> {
        if self.0.role >= role { Ok(()) } else { Err(Problem::new(Code::Forbidden)) }
    }

    /// The actor of the events that this member of staff causes.
    pub(crate) fn actor(&self) -> Actor {
        Actor::named(self.0.name.as_str())
    }

    /// The subject for routing.
    pub(crate) fn subject(&self) -> &RoutedSubject {
        &self.0.subject
    }
}

/// Verifies and caches tokens.
pub(crate) struct Tokens {
    key: DecodingKey,
    validation: Validation,
    cached: RwLock<HashMap<Box<str>, Staff>>,
}

impl Tokens {
    pub(crate) fn new(secret: &JwtSecret) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // `verify` checks `exp` itself, so that cached and new tokens expire by the same clock.
        validation.validate_exp = false;
        validation.validate_aud = false;
        let key = DecodingKey::from_secret(secret.as_bytes());
        Self { key, validation, cached: RwLock::default() }
    }

    /// The owner of a token; none if it is not valid.
    pub(super) fn verify(&self, token: &str, now: DateTime<Utc>) -> Option<Staff> {
        if token.len() > MAX_TOKEN_LENGTH {
            return None;
        }
        let cached = self.cached.read().unwrap_or_else(PoisonError::into_inner).get(token).cloned();
        let staff = match cached {
            Some(staff) => staff,
            None => self.decode(token)?,
        };
        let latest = staff.0.expires.saturating_add(LEEWAY.as_secs());
        (now.timestamp().unsigned_abs() <= latest).then_some(staff)
    }

    fn decode(&self, token: &str) -> Option<Staff> {
        let Claims { sub, role, exp } = decode::<Claims>(token, &self.key, &self.validation).ok()?.claims;
        let subject = RoutedSubject::client(sub.as_str());
        let staff = Staff(Arc::new(Identity { name: sub, role, subject, expires: exp }));
        let mut cache = self.cached.write().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= MAX_CACHED {
            cache.clear();
        }
        cache.insert(token.into(), staff.clone());
        Some(staff)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tokens(..)")
    }
}

/// A token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("could not sign the token")]
pub struct TokenError(#[from] jsonwebtoken::errors::Error);

/// Issues a token for a member of staff, valid until `expires`.
///
/// # Errors
/// If the token cannot be signed.
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
    fn a_token_is_valid_until_it_expires_even_if_it_is_cached() {
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
    fn a_token_that_is_unsigned_or_signed_with_another_secret_is_not_valid() {
        let (tokens, now) = (Tokens::new(&secret("s")), Utc::now());
        let later = now + TimeDelta::minutes(5);
        assert!(tokens.verify(&token(&secret("t"), later), now).is_none());
        // Header {"alg":"none"}, claims {"sub":"desk","role":"ADMIN","exp":9999999999}, no signature.
        let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJkZXNrIiwicm9sZSI6IkFETUlOIiwiZXhwIjo5OTk5OTk5OTk5fQ.";
        assert!(tokens.verify(unsigned, now).is_none());
        assert!(tokens.verify("", now).is_none() && tokens.verify(&"x".repeat(5000), now).is_none());
    }

    #[test]
    fn a_token_needs_a_name_a_role_and_an_expiry() {
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
