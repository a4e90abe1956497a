//! Staff tokens: JWT, HS256, with the claims in `claims`. Verified tokens are cached, and their times are checked each time.
//!
//! A token is never logged, and a response never says why a token is not valid.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use daybook_domain::Actor;
use daybook_domain::routing::RoutedSubject;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};

use super::claims::{Claims, TokenOrder, TokenRules};
use super::permission::{Grant, Permission};
use crate::problem::{Code, Problem};
use crate::settings::JwtSecret;

/// Longest token, in bytes.
const MAX_TOKEN_LENGTH: usize = 4096;

/// Most cached tokens. A full cache is cleared.
const MAX_CACHED: usize = 4096;

/// A member of staff with a valid token.
#[derive(Debug, Clone)]
pub(crate) struct Staff(Arc<Identity>);

#[derive(Debug)]
struct Identity {
    claims: Claims,
    grant: Grant,
    subject: RoutedSubject,
}

impl Staff {
    /// Requires a permission.
    pub(crate) fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.0.grant.allows(permission) { Ok(()) } else { Err(Problem::new(Code::Forbidden)) }
    }

    /// The actor of the events that this member of staff causes.
    pub(crate) fn actor(&self) -> Actor {
        Actor::named(self.0.claims.sub.as_str())
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
    rules: TokenRules,
    cached: RwLock<HashMap<Box<str>, Staff>>,
}

impl Tokens {
    pub(crate) fn new(secret: &JwtSecret, rules: TokenRules) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // `Claims` checks these itself, so that cached and new tokens are judged by the same rules and clock.
        validation.validate_exp = false;
        validation.validate_aud = false;
        let key = DecodingKey::from_secret(secret.as_bytes());
        Self { key, validation, rules, cached: RwLock::default() }
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
        staff.0.claims.is_in_force(&self.rules, now).then_some(staff)
    }

    fn decode(&self, token: &str) -> Option<Staff> {
        let decoded = decode::<Claims>(token, &self.key, &self.validation).ok()?;
        // Daybook knows no extension, so it does not know a critical one.
        let (header, claims) = (decoded.header, decoded.claims);
        if header.crit.is_some() || !claims.is_meant_for(&self.rules) {
            return None;
        }
        let subject = RoutedSubject::client(claims.sub.as_str());
        let grant = Grant { role: claims.role, only: claims.permissions.clone() };
        let staff = Staff(Arc::new(Identity { claims, grant, subject }));
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

/// Issues a token that satisfies the rules.
///
/// # Errors
/// If the token cannot be signed.
pub fn issue_token(
    secret: &JwtSecret,
    rules: &TokenRules,
    order: TokenOrder,
    now: DateTime<Utc>,
) -> Result<String, TokenError> {
    let key = EncodingKey::from_secret(secret.as_bytes());
    Ok(encode(&Header::new(Algorithm::HS256), &Claims::issue(rules, order, now), &key)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use chrono::TimeDelta;
    use serde_json::json;

    use super::super::role::{Role, StaffName};
    use super::*;

    fn secret(letter: &str) -> JwtSecret {
        JwtSecret::parse(&letter.repeat(32)).unwrap()
    }

    fn token(secret: &JwtSecret, expires: DateTime<Utc>) -> String {
        let name = StaffName::parse("desk").unwrap();
        let order = TokenOrder::new(name, Role::Admin, expires);
        issue_token(secret, &TokenRules::default(), order, Utc::now()).unwrap()
    }

    fn tokens() -> Tokens {
        Tokens::new(&secret("s"), TokenRules::default())
    }

    fn sign(header: &Header, claims: &serde_json::Value) -> String {
        encode(header, claims, &EncodingKey::from_secret(secret("s").as_bytes())).unwrap()
    }

    #[test]
    fn a_token_is_valid_until_it_expires_even_if_it_is_cached() {
        let (tokens, now) = (tokens(), Utc::now());
        let text = token(&secret("s"), now + TimeDelta::minutes(5));
        for _ in 0..2 {
            let staff = tokens.verify(&text, now).unwrap();
            assert!(staff.require(Permission::Read).is_ok() && staff.require(Permission::FrontDesk).is_ok());
            assert!(staff.require(Permission::Privacy).is_err());
            assert!(tokens.verify(&text, now + TimeDelta::minutes(6)).is_none());
        }
    }

    #[test]
    fn a_token_that_is_unsigned_or_signed_with_another_secret_is_not_valid() {
        let (tokens, now) = (tokens(), Utc::now());
        let later = now + TimeDelta::minutes(5);
        assert!(tokens.verify(&token(&secret("t"), later), now).is_none());
        // Header {"alg":"none"}, claims {"sub":"desk","role":"ADMIN","exp":9999999999}, no signature.
        let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJkZXNrIiwicm9sZSI6IkFETUlOIiwiZXhwIjo5OTk5OTk5OTk5fQ.";
        assert!(tokens.verify(unsigned, now).is_none());
        assert!(tokens.verify("", now).is_none() && tokens.verify(&"x".repeat(5000), now).is_none());
    }

    #[test]
    fn a_token_needs_a_name_a_role_and_an_expiry() {
        let tokens = tokens();
        let now = Utc::now();
        let exp = now.timestamp() + 60;
        let (plain, whole) = (Header::new(Algorithm::HS256), json!({"sub":"desk","role":"EDITOR","exp":exp}));
        assert!(tokens.verify(&sign(&plain, &whole), now).is_some());
        let critical = Header { crit: Some(vec!["b64".into()]), ..plain.clone() };
        assert!(tokens.verify(&sign(&critical, &whole), now).is_none());
        let other = Header::new(Algorithm::HS384);
        assert!(tokens.verify(&sign(&other, &whole), now).is_none());
        for claims in [
            json!({"role":"EDITOR","exp":exp}),
            json!({"sub":"","role":"EDITOR","exp":exp}),
            json!({"sub":"desk","role":"OWNER","exp":exp}),
            json!({"sub":"desk","role":"EDITOR"}),
            json!({"sub":"desk","role":"EDITOR","exp":exp,"aud":"billing"}),
            json!({"sub":"desk","role":"EDITOR","exp":exp,"permissions":["everything"]}),
        ] {
            assert!(tokens.verify(&sign(&plain, &claims), now).is_none(), "{claims}");
        }
    }
}
