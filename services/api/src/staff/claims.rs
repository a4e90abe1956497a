//! The claims of a staff token, and the rules they have to satisfy whatever key signed them.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::access::TokenName;
use daybook_domain::value;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::permission::Permission;
use super::role::{Role, StaffName};

/// Allowed clock difference to the issuer of a token.
const LEEWAY: u64 = 30;

/// The audience and the issuer of tokens that Daybook issues itself.
const DAYBOOK: &str = "daybook";

/// Longest time that a revocation is kept.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Which tokens are accepted.
#[derive(Debug, Clone, Default)]
pub struct TokenRules {
    /// The audience that a token must name. Without it, a token may name none, or `daybook`.
    pub audience: Option<Box<str>>,
    /// The issuer that a token must name. Without it, any or none.
    pub issuer: Option<Box<str>>,
    /// Longest time between the issue of a token and its expiry. Without it, [`Self::MAX_LIFETIME`] for a token that says
    /// when it was issued; those of earlier releases do not.
    pub max_lifetime: Option<Duration>,
}

impl TokenRules {
    /// Longest lifetime, unless the rules have another.
    pub const MAX_LIFETIME: Duration = Duration::from_secs(366 * 24 * 60 * 60);

    /// How long a token that is valid now can stay valid at most, if it says when it was issued or has an id. The bound
    /// has a day to spare, for clocks that differ, and is never more than a hundred years: moments are four-digit years.
    pub fn longest_validity(&self) -> TimeDelta {
        let longest = self.max_lifetime.unwrap_or_default().max(Self::MAX_LIFETIME).min(CENTURY);
        TimeDelta::days(1) + TimeDelta::from_std(longest).unwrap_or_default()
    }
}

/// Whose key signed a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signer {
    /// Daybook's own, or a system that shares the secret.
    Secret,
    /// An issuer with a key set. It signs tokens for others too.
    KeySet,
}

/// What a token says. Times are seconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) sub: StaffName,
    pub(super) role: Role,
    pub(super) exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iat: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iss: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aud: Option<Audience>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) jti: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) permissions: Option<Box<[Permission]>>,
}

/// One audience or several.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(Box<str>),
    Several(Box<[Box<str>]>),
}

impl Audience {
    fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => &**one == audience,
            Self::Several(several) => several.iter().any(|one| &**one == audience),
        }
    }
}

impl Claims {
    /// The claims of a token that Daybook issues itself.
    pub(super) fn issue(rules: &TokenRules, order: TokenOrder, now: DateTime<Utc>) -> Self {
        let TokenOrder { name, role, permissions, expires, id } = order;
        let named = |given: &Option<Box<str>>| given.clone().unwrap_or_else(|| DAYBOOK.into());
        Self {
            sub: name,
            role,
            exp: seconds(expires),
            nbf: None,
            iat: Some(seconds(now)),
            iss: Some(named(&rules.issuer)),
            aud: Some(Audience::One(named(&rules.audience))),
            jti: Some(id.to_string().into()),
            permissions,
        }
    }

    /// Whether the token is meant for this installation.
    pub(super) fn is_meant_for(&self, rules: &TokenRules, signer: Signer) -> bool {
        let audience = match (&self.aud, &rules.audience) {
            (None, required) => required.is_none() && signer == Signer::Secret,
            (Some(named), required) => named.names(required.as_deref().unwrap_or(DAYBOOK)),
        };
        audience && rules.issuer.as_ref().is_none_or(|required| self.iss.as_ref() == Some(required))
    }

    /// Whether the token is valid now.
    pub(super) fn is_in_force(&self, rules: &TokenRules, signer: Signer, now: DateTime<Utc>) -> bool {
        let now = seconds(now);
        let begins = self.nbf.max(self.iat).unwrap_or(0);
        // The revocation of an id has an end, so a token with one needs an end that is known.
        let is_old = self.iat.is_none() && self.jti.is_none() && signer == Signer::Secret;
        let max_lifetime = match rules.max_lifetime {
            Some(most) => most.as_secs(),
            None if is_old => u64::MAX,
            None => TokenRules::MAX_LIFETIME.as_secs(),
        };
        // Without one that can be named, a token could not be revoked by its id.
        let has_good_id = self.jti.as_deref().is_none_or(|id| value::TOKEN_ID.check(id).is_ok());
        has_good_id
            && begins <= now.saturating_add(LEEWAY)
            && now <= self.exp.saturating_add(LEEWAY)
            && self.exp.saturating_sub(self.iat.unwrap_or(now)) <= max_lifetime
    }

    /// What revocations name the token by.
    pub(super) fn name(&self) -> TokenName<'_> {
        TokenName { id: self.jti.as_deref(), subject: self.sub.as_str(), issued: self.issued() }
    }

    /// When the token was issued. `iat` has whole seconds, and an id of version 7 has the milliseconds: a token that
    /// replaces revoked ones in the same second is not revoked with them.
    fn issued(&self) -> Option<DateTime<Utc>> {
        let issued = DateTime::from_timestamp(self.iat?.try_into().ok()?, 0)?;
        let id = self.jti.as_deref().and_then(|id| Uuid::try_parse(id).ok()?.get_timestamp());
        let (second, nanosecond) = id.map_or((0, 0), |id| id.to_unix());
        let is_same = Some(second) == self.iat;
        if is_same { DateTime::from_timestamp(issued.timestamp(), nanosecond) } else { Some(issued) }
    }
}

/// A token to issue.
#[derive(Debug)]
pub struct TokenOrder {
    /// The member of staff.
    pub name: StaffName,
    pub role: Role,
    /// The permissions of the role that the token has; all without a list.
    pub permissions: Option<Box<[Permission]>>,
    pub expires: DateTime<Utc>,
    /// Names the token, to revoke it.
    pub id: Uuid,
}

impl TokenOrder {
    /// A token with all permissions of the role.
    pub fn new(name: StaffName, role: Role, expires: DateTime<Utc>) -> Self {
        Self { name, role, permissions: None, expires, id: Uuid::now_v7() }
    }
}

/// Whether a text looks like a token itself. It must not be recorded where an id should be.
pub fn is_token(text: &str) -> bool {
    text.starts_with("ey") && text.split('.').count() == 3
}

fn seconds(moment: DateTime<Utc>) -> u64 {
    u64::try_from(moment.timestamp()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use chrono::TimeDelta;
    use serde_json::{Value, json};

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn claims(others: Value) -> Claims {
        let mut all = json!({"sub": "desk", "role": "ADMIN", "exp": NOW + 3600});
        all.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    fn is_valid(others: Value, rules: &TokenRules) -> bool {
        let (claims, now) = (claims(others), DateTime::from_timestamp(NOW, 0).unwrap());
        claims.is_meant_for(rules, Signer::Secret) && claims.is_in_force(rules, Signer::Secret, now)
    }

    #[test]
    fn a_token_begins_ends_and_has_a_longest_lifetime() {
        let year = 366 * 24 * 3600;
        for (others, valid) in [
            (json!({}), true),
            (json!({"exp": NOW - 30}), true),
            (json!({"exp": NOW - 31}), false),
            (json!({"nbf": NOW + 30}), true),
            (json!({"nbf": NOW + 31}), false),
            (json!({"iat": NOW + 31}), false),
            (json!({"exp": NOW + year, "iat": NOW}), true),
            (json!({"exp": NOW + year + 1, "iat": NOW}), false),
            (json!({"exp": NOW + 60, "iat": NOW - year}), false),
            (json!({"exp": u64::MAX, "iat": NOW}), false),
            // A token of an earlier release does not say when it was issued.
            (json!({"exp": NOW + 2 * year}), true),
            (json!({"exp": NOW + year, "jti": "a"}), true),
            (json!({"exp": NOW + year + 1, "jti": "a"}), false),
        ] {
            assert_eq!(is_valid(others.clone(), &TokenRules::default()), valid, "{others}");
        }
        let strict = TokenRules { max_lifetime: Some(Duration::from_secs(3600)), ..TokenRules::default() };
        assert!(is_valid(json!({}), &strict) && !is_valid(json!({"exp": NOW + 3601}), &strict));
    }

    #[test]
    fn a_token_for_somebody_else_is_not_valid() {
        let any = TokenRules::default();
        let named = |text: &str| Some(Box::<str>::from(text));
        let own =
            TokenRules { audience: named("clinic"), issuer: named("https://login.example"), ..any.clone() };
        for (others, by_any, by_own) in [
            (json!({}), true, false),
            (json!({"aud": "daybook"}), true, false),
            (json!({"aud": "billing"}), false, false),
            (json!({"aud": ["billing", "daybook"], "iss": "daybook"}), true, false),
            (json!({"aud": ["billing", "clinic"], "iss": "https://login.example"}), false, true),
            (json!({"aud": "clinic", "iss": "https://evil.example"}), false, false),
            (json!({"aud": "clinic"}), false, false),
            (json!({"aud": []}), false, false),
        ] {
            assert_eq!(is_valid(others.clone(), &any), by_any, "{others}");
            assert_eq!(is_valid(others.clone(), &own), by_own, "{others}");
        }
    }

    #[test]
    fn a_token_of_our_own_satisfies_its_own_rules() {
        let now = DateTime::from_timestamp(NOW, 0).unwrap();
        let own = TokenRules { audience: Some("clinic".into()), issuer: None, ..TokenRules::default() };
        for rules in [TokenRules::default(), own] {
            let name = StaffName::parse("desk").unwrap();
            let expires = now + TimeDelta::hours(8);
            let claims = Claims::issue(&rules, TokenOrder::new(name, Role::Editor, expires), now);
            for signer in [Signer::Secret, Signer::KeySet] {
                assert!(claims.is_meant_for(&rules, signer) && claims.is_in_force(&rules, signer, now));
            }
        }
    }

    #[test]
    fn a_token_of_a_key_set_names_its_audience_and_ends_within_a_year() {
        let (rules, now) = (TokenRules::default(), DateTime::from_timestamp(NOW, 0).unwrap());
        let year = 366 * 24 * 3600;
        for (others, valid) in [
            (json!({"aud": "daybook"}), true),
            (json!({}), false),
            (json!({"aud": "billing"}), false),
            (json!({"aud": "daybook", "exp": NOW + year + 1}), false),
        ] {
            let claims = claims(others.clone());
            let is_valid = claims.is_meant_for(&rules, Signer::KeySet)
                && claims.is_in_force(&rules, Signer::KeySet, now);
            assert_eq!(is_valid, valid, "{others}");
        }
    }

    #[test]
    fn the_id_of_a_token_of_our_own_tells_its_issue_to_the_millisecond() {
        let issued = |others| claims(others).issued().map(|at| at.timestamp_millis());
        let id = |millis: u64| {
            Uuid::new_v7(uuid::Timestamp::from_unix_time(
                millis / 1000,
                (millis % 1000) as u32 * 1_000_000,
                0,
                0,
            ))
        };
        let now = NOW as u64 * 1000;
        assert_eq!(issued(json!({})), None);
        assert_eq!(issued(json!({"jti": id(now + 123)})), None);
        assert_eq!(issued(json!({"iat": NOW})), Some(NOW * 1000));
        assert_eq!(issued(json!({"iat": NOW, "jti": "a"})), Some(NOW * 1000));
        assert_eq!(issued(json!({"iat": NOW, "jti": id(now + 123)})), Some(NOW * 1000 + 123));
        assert_eq!(issued(json!({"iat": NOW, "jti": id(now + 1000)})), Some(NOW * 1000), "of another second");
        assert_eq!(issued(json!({"iat": u64::MAX})), None);
    }

    #[test]
    fn a_revocation_outlives_every_token_and_its_end_can_be_written() {
        let rules = |days: Option<u64>| TokenRules {
            max_lifetime: days.map(|days| Duration::from_secs(days * 24 * 3600)),
            ..TokenRules::default()
        };
        for (days, expected) in
            [(None, 367), (Some(1), 367), (Some(1000), 1001), (Some(u64::from(u32::MAX)), 36_501)]
        {
            assert_eq!(rules(days).longest_validity(), TimeDelta::days(expected), "{days:?}");
        }
    }
}
