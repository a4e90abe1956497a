//! Revoked tokens of staff. It knows names of tokens and of staff, never a token itself.
//!
//! A revocation is kept in memory as long as a token that it concerns can be valid.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::value::{self, Checks, Faults, Range, Relation};

/// An event of the stream `access-main`.
#[derive(Debug, Clone, PartialEq)]
pub enum AccessEvent {
    /// One token is revoked.
    TokenRevoked(TokenRevoked),
    /// The earlier tokens of a member of staff are revoked.
    SubjectTokensRevoked(SubjectTokensRevoked),
}

/// One token is revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRevoked {
    /// The token's claim `jti`.
    pub token: Box<str>,
    pub at: DateTime<Utc>,
    /// From then on, no token that was valid at `at` is valid.
    pub until: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
}

/// The tokens of a member of staff that were issued before a moment are revoked. A token that does not say when it was
/// issued counts as issued before any moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectTokensRevoked {
    /// The tokens' claim `sub`.
    pub subject: Box<str>,
    pub at: DateTime<Utc>,
    pub issued_before: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
}

/// A command: the event that it asks for.
pub type AccessCommand = AccessEvent;

/// A token, by the claims that revocations depend on.
#[derive(Debug, Clone, Copy)]
pub struct TokenName<'a> {
    /// The claim `jti`.
    pub id: Option<&'a str>,
    /// The claim `sub`.
    pub subject: &'a str,
    /// The claim `iat`.
    pub issued: Option<DateTime<Utc>>,
}

/// A value of a revocation is out of its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct AccessRejection(#[from] pub Faults);

/// The revocations that are in force.
#[derive(Debug, Clone, Default)]
pub struct Revocations {
    tokens: BTreeMap<Box<str>, TokenRevoked>,
    /// The ids of `tokens` by the end of their revocation.
    ends: BTreeSet<(DateTime<Utc>, Box<str>)>,
    /// At most one for each member of staff. They have no end, because tokens without `iat` may have none.
    subjects: BTreeMap<Box<str>, SubjectTokensRevoked>,
}

impl Revocations {
    /// Whether a token is revoked.
    pub fn contains(&self, token: TokenName<'_>) -> bool {
        token.id.is_some_and(|id| self.tokens.contains_key(id))
            || self
                .subjects
                .get(token.subject)
                .is_some_and(|revoked| token.issued.is_none_or(|issued| issued < revoked.issued_before))
    }

    /// The revoked tokens, in the order of their ids.
    pub fn tokens(&self) -> impl Iterator<Item = &TokenRevoked> {
        self.tokens.values()
    }

    /// The members of staff whose earlier tokens are revoked, in the order of their names.
    pub fn subjects(&self) -> impl Iterator<Item = &SubjectTokensRevoked> {
        self.subjects.values()
    }

    /// The event of a command; none if the tokens are revoked already.
    ///
    /// # Errors
    /// If a value is out of its range.
    pub fn decide(&self, command: AccessCommand) -> Result<Vec<AccessEvent>, AccessRejection> {
        let is_repeated = match &command {
            AccessEvent::TokenRevoked(TokenRevoked { token, until, reason, .. }) => {
                let mut checks = Checks::default();
                checks.check("token", value::TOKEN_ID.check(token));
                checks.check("until", value::MOMENTS.check(*until));
                checks.check_some("reason", reason.as_deref(), |reason| value::REASON.check(reason));
                checks.finish()?;
                self.tokens.contains_key(token)
            }
            AccessEvent::SubjectTokensRevoked(revoked) => {
                let SubjectTokensRevoked { subject, at, issued_before, reason } = revoked;
                let mut checks = Checks::default();
                checks.check("subject", value::STAFF_NAME.check(subject));
                checks.check("issuedBefore", value::MOMENTS.check(*issued_before));
                let future = Range::Relation(Relation::NotInFuture);
                checks.check("issuedBefore", if issued_before > at { Err(future) } else { Ok(()) });
                checks.check_some("reason", reason.as_deref(), |reason| value::REASON.check(reason));
                checks.finish()?;
                self.subjects.get(subject).is_some_and(|known| known.issued_before >= *issued_before)
            }
        };
        Ok(if is_repeated { vec![] } else { vec![command] })
    }

    /// Applies an event, and drops the revocations that had ended by then.
    pub fn evolve(&mut self, event: &AccessEvent) {
        match event {
            AccessEvent::TokenRevoked(revoked) => {
                self.drop_ended(revoked.at);
                if let Some(former) = self.tokens.insert(revoked.token.clone(), revoked.clone()) {
                    self.ends.remove(&(former.until, former.token));
                }
                self.ends.insert((revoked.until, revoked.token.clone()));
            }
            AccessEvent::SubjectTokensRevoked(revoked) => {
                self.drop_ended(revoked.at);
                let known = self.subjects.get(&revoked.subject);
                if known.is_none_or(|known| known.issued_before < revoked.issued_before) {
                    self.subjects.insert(revoked.subject.clone(), revoked.clone());
                }
            }
        }
    }

    fn drop_ended(&mut self, now: DateTime<Utc>) {
        while let Some((_, token)) = self.ends.first().filter(|(until, _)| *until <= now).cloned() {
            self.ends.pop_first();
            self.tokens.remove(&token);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn at(day: u32, second: u32) -> DateTime<Utc> {
        format!("2026-11-{day:02}T01:00:{second:02}Z").parse().unwrap()
    }

    fn token(id: &str, day: u32, until: u32) -> AccessCommand {
        let revoked = TokenRevoked { token: id.into(), at: at(day, 0), until: at(until, 0), reason: None };
        AccessEvent::TokenRevoked(revoked)
    }

    fn subject(name: &str, issued_before: DateTime<Utc>) -> AccessCommand {
        let revoked =
            SubjectTokensRevoked { subject: name.into(), at: at(20, 0), issued_before, reason: None };
        AccessEvent::SubjectTokensRevoked(revoked)
    }

    fn revoke(state: &mut Revocations, command: AccessCommand) -> usize {
        let events = state.decide(command).unwrap();
        events.iter().for_each(|event| state.evolve(event));
        events.len()
    }

    fn named<'a>(id: Option<&'a str>, subject: &'a str, issued: Option<DateTime<Utc>>) -> TokenName<'a> {
        TokenName { id, subject, issued }
    }

    #[test]
    fn a_token_is_revoked_by_its_id_once() {
        let mut state = Revocations::default();
        assert_eq!(revoke(&mut state, token("a", 1, 9)), 1);
        assert_eq!(revoke(&mut state, token("a", 2, 9)), 0, "its effect is there already");
        assert!(state.contains(named(Some("a"), "kim", Some(at(9, 9)))));
        assert!(!state.contains(named(Some("b"), "kim", None)) && !state.contains(named(None, "a", None)));
    }

    #[test]
    fn the_tokens_of_a_subject_are_revoked_up_to_a_moment() {
        let mut state = Revocations::default();
        assert_eq!(revoke(&mut state, subject("kim", at(10, 5))), 1);
        assert_eq!(revoke(&mut state, subject("kim", at(10, 4))), 0, "an earlier moment is included");
        assert!(state.contains(named(Some("a"), "kim", Some(at(10, 4)))));
        assert!(state.contains(named(None, "kim", None)), "a token without `iat` is older than any moment");
        assert!(!state.contains(named(None, "kim", Some(at(10, 5)))));
        assert!(!state.contains(named(None, "lee", None)));
        assert_eq!(revoke(&mut state, subject("kim", at(10, 6))), 1);
        assert!(state.contains(named(None, "kim", Some(at(10, 5)))));
    }

    #[test]
    fn a_revocation_whose_tokens_have_expired_is_dropped() {
        let mut state = Revocations::default();
        for day in 1..=20 {
            revoke(&mut state, token(&format!("token-{day}"), day, day + 3));
            assert!(state.tokens().count() <= 3 && state.ends.len() <= 3, "day {day}");
        }
        assert!(!state.contains(named(Some("token-17"), "kim", None)));
        assert!(state.contains(named(Some("token-18"), "kim", None)));
    }

    #[test]
    fn values_out_of_range_and_moments_of_the_future_are_refused() {
        let state = Revocations::default();
        for (command, field) in [
            (token("", 1, 2), "token"),
            (token("a\nb", 1, 2), "token"),
            (token(&"x".repeat(257), 1, 2), "token"),
            (subject("", at(1, 0)), "subject"),
            (subject("kim", at(20, 1)), "issuedBefore"),
            (subject("kim", DateTime::<Utc>::MIN_UTC), "issuedBefore"),
        ] {
            let AccessRejection(faults) = state.decide(command).unwrap_err();
            assert_eq!(faults.into_inner()[0].field, field);
        }
    }
}
