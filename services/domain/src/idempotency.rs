//! Idempotency keys: which request owns a key. Each key has a stream of its own.
//!
//! A key is claimed before its request is decided, and stays claimed once the request has an effect. Nothing here depends on
//! the day schedule; the caller claims, decides there, and releases the key if nothing was recorded.

use serde::{Deserialize, Serialize};

use crate::id::RequestFingerprint;

/// An event of the stream `idempotency-<hash of the key>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdempotencyEvent {
    /// A request claimed the key.
    KeyClaimed(KeyClaimed),
    /// The only request that had claimed the key was rejected, so another one may use it.
    KeyReleased(KeyReleased),
}

/// A request claimed the key. A second claim by the same request means that several attempts run at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyClaimed {
    /// The request that the key is bound to.
    pub fingerprint: RequestFingerprint,
}

/// The key is free again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyReleased {}

/// The key is bound to another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the idempotency key was used for another request")]
pub struct KeyReused;

/// The state of one key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyState {
    owner: Option<RequestFingerprint>,
    /// Whether more than one attempt has claimed the key, so that none of them may release it.
    is_shared: bool,
}

impl KeyState {
    /// Applies one event.
    pub fn evolve(&mut self, event: &IdempotencyEvent) {
        *self = match event {
            IdempotencyEvent::KeyClaimed(KeyClaimed { fingerprint }) => {
                Self { owner: Some(*fingerprint), is_shared: self.owner.is_some() }
            }
            IdempotencyEvent::KeyReleased(_) => Self::default(),
        };
    }

    /// Decides a claim. No event means that nobody can release the key any more, so the request may go on.
    pub fn claim(&self, fingerprint: RequestFingerprint) -> Result<Option<IdempotencyEvent>, KeyReused> {
        match self.owner {
            Some(owner) if owner != fingerprint => Err(KeyReused),
            Some(_) if self.is_shared => Ok(None),
            Some(_) | None => Ok(Some(IdempotencyEvent::KeyClaimed(KeyClaimed { fingerprint }))),
        }
    }

    /// Decides the release of a key whose request was rejected: none unless there was one attempt only.
    pub fn release(&self) -> Option<IdempotencyEvent> {
        let is_sole = self.owner.is_some() && !self.is_shared;
        is_sole.then_some(IdempotencyEvent::KeyReleased(KeyReleased {}))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const ONE: RequestFingerprint = RequestFingerprint::from_bytes([1; 16]);
    const OTHER: RequestFingerprint = RequestFingerprint::from_bytes([2; 16]);

    fn after(events: &[Option<IdempotencyEvent>]) -> KeyState {
        let mut state = KeyState::default();
        events.iter().flatten().for_each(|event| state.evolve(event));
        state
    }

    #[test]
    fn a_claimed_key_belongs_to_one_request_until_it_is_released() {
        let claimed = KeyState::default().claim(ONE).unwrap();
        let state = after(std::slice::from_ref(&claimed));
        assert_eq!(state.claim(OTHER), Err(KeyReused));
        let released = after(&[claimed, state.release()]);
        assert_eq!(released, KeyState::default());
        assert!(released.claim(OTHER).unwrap().is_some());
    }

    #[test]
    fn a_key_that_several_attempts_claimed_is_never_released() {
        let claimed = KeyState::default().claim(ONE).unwrap();
        let shared = after(&[claimed.clone(), claimed]);
        assert_eq!(
            (shared.release(), shared.claim(ONE), shared.claim(OTHER)),
            (None, Ok(None), Err(KeyReused))
        );
    }
}
