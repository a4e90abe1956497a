//! Staff tokens: JWT with the claims in `claims`, signed with the shared secret (HS256) or a key of the key set.
//!
//! Verified tokens are cached. Their times and whether their key is still in the set are checked each time.
//!
//! A token is never logged, and a response never says why a token is not valid.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use daybook_domain::Actor;
use daybook_domain::access::TokenName;
use daybook_domain::routing::RoutedSubject;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};

use super::claims::{Claims, Signer, TokenOrder, TokenRules};
use super::key_set::{KeySet, KeyVersion};
use super::permission::{Grant, Permission};
use crate::problem::{Code, Problem};
use crate::settings::{JwtSecret, Settings};

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

    /// What revocations name the token by.
    pub(super) fn token(&self) -> TokenName<'_> {
        self.0.claims.name()
    }

    /// The subject for routing.
    pub(crate) fn subject(&self) -> &RoutedSubject {
        &self.0.subject
    }
}

/// Verifies and caches tokens.
pub(crate) struct Tokens {
    /// The shared secrets: the current one and the one before it.
    secrets: Box<[DecodingKey]>,
    key_set: Option<KeySet>,
    rules: TokenRules,
    cached: RwLock<HashMap<Box<str>, Verified>>,
}

/// The owner of a token, and the version of the key set that its key came from; none for a shared secret.
#[derive(Clone)]
struct Verified {
    staff: Staff,
    keys: Option<KeyVersion>,
}

impl Verified {
    const fn signer(&self) -> Signer {
        if self.keys.is_some() { Signer::KeySet } else { Signer::Secret }
    }
}

impl Tokens {
    pub(crate) fn new(settings: &Settings) -> Self {
        let secrets = [&settings.jwt_secret, &settings.previous_jwt_secret].into_iter().flatten();
        Self {
            secrets: secrets.map(|secret| DecodingKey::from_secret(secret.as_bytes())).collect(),
            key_set: settings.key_set.clone(),
            rules: settings.token_rules.clone(),
            cached: RwLock::default(),
        }
    }

    /// The owner of a token; none if it is not valid. Whether it is revoked is another question.
    pub(super) fn verify(&self, token: &str, now: DateTime<Utc>) -> Option<Staff> {
        if token.len() > MAX_TOKEN_LENGTH {
            return None;
        }
        let verified = match self.find_cached(token) {
            Some(verified) => verified,
            None => self.decode(token)?,
        };
        let claims = &verified.staff.0.claims;
        claims.is_in_force(&self.rules, verified.signer(), now).then_some(verified.staff)
    }

    /// The owner of a token that was verified with a key that still counts.
    fn find_cached(&self, token: &str) -> Option<Verified> {
        let verified = self.cached.read().unwrap_or_else(PoisonError::into_inner).get(token).cloned()?;
        let current = || self.key_set.as_ref().and_then(KeySet::current).map(|(_, version)| version);
        (verified.keys.is_none() || verified.keys == current()).then_some(verified)
    }

    fn decode(&self, token: &str) -> Option<Verified> {
        let header = decode_header(token).ok()?;
        // Daybook knows no extension, so it does not know a critical one.
        if header.crit.is_some() {
            return None;
        }
        let (claims, keys) = if header.alg == Algorithm::HS256 {
            (self.secrets.iter().find_map(|key| read(token, key, Algorithm::HS256))?, None)
        } else {
            let (claims, version) = self.decode_with_key_set(token, header.kid.as_deref()?, header.alg)?;
            (claims, Some(version))
        };
        let subject = RoutedSubject::client(claims.sub.as_str());
        let grant = Grant { role: claims.role, only: claims.permissions.clone() };
        let verified = Verified { staff: Staff(Arc::new(Identity { claims, grant, subject })), keys };
        if !verified.staff.0.claims.is_meant_for(&self.rules, verified.signer()) {
            return None;
        }
        let mut cache = self.cached.write().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= MAX_CACHED {
            cache.clear();
        }
        cache.insert(token.into(), verified.clone());
        Some(verified)
    }

    fn decode_with_key_set(
        &self,
        token: &str,
        key_id: &str,
        algorithm: Algorithm,
    ) -> Option<(Claims, KeyVersion)> {
        let key_set = self.key_set.as_ref()?;
        let current = key_set.current();
        if !current.as_ref().is_some_and(|(keys, _)| keys.has(key_id)) {
            key_set.report_missing_key();
        }
        let (keys, version) = current?;
        Some((read(token, keys.find(key_id, algorithm)?, algorithm)?, version))
    }
}

/// The claims of a token with a right signature.
fn read(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Option<Claims> {
    let mut validation = Validation::new(algorithm);
    // `Claims` checks these itself, so that cached and new tokens are judged by the same rules and clock.
    validation.validate_exp = false;
    validation.validate_aud = false;
    decode(token, key, &validation).ok().map(|decoded| decoded.claims)
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
        Tokens::new(&Settings::new("127.0.0.1:0".parse().unwrap(), secret("s")))
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
            json!({"sub":"desk","role":"EDITOR","exp":exp,"jti":""}),
            json!({"sub":"desk","role":"EDITOR","exp":exp,"jti":"x".repeat(257)}),
            json!({"sub":"desk","role":"EDITOR","exp":exp,"permissions":["everything"]}),
        ] {
            assert!(tokens.verify(&sign(&plain, &claims), now).is_none(), "{claims}");
        }
    }

    #[test]
    fn tokens_of_the_secret_before_are_valid_as_long_as_it_is_set() {
        let (now, later) = (Utc::now(), Utc::now() + TimeDelta::minutes(5));
        let settings = Settings::new("127.0.0.1:0".parse().unwrap(), secret("t"));
        let rotated = Settings { previous_jwt_secret: Some(secret("s")), ..settings.clone() };
        let is_valid = |settings: &Settings, letter: &str| {
            Tokens::new(settings).verify(&token(&secret(letter), later), now).is_some()
        };
        assert!(is_valid(&rotated, "s") && is_valid(&rotated, "t") && !is_valid(&rotated, "u"));
        assert!(!is_valid(&settings, "s") && is_valid(&settings, "t"));
        assert!(!is_valid(&Settings { jwt_secret: None, ..settings }, "t"), "no secret, no token");
    }
}
